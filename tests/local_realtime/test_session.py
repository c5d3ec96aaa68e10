import base64
import json
from typing import Any

import pytest

from gateway.local_realtime import RecordedVoice
from gateway.local_realtime.session import SESSION_LIMIT
from tests.local_realtime.sessions import (
    Event,
    ScriptedPersona,
    Talk,
    of_type,
    recorded_call,
    typed,
    types,
    utterances,
)
from voice_codecs import MULAW_SILENCE, CallerToModel, dtmf_tone, mulaw_encode

CALL = recorded_call()
FIRST_UTTERANCE = CALL[: 8 * 3000]
"""Quiet until 1.0 s, "five five" until 2.2 s, then quiet."""
SILENCE = bytes([MULAW_SILENCE]) if isinstance(MULAW_SILENCE, int) else MULAW_SILENCE

TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
RESPONSE = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def error_of(events: list[Event]) -> Event:
    assert [event["type"] for event in events] == ["error"]
    detail: Event = events[0]["error"]
    assert detail["type"] == "invalid_request_error"
    return detail


def response_of(events: list[Event]) -> Event:
    (done,) = of_type(events, "response.done")
    response: Event = done["response"]
    return response


def test_a_session_begins_with_its_defaults(talk: Talk) -> None:
    (created,) = talk.greeting
    assert created["type"] == "session.created"
    session = created["session"]
    assert session["object"] == "realtime.session"
    assert session["model"] == "m"
    assert session["expires_at"] == 1_700_003_600
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}


def test_a_caller_turn_is_heard_and_answered_in_the_documented_order(talk: Talk) -> None:
    events = talk.say(FIRST_UTTERANCE) + talk.wait(3.0)

    assert types(events) == TURN + RESPONSE
    assert response_of(events)["status"] == "completed"
    assert len({event["event_id"] for event in events}) == len(events)


def test_every_event_of_a_turn_names_its_item_and_the_one_before(talk: Talk) -> None:
    events = talk.say(FIRST_UTTERANCE) + talk.wait(3.0)

    started, stopped, committed, added, done = events[:5]
    caller = started["item_id"]
    assert {stopped["item_id"], committed["item_id"], added["item"]["id"], done["item"]["id"]} == {caller}
    assert committed["previous_item_id"] is None
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    answer = of_type(events, "conversation.item.added")[1]
    assert answer["previous_item_id"] == caller
    deltas = of_type(events, "response.output_audio.delta")
    assert {delta["item_id"] for delta in deltas} == {answer["item"]["id"]}


def test_a_response_takes_its_delay_and_an_eighth_of_its_duration(talk: Talk) -> None:
    talk.send("response.create")  # hello, 1000 ms: five deltas, 25 ms apart
    assert talk.wait(0.199) == []
    assert len(of_type(talk.wait(0.002), "response.output_audio.delta")) == 1
    assert len(of_type(talk.wait(0.050), "response.output_audio.delta")) == 2
    assert of_type(talk.wait(0.048), "response.done") == []
    assert len(of_type(talk.wait(0.002), "response.done")) == 1


@pytest.mark.parametrize(("pcmu", "bytes_per_ms"), [(True, 8), (False, 48)])
def test_no_sample_of_an_answer_is_lost(voice: RecordedVoice, pcmu: bool, bytes_per_ms: int) -> None:
    talk = Talk(voice, pcmu=pcmu)
    talk.send(
        "conversation.item.create", item={**typed("x"), "content": [{"type": "input_audio", "audio": ""}]}
    )
    events = talk.send("response.create") + talk.wait(2.0)  # answer_1, 1250 ms

    payloads = [base64.b64decode(delta["delta"]) for delta in of_type(events, "response.output_audio.delta")]
    assert len(payloads) == 7
    assert sum(map(len, payloads)) == 1250 * bytes_per_ms
    words = "".join(delta["delta"] for delta in of_type(events, "response.output_audio_transcript.delta"))
    assert words == voice.texts["answer_1"]
    usage = response_of(events)["usage"]
    assert usage["output_token_details"]["audio_tokens"] == 25


