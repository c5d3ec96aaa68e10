import pytest

from gateway.local_realtime import Answer, OfferedTool, RecordedVoice, ToolCall, ToolOutput
from tests.local_realtime.sessions import (
    Event,
    ScriptedPersona,
    Talk,
    function,
    of_type,
    recorded_call,
    typed,
    types,
)

PARIS = '{"city": "Paris", "unit": "celsius"}'
WEATHER = ToolCall("weather", PARIS)
TIME = ToolCall("time", "{}")
BEGIN = ["response.created", "rate_limits.updated"]
CALL = [
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "conversation.item.done",
]
WORDS = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
]
END = ["response.done"]


def talk_with(voice: RecordedVoice, persona: ScriptedPersona) -> Talk:
    talk = Talk(voice, persona=persona)
    talk.update(output_modalities=["text"], tools=[function("weather"), function("time")])
    return talk


def calling(voice: RecordedVoice, *answers: Answer | str) -> Talk:
    return talk_with(voice, ScriptedPersona(*answers))


def answer(talk: Talk, **params: object) -> list[Event]:
    return talk.send("response.create", response=params) + talk.wait(3.0)


def give_output(talk: Talk, call_id: str, output: str) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    talk.send("conversation.item.create", item=item)


def call_ids(events: list[Event]) -> list[str]:
    return [done["call_id"] for done in of_type(events, "response.function_call_arguments.done")]


def response_of(events: list[Event]) -> Event:
    (done,) = of_type(events, "response.done")
    response: Event = done["response"]
    return response


def test_a_call_has_its_events_in_the_documented_order(voice: RecordedVoice) -> None:
    events = answer(calling(voice, Answer(calls=(WEATHER,))))
    assert [event["type"] for event in events] == BEGIN + CALL[:2] + 3 * CALL[2:3] + CALL[3:] + END


def test_a_call_begins_empty_and_ends_with_its_arguments(voice: RecordedVoice) -> None:
    events = answer(calling(voice, Answer(calls=(WEATHER,))))

    (added,) = of_type(events, "response.output_item.added")
    (done,) = of_type(events, "response.output_item.done")
    assert (added["item"]["status"], added["item"]["arguments"]) == ("in_progress", "")
    assert done["item"] == {**added["item"], "status": "completed", "arguments": PARIS}
    deltas = of_type(events, "response.function_call_arguments.delta")
    assert "".join(delta["delta"] for delta in deltas) == PARIS
    (arguments,) = of_type(events, "response.function_call_arguments.done")
    assert (arguments["name"], arguments["arguments"]) == ("weather", PARIS)
    assert {event["call_id"] for event in [*deltas, arguments]} == {done["item"]["call_id"]}
    assert {event["item_id"] for event in [*deltas, arguments]} == {done["item"]["id"]}
    assert response_of(events)["output"] == [done["item"]]


def test_empty_arguments_have_no_delta(voice: RecordedVoice) -> None:
    events = answer(calling(voice, Answer(calls=(ToolCall("time", ""),))))
    assert types(events) == BEGIN + CALL[:2] + CALL[3:] + END
    assert response_of(events)["output"][0]["arguments"] == ""


