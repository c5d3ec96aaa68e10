import pytest

from gateway.local_realtime import RecordedVoice, Said, ToolOutput
from tests.local_realtime.sessions import Event, ScriptedPersona, Talk, typed, types

HISTORY: list[Event] = [
    {
        "id": "sys",
        "type": "message",
        "role": "system",
        "content": [{"type": "input_text", "text": "Be kind"}],
    },
    {**typed("How warm is it?"), "id": "question"},
    {
        "id": "call",
        "type": "function_call",
        "call_id": "call_before",
        "name": "weather",
        "arguments": '{"city": "Paris"}',
    },
    {"id": "output", "type": "function_call_output", "call_id": "call_before", "output": "15 degrees"},
    {
        "id": "answer",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "It is warm"}],
    },
]
SAID = (
    Said("system", "Be kind"),
    Said("user", "How warm is it?"),
    Said("function_call", '{"city": "Paris"}'),
    Said("function_call_output", "15 degrees"),
    Said("assistant", "It is warm"),
)


def restore(talk: Talk, items: list[Event]) -> list[Event]:
    return [event for item in items for event in talk.send("conversation.item.create", item=item)]


def test_a_restored_conversation_keeps_its_order_its_ids_and_its_words(talk: Talk) -> None:
    events = restore(talk, HISTORY)

    assert types(events) == len(HISTORY) * ["conversation.item.added", "conversation.item.done"]
    added = events[::2]
    assert [event["previous_item_id"] for event in added] == [None, "sys", "question", "call", "output"]
    for event, item in zip(added, HISTORY, strict=True):
        assert event["item"] == {**item, "object": "realtime.item", "status": "completed"}


@pytest.mark.parametrize("n_items", range(1, len(HISTORY) + 1))
def test_the_persona_sees_what_was_restored(voice: RecordedVoice, n_items: int) -> None:
    persona = ScriptedPersona(voice.texts["text"])
    talk = Talk(voice, persona=persona)
    restore(talk, HISTORY[:n_items])
    talk.send("response.create")

    (turn,) = persona.turns
    assert turn.history == SAID[:n_items]


def test_an_output_pending_at_the_break_is_answered(voice: RecordedVoice) -> None:
    persona = ScriptedPersona(voice.texts["text"])
    talk = Talk(voice, persona=persona)
    restore(talk, HISTORY[:4])
    talk.send("response.create")

    (turn,) = persona.turns
    assert (turn.kind, turn.text) == ("tool", "15 degrees")
    assert turn.tool_outputs == (ToolOutput("call_before", "weather", "15 degrees"),)


def test_an_id_is_taken_once_in_a_session(talk: Talk) -> None:
    restore(talk, HISTORY)
    (refused,) = restore(talk, HISTORY[:1])
    assert refused["error"]["code"] == "item_create_duplicate_item_id"


@pytest.mark.parametrize("item_id", [item["id"] for item in HISTORY])
def test_restored_items_cannot_be_truncated(talk: Talk, item_id: str) -> None:
    restore(talk, HISTORY)
    (refused,) = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    assert refused["error"]["message"] == "Only model output audio messages can be truncated"