def test_usage_counts_the_callers_audio(talk: Talk) -> None:
    events = talk.say(FIRST_UTTERANCE) + talk.wait(3.0)
    (started,) = of_type(events, "input_audio_buffer.speech_started")
    (stopped,) = of_type(events, "input_audio_buffer.speech_stopped")
    duration_ms = stopped["audio_end_ms"] - started["audio_start_ms"]
    usage = response_of(events)["usage"]
    assert usage["input_token_details"]["audio_tokens"] == -(-duration_ms // 100)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize("chunk_bytes", [160, 37, 8000, 10**6])
def test_the_turns_of_a_recorded_call_are_found_however_it_is_cut(talk: Talk, chunk_bytes: int) -> None:
    talk.turn_detection({"type": "server_vad", "create_response": False})
    events = talk.say(CALL, chunk_bytes=chunk_bytes) + talk.wait(1.0)

    starts = [event["audio_start_ms"] for event in of_type(events, "input_audio_buffer.speech_started")]
    ends = [event["audio_end_ms"] for event in of_type(events, "input_audio_buffer.speech_stopped")]
    spoken = utterances()
    assert len(starts) == len(ends) == len(spoken)
    for start_ms, end_ms, utterance in zip(starts, ends, spoken, strict=True):
        assert abs(start_ms - utterance["start_ms"]) <= 300
        # the end has 500 ms of silence in it, and the clips have up to 0.8 s of their own
        assert utterance["end_ms"] - 300 <= end_ms <= utterance["end_ms"] + 550


def test_pcm16_is_heard_like_mulaw(voice: RecordedVoice) -> None:
    talk = Talk(voice, pcmu=False)
    pcm16 = CallerToModel().feed(FIRST_UTTERANCE)
    events = [
        event for start in range(0, len(pcm16), 1001) for event in talk.append(pcm16[start : start + 1001])
    ]

    (started,) = of_type(events, "input_audio_buffer.speech_started")
    (stopped,) = of_type(events, "input_audio_buffer.speech_stopped")
    assert abs(started["audio_start_ms"] - 948) <= 64
    assert abs(stopped["audio_end_ms"] - 2740) <= 64


def test_key_tones_and_silence_are_no_turn(talk: Talk) -> None:
    tones = b"".join(mulaw_encode(dtmf_tone(digit, 300, 8000)) + SILENCE * 1600 for digit in "1234567890*#")
    assert talk.say(tones + SILENCE * 16_000) == []


def test_speech_over_a_response_interrupts_it(talk: Talk) -> None:
    talk.say(CALL[: 8 * 1050])  # the caller is noticed at 1.3 s, the first delta comes at 1.25 s
    talk.send("response.create")
    events = talk.say(CALL[8 * 1050 : 8 * 1450])

    kinds = types(events)
    assert kinds[0] == RESPONSE[2]
    at = kinds.index("input_audio_buffer.speech_started")
    assert kinds[at + 1 :] == RESPONSE[7:]
    response = response_of(events)
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert response["output"][0]["status"] == "incomplete"
    assert of_type(talk.wait(1.0), "response.output_audio.delta") == []


def test_a_response_cancelled_before_its_first_delta_has_no_item(talk: Talk) -> None:
    talk.send("response.create")
    events = talk.send("response.cancel")
    assert [event["type"] for event in events] == ["response.done"]
    assert response_of(events)["output"] == []
    assert talk.wait(5.0) == []


def test_without_interrupt_response_speech_leaves_the_response_alone(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "interrupt_response": False})
    talk.say(CALL[: 8 * 1150])
    talk.send("response.create")
    events = talk.say(CALL[8 * 1150 : 8 * 1800])
    assert response_of(events)["status"] == "completed"


def test_a_turn_that_ends_during_a_response_gets_none_of_its_own(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "interrupt_response": False})
    talk.say(CALL[: 8 * 2700])
    talk.send("response.create")
    events = talk.say(CALL[8 * 2700 : 8 * 2800])
    assert types(events) == TURN[1:]


def test_without_create_response_a_turn_is_only_committed(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "create_response": False})
    assert types(talk.say(FIRST_UTTERANCE)) == TURN