def test_words_and_several_calls_are_items_of_one_response(voice: RecordedVoice) -> None:
    events = answer(calling(voice, Answer("Let me look", (WEATHER, TIME))))

    assert [e["type"] for e in events if not e["type"].endswith(".delta")] == [
        kind for kind in BEGIN + WORDS + CALL + CALL + END if not kind.endswith(".delta")
    ]
    output = response_of(events)["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert [item["name"] for item in output[1:]] == ["weather", "time"]
    assert len({item["id"] for item in output}) == 3
    assert len({item["call_id"] for item in output[1:]}) == 2
    places = {(e.get("item_id") or e["item"]["id"], e["output_index"]) for e in events if "output_index" in e}
    assert places == {(item["id"], index) for index, item in enumerate(output)}
    before = [added["previous_item_id"] for added in of_type(events, "conversation.item.added")]
    assert before == [None, output[0]["id"], output[1]["id"]]


def test_spoken_words_come_before_a_call(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer(voice.texts["text"], (TIME,)))
    events = answer(talk, output_modalities=["audio"])
    assert len(of_type(events, "response.output_audio.delta")) == 2
    kinds = types(events)
    assert kinds.index("response.output_audio.done") < kinds.index("response.function_call_arguments.delta")
    assert response_of(events)["usage"]["output_token_details"]["audio_tokens"] == 6


def test_arguments_come_at_the_pace_of_text(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer(calls=(WEATHER, TIME)))  # 36 characters and 2: four deltas, 25 ms apart
    talk.send("response.create")
    assert talk.wait(0.199) == []
    kind = "response.function_call_arguments.delta"
    assert len(of_type(talk.wait(0.027), kind)) == 2
    events = talk.wait(0.048)
    assert (len(of_type(events, kind)), types(events)[-1]) == (1, "conversation.item.done")
    assert types(talk.wait(0.002))[-1] == "response.done"


def test_arguments_are_counted_as_text(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer("Let me look", (WEATHER, TIME)), "Fine")
    usage = response_of(answer(talk))["usage"]
    assert usage["output_token_details"] == {"text_tokens": 13, "audio_tokens": 0}  # 11 + 36 + 2 characters
    assert response_of(answer(talk))["usage"]["input_tokens"] == 3 + 9 + 1


@pytest.mark.parametrize("by_speech", [True, False])
def test_a_call_stopped_in_the_middle_is_incomplete(voice: RecordedVoice, by_speech: bool) -> None:
    long_arguments = '{"cities": ["Paris"' + 9 * ', "London"' + "]}"  # ten deltas, 25 ms apart
    talk = calling(voice, Answer("Let me look", (ToolCall("weather", long_arguments), TIME)))
    if by_speech:
        caller = recorded_call()
        talk.say(caller[: 8 * 1050])  # the caller is noticed at 1.3 s, the call begins at 1.275 s
        talk.send("response.create")
        events = talk.say(caller[8 * 1050 : 8 * 1450])
    else:
        talk.send("response.create")
        events = talk.wait(0.23) + talk.send("response.cancel")

    response = response_of(events)
    reason = "turn_detected" if by_speech else "client_cancelled"
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", reason)
    (arguments,) = of_type(events, "response.function_call_arguments.done")
    assert long_arguments.startswith(arguments["arguments"])
    assert 0 < len(arguments["arguments"]) < len(long_arguments)
    message, call = response["output"]
    assert (message["status"], call["status"]) == ("completed", "incomplete")
    assert call["arguments"] == arguments["arguments"]
    assert types(events)[-4:] == CALL[3:] + END
    assert talk.wait(3.0) == []


def test_the_calls_of_an_out_of_band_response_are_not_in_the_conversation(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer(calls=(WEATHER,)))
    events = answer(talk, conversation="none")
    assert types(events) == BEGIN + [kind for kind in CALL if "conversation" not in kind] + END
    item_id = response_of(events)["output"][0]["id"]
    (missing,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert missing["error"]["code"] == "item_retrieve_invalid_item_id"


def test_a_response_is_refused_while_a_call_is_generated(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer(calls=(WEATHER,)), "Done")
    talk.send("response.create")
    (refused,) = talk.send("response.create")
    assert refused["error"]["code"] == "conversation_already_has_active_response"
    assert response_of(talk.wait(1.0))["output"][0]["type"] == "function_call"


def test_the_persona_is_given_all_outputs_since_the_models_last_message(voice: RecordedVoice) -> None:
    persona = ScriptedPersona(
        Answer("Let me look", (WEATHER,)), Answer(calls=(TIME, WEATHER)), "It is warm", "Well?"
    )
    talk = talk_with(voice, persona)
    (first,) = call_ids(answer(talk))
    give_output(talk, first, "15 degrees")
    second, third = call_ids(answer(talk))
    give_output(talk, third, "16 degrees")
    give_output(talk, second, "noon")
    give_output(talk, "call_of_nobody", "lost")
    answer(talk)
    answer(talk)

    nothing, one, all_of_them, none_since = persona.turns
    assert (nothing.kind, nothing.tool_outputs) == ("nothing", ())
    assert one.tool_outputs == (ToolOutput(first, "weather", "15 degrees"),)
    assert all_of_them.kind == "tool"
    assert all_of_them.tool_outputs == (
        ToolOutput(first, "weather", "15 degrees"),
        ToolOutput(third, "weather", "16 degrees"),
        ToolOutput(second, "time", "noon"),
        ToolOutput("call_of_nobody", "", "lost"),
    )
    assert none_since.tool_outputs == ()


def test_the_persona_is_told_which_tools_it_may_and_must_call(voice: RecordedVoice) -> None:
    persona = ScriptedPersona(*6 * ["Fine"])
    talk = talk_with(voice, persona)
    both = ("weather", "time")
    answer(talk)
    answer(talk, tools=[function("other")])
    answer(talk, tool_choice="none")
    answer(talk, tool_choice="required")
    answer(talk, tool_choice={"type": "function", "name": "time"})
    talk.update(tool_choice="none")
    answer(talk)

    told = [(tuple(tool.name for tool in turn.tools), turn.required_tools) for turn in persona.turns]
    assert told == [
        (both, ()),
        (("other",), ()),
        ((), ()),
        (both, both),
        (both, ("time",)),
        ((), ()),
    ]


def test_the_persona_is_told_what_a_tool_is_for_and_what_it_takes(voice: RecordedVoice) -> None:
    persona = ScriptedPersona("Fine")
    answer(talk_with(voice, persona))
    weather, _ = persona.turns[0].tools
    given = function("weather")
    assert weather == OfferedTool("weather", given["description"], given["parameters"])


def test_the_persona_is_told_a_request_apart_from_the_standing_instructions(voice: RecordedVoice) -> None:
    persona = ScriptedPersona("Fine", "Fine")
    talk = talk_with(voice, persona)
    talk.update(instructions="Be kind")
    answer(talk, instructions="Say hello")
    answer(talk)
    told = [(turn.instructions, turn.request) for turn in persona.turns]
    assert told == [("Be kind", "Say hello"), ("Be kind", "")]


def test_a_demand_for_a_missing_tool_is_refused_and_changes_nothing(voice: RecordedVoice) -> None:
    persona = ScriptedPersona("Fine")
    talk = talk_with(voice, persona)
    choice = {"type": "function", "name": "other"}
    (refused,) = talk.send("response.create", response={"tool_choice": choice}, event_id="e")
    assert (refused["error"]["param"], refused["error"]["event_id"]) == ("response.tool_choice", "e")
    (refused,) = talk.update(tool_choice=choice, instructions="new")
    assert refused["error"]["param"] == "session.tool_choice"
    (refused,) = talk.update(tools=[], tool_choice="required")
    assert refused["error"]["param"] == "session.tool_choice"
    assert response_of(answer(talk))["status"] == "completed"
    (turn,) = persona.turns
    assert ([tool.name for tool in turn.tools], turn.instructions) == (["weather", "time"], "")


def test_a_persona_may_call_a_tool_that_was_not_offered(voice: RecordedVoice) -> None:
    talk = calling(voice, Answer(calls=(ToolCall("teleport", "not json"),)))
    talk.send("conversation.item.create", item=typed("go"))
    (call,) = response_of(answer(talk))["output"]
    assert (call["name"], call["arguments"], call["status"]) == ("teleport", "not json", "completed")