def test_without_turn_detection_the_client_commits(talk: Talk) -> None:
    talk.turn_detection(None)
    assert talk.say(FIRST_UTTERANCE) == []

    events = talk.send("input_audio_buffer.commit")
    assert types(events) == TURN[2:]
    assert error_of(talk.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    events = talk.send("response.create") + talk.wait(2.0)
    assert response_of(events)["usage"]["input_token_details"]["audio_tokens"] == 30


@pytest.mark.parametrize(("duration_ms", "enough"), [(0, False), (99, False), (100, True)])
def test_a_commit_needs_100_ms(voice: RecordedVoice, duration_ms: int, enough: bool) -> None:
    talk = Talk(voice, pcmu=False)
    talk.append(bytes(48 * duration_ms))
    assert (types(talk.send("input_audio_buffer.commit"))[0] != "error") == enough


def test_cleared_audio_is_not_committed(talk: Talk) -> None:
    talk.append(SILENCE * 8000)
    assert types(talk.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert error_of(talk.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_a_turn_committed_by_hand_goes_on_as_a_new_one_that_begins_there(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "create_response": False})
    talk.say(CALL[: 8 * 1500])
    (committed, *_) = talk.send("input_audio_buffer.commit")
    events = talk.say(CALL[8 * 1500 : 8 * 3000])

    assert types(events) == TURN
    assert events[0]["item_id"] != committed["item_id"]
    assert events[0]["audio_start_ms"] == 1500


def test_turn_detection_switched_off_during_speech_forgets_the_turn(talk: Talk) -> None:
    talk.say(CALL[: 8 * 1500])
    talk.turn_detection(None)
    talk.say(SILENCE * 1600)
    talk.turn_detection({"type": "server_vad"})
    assert talk.say(SILENCE * 16_000) == []


def test_a_new_input_format_keeps_the_clock(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "create_response": False})
    talk.update(audio={"input": {"format": {"type": "audio/pcm", "rate": 24000}}})
    talk.append(CallerToModel().feed(CALL[:8000] * 2) + bytes(5))
    talk.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    (started, *_) = talk.say(FIRST_UTTERANCE)
    assert abs(started["audio_start_ms"] - 2948) <= 64


def test_a_text_item_is_answered_aloud(talk: Talk, voice: RecordedVoice) -> None:
    added, done = talk.send("conversation.item.create", item=typed("hello"))
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["item"]["content"] == [{"type": "input_text", "text": "hello"}]
    events = talk.send("response.create") + talk.wait(1.0)
    assert of_type(events, "response.output_audio_transcript.done")[0]["transcript"] == voice.texts["text"]


def test_an_empty_conversation_is_greeted(talk: Talk, voice: RecordedVoice) -> None:
    events = talk.send("response.create") + talk.wait(1.0)
    assert of_type(events, "response.output_audio_transcript.done")[0]["transcript"] == voice.texts["hello"]


@pytest.mark.parametrize("in_session", [True, False])
def test_a_text_response_has_no_audio(talk: Talk, voice: RecordedVoice, in_session: bool) -> None:
    if in_session:
        talk.update(output_modalities=["text"])
    asked = {} if in_session else {"response": {"output_modalities": ["text"]}}
    events = talk.send("response.create", **asked) + talk.wait(1.0)

    assert [kind for kind in types(events) if "audio" in kind] == []
    assert of_type(events, "response.output_text.done")[0]["text"] == voice.texts["hello"]
    words = [delta["delta"] for delta in of_type(events, "response.output_text.delta")]
    assert "".join(words) == voice.texts["hello"]
    content = response_of(events)["output"][0]["content"]
    assert content == [{"type": "output_text", "text": voice.texts["hello"]}]


def test_only_one_response_writes_to_the_conversation(talk: Talk) -> None:
    talk.send("response.create")
    detail = error_of(talk.send("response.create", event_id="second"))
    assert (detail["code"], detail["event_id"]) == ("conversation_already_has_active_response", "second")
    talk.wait(1.0)
    assert types(talk.send("response.create"))[0] == "response.created"


def test_a_response_is_cancelled_once(talk: Talk) -> None:
    (created, _) = talk.send("response.create")
    talk.wait(0.21)
    events = talk.send("response.cancel", response_id=created["response"]["id"])
    assert types(events) == RESPONSE[7:]
    assert response_of(events)["status_details"]["reason"] == "client_cancelled"
    assert error_of(talk.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_an_out_of_band_response_leaves_the_conversation_alone(talk: Talk) -> None:
    talk.send("response.create")
    asked = {"conversation": "none", "metadata": {"for": "me"}, "input": [typed("x")]}
    created, _ = talk.send("response.create", response=asked)
    assert created["response"]["conversation_id"] is None
    events = talk.wait(1.0)

    ends = {event["response"]["id"]: event["response"] for event in of_type(events, "response.done")}
    assert len(ends) == 2
    assert ends[created["response"]["id"]]["metadata"] == {"for": "me"}
    assert len(of_type(events, "conversation.item.added")) == 1


def test_out_of_band_responses_are_bounded(talk: Talk) -> None:
    answers = [talk.send("response.create", response={"conversation": "none"}) for _ in range(20)]
    assert error_of(answers[-1])["code"] == "rate_limit_exceeded"
    assert types(talk.send("response.create"))[0] == "response.created"
    assert len(of_type(talk.wait(1.0), "response.done")) == 9


def test_a_response_to_an_unknown_item_is_refused(talk: Talk) -> None:
    asked = {"input": [{"type": "item_reference", "id": "nobody"}]}
    assert error_of(talk.send("response.create", response=asked))["param"] == "response.input[0].id"
    (added, _) = talk.send("conversation.item.create", item=typed("x"))
    asked = {"input": [{"type": "item_reference", "id": added["item"]["id"]}]}
    assert types(talk.send("response.create", response=asked))[0] == "response.created"


def answered(talk: Talk) -> str:
    """Have the greeting spoken; give its item."""
    events = talk.send("response.create") + talk.wait(1.0)
    return str(of_type(events, "response.output_item.done")[0]["item"]["id"])


def truncate(talk: Talk, item_id: str, audio_end_ms: int) -> list[Event]:
    return talk.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms
    )


def test_audio_is_truncated_but_never_beyond_what_was_made(talk: Talk) -> None:
    item_id = answered(talk)

    detail = error_of(truncate(talk, item_id, 1001))
    assert detail["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    assert (detail["code"], detail["param"]) == ("invalid_value", "audio_end_ms")
    assert truncate(talk, item_id, 1000)[0]["audio_end_ms"] == 1000
    assert truncate(talk, item_id, 400)[0]["type"] == "conversation.item.truncated"
    assert "400ms is already shorter than 401ms" in error_of(truncate(talk, item_id, 401))["message"]


def test_truncation_forgets_the_words(talk: Talk) -> None:
    item_id = answered(talk)
    truncate(talk, item_id, 400)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == ""


def test_a_response_truncated_while_it_is_made_stays_truncated(talk: Talk) -> None:
    talk.send("response.create")
    events = talk.wait(0.21)
    item_id = of_type(events, "response.output_item.added")[0]["item"]["id"]
    assert error_of(truncate(talk, item_id, 201))["code"] == "invalid_value"
    truncate(talk, item_id, 100)
    (done,) = of_type(talk.wait(1.0), "conversation.item.done")
    assert done["item"]["content"] == [{"type": "output_audio", "transcript": ""}]
    assert "100ms" in error_of(truncate(talk, item_id, 150))["message"]


def test_only_the_models_audio_can_be_truncated(talk: Talk) -> None:
    (added, _) = talk.send("conversation.item.create", item=typed("x"))
    message = error_of(truncate(talk, added["item"]["id"], 0))["message"]
    assert message == "Only model output audio messages can be truncated"
    assert error_of(truncate(talk, "nobody", 0))["param"] == "item_id"


def test_items_are_placed_retrieved_and_deleted(talk: Talk) -> None:
    create = "conversation.item.create"
    talk.send(create, item={**typed("one"), "id": "one"})
    (added, _) = talk.send(create, item={**typed("zero"), "id": "zero"}, previous_item_id="root")
    assert added["previous_item_id"] is None
    assert (
        error_of(talk.send(create, item={**typed("x"), "id": "one"}))["code"]
        == "item_create_duplicate_item_id"
    )
    assert error_of(talk.send(create, item=typed("x"), previous_item_id="no"))["param"] == "previous_item_id"
    (retrieved,) = talk.send("conversation.item.retrieve", item_id="one")
    assert retrieved["item"]["content"][0]["text"] == "one"
    (deleted,) = talk.send("conversation.item.delete", item_id="one")
    assert deleted["item_id"] == "one"
    missing = error_of(talk.send("conversation.item.retrieve", item_id="one"))
    assert missing["code"] == "item_retrieve_invalid_item_id"
    assert error_of(talk.send("conversation.item.delete", item_id="one"))["param"] == "item_id"


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "be kind"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "before"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "done"},
        {"type": "mcp_approval_response", "id": "m", "approval_request_id": "r", "approve": True},
    ],
)
def test_every_kind_of_item_is_taken_and_answered(talk: Talk, item: Event) -> None:
    events = talk.send("conversation.item.create", item=item)
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    assert "audio" not in json.dumps(events).replace("input_audio", "")
    assert response_of(talk.send("response.create") + talk.wait(2.0))["status"] == "completed"


def test_content_must_suit_its_role(talk: Talk) -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "x"}]}
    assert error_of(talk.send("conversation.item.create", item=item))["param"] == "item.content[0].type"
    detail = error_of(talk.send("response.create", response={"input": [item]}))
    assert detail["param"] == "response.input[0].content[0].type"


def test_a_refused_update_changes_nothing(talk: Talk) -> None:
    detail = error_of(talk.update(instructions="new", temperature=1))
    assert detail["code"] == "unknown_parameter"
    (updated,) = talk.update()
    assert updated["session"]["instructions"] == ""


def test_a_whole_telephone_update_is_echoed(talk: Talk) -> None:
    wanted: dict[str, Any] = {
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "f"},
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
        "max_output_tokens": 4096,
        "tracing": "auto",
        "include": ["item.input_audio_transcription.logprobs"],
        "reasoning": {"effort": "low"},
        "parallel_tool_calls": False,
    }
    heard = {"noise_reduction": {"type": "near_field"}, "transcription": {"model": "t", "languages": ["en"]}}
    (updated,) = talk.update(**wanted, audio={"input": heard, "output": {"voice": "cedar"}})

    session = updated["session"]
    assert {name: session[name] for name in wanted} == wanted
    assert {name: session["audio"]["input"][name] for name in heard} == heard
    assert session["audio"]["output"]["voice"] == "cedar"


def test_the_voice_is_locked_by_the_first_audio(talk: Talk) -> None:
    talk.update(audio={"output": {"voice": "ash"}})
    talk.send("response.create")
    talk.update(audio={"output": {"voice": "sage"}})
    talk.wait(0.21)
    detail = error_of(talk.update(audio={"output": {"voice": "ash"}}, instructions="new"))
    assert detail["code"] == "cannot_update_voice"
    (updated,) = talk.update()
    assert updated["session"]["instructions"] == ""


def test_transcripts_without_a_recogniser_are_refused_item_by_item(talk: Talk) -> None:
    assert not of_type(talk.say(FIRST_UTTERANCE), "conversation.item.input_audio_transcription.failed")
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    events = talk.say(FIRST_UTTERANCE)
    (failed,) = of_type(events, "conversation.item.input_audio_transcription.failed")
    assert failed["item_id"] == of_type(events, "input_audio_buffer.committed")[0]["item_id"]
    assert "no speech recognition" in failed["error"]["message"]


def test_a_recogniser_is_given_the_turn_and_brings_its_words(voice: RecordedVoice) -> None:
    talk = Talk(voice, recognises=True)
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    events = talk.say(FIRST_UTTERANCE)

    look, recognition = talk.session.take_recognitions()
    assert (look.unfinished, recognition.unfinished) == (True, False)
    assert talk.session.take_recognitions() == []
    (started,) = of_type(events, "input_audio_buffer.speech_started")
    (stopped,) = of_type(events, "input_audio_buffer.speech_stopped")
    assert recognition.samples.size == 8 * (stopped["audio_end_ms"] - started["audio_start_ms"])
    assert (
        mulaw_encode(recognition.samples)
        == FIRST_UTTERANCE[8 * started["audio_start_ms"] :][: recognition.samples.size]
    )
    delta, completed = talk.parsed(talk.session.recognised(recognition, "five five"))
    assert delta["delta"] == "five five"
    assert completed["transcript"] == "five five"
    events = talk.send("conversation.item.retrieve", item_id=recognition.item_id)
    assert events[0]["item"]["content"][0]["transcript"] == "five five"


def test_the_output_buffer_cannot_be_cleared_over_a_socket(talk: Talk) -> None:
    assert error_of(talk.send("output_audio_buffer.clear", event_id="e"))["event_id"] == "e"


def test_a_mistake_leaves_the_session_as_it_was(talk: Talk) -> None:
    for text in ("", "[]", '{"type": "x"}', b"\xff"):
        assert error_of(talk.parsed(talk.session.receive(text, talk.now)))["event_id"] is None
    assert types(talk.say(FIRST_UTTERANCE) + talk.wait(3.0)) == TURN + RESPONSE


def test_an_append_beyond_the_limit_is_refused(talk: Talk) -> None:
    assert error_of(talk.append(bytes(12 * 2**20)))["param"] == "audio"


def test_a_long_append_is_heard_piece_by_piece_and_before_the_next_event(talk: Talk) -> None:
    talk.turn_detection({"type": "server_vad", "create_response": False})
    first = talk.append(CALL)
    assert len(of_type(first, "input_audio_buffer.committed")) == 0
    assert talk.session.next_deadline() <= talk.now
    events = talk.send("input_audio_buffer.clear")
    assert len(of_type(events, "input_audio_buffer.committed")) == len(utterances())
    assert events[-1]["type"] == "input_audio_buffer.cleared"


def test_a_text_the_voice_cannot_say_fails_the_response(talk: Talk, voice: RecordedVoice) -> None:
    class Foreign:
        def answer(self, turn: object) -> str:
            return "Bonjour"

    talk.session = type(talk.session)(voice=voice, persona=Foreign(), token="b", opened_at=0.0, model="m")
    talk.parsed(talk.session.start(talk.now))
    events = talk.send("response.create")
    assert types(events) == ["response.created", "rate_limits.updated", "response.done"]
    response = response_of(events)
    assert (response["status"], response["status_details"]["error"]["code"]) == ("failed", "server_error")
    assert types(talk.send("response.create"))[0] == "response.created"


def test_a_session_expires_after_an_hour(talk: Talk) -> None:
    assert talk.wait(SESSION_LIMIT - 1) == []
    (expired,) = talk.wait(2.0)
    assert expired["error"]["code"] == "session_expired"
    assert "60 minutes" in expired["error"]["message"]
    assert talk.session.expired


def test_a_session_lives_as_long_as_it_is_told(voice: RecordedVoice) -> None:
    talk = Talk(voice, session_limit=90.0)
    (created,) = talk.greeting
    assert created["session"]["expires_at"] == 1_700_000_090
    assert talk.wait(89.0) == []
    (expired,) = talk.wait(2.0)
    assert expired["error"]["code"] == "session_expired"
    assert "1.5 minutes" in expired["error"]["message"]


def test_an_answer_of_nothing_is_a_response_without_items(voice: RecordedVoice) -> None:
    talk = Talk(voice, persona=ScriptedPersona(""))
    talk.send("response.create")
    assert talk.wait(0.199) == []
    events = talk.wait(0.002)
    assert types(events) == ["response.done"]
    assert (response_of(events)["status"], response_of(events)["output"]) == ("completed", [])


def test_written_words_need_no_voice(voice: RecordedVoice) -> None:
    talk = Talk(voice, persona=ScriptedPersona("Nobody has recorded this"))
    talk.update(output_modalities=["text"])
    events = talk.send("response.create") + talk.wait(1.0)
    assert of_type(events, "response.output_text.done")[0]["text"] == "Nobody has recorded this"
    assert response_of(events)["usage"]["output_tokens"] == 6
