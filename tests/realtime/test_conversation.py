import pytest

from gateway.errors import RemoteProtocolError
from gateway.realtime.conversation import MAX_ITEMS, Delta, RealtimeConversation
from gateway.realtime.events import (
    ArgumentsDelta,
    AudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    ContentPart,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemState,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    ResponseDone,
    ResponseState,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
    Usage,
)


def message(item_id: str, role: str = "assistant", status: str = "in_progress", **parts: str) -> ItemState:
    content = [ContentPart(kind, text=text, transcript=text) for kind, text in parts.items()]
    return ItemState(item_id, role=role, status=status, content=content)


def test_deltas_build_up_an_item_and_are_reported_one_by_one() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("i")))

    item, delta = conversation.process_event(TranscriptDelta("i", "Hello "))
    conversation.process_event(TranscriptDelta("i", "there"))
    _, audio_delta = conversation.process_event(AudioDelta("i", b"\0" * 480))
    conversation.process_event(TextDelta("i", "Hi"))
    conversation.process_event(ArgumentsDelta("i", "{}"))

    assert item is conversation.get_item("i")
    assert delta == Delta(transcript="Hello ")
    assert audio_delta == Delta(audio=b"\0" * 480)
    assert item is not None
    assert item.formatted.transcript == "Hello there"
    assert item.formatted.text == "Hi"
    assert item.formatted.arguments == "{}"
    assert item.formatted.audio_ms == 10


def test_event_may_be_a_dict() -> None:
    conversation = RealtimeConversation()

    item, delta = conversation.process_event(
        {"type": "response.output_audio_transcript.delta", "event_id": "e", "item_id": "i", "delta": "Yes"}
    )

    assert item is not None
    assert item.formatted.transcript == "Yes"
    assert delta == Delta(transcript="Yes")
    with pytest.raises(RemoteProtocolError):
        conversation.process_event({"type": "conversation.item.added"})


def test_audio_is_counted_and_kept_only_if_asked_for() -> None:
    for keep in (False, True):
        conversation = RealtimeConversation(keep_audio=keep)
        item, _ = conversation.process_event(AudioDelta("i", b"\1" * 96))
        assert item is not None
        assert item.formatted.n_audio_bytes == 96
        assert item.formatted.audio == (b"\1" * 96 if keep else b"")


def test_truncation_cuts_the_audio_at_the_millisecond() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    conversation.process_event(AudioDelta("i", b"\1" * 4800))

    item, _ = conversation.process_event(ItemTruncated("i", 20))

    assert item is not None
    assert item.formatted.audio_ms == 20
    assert len(item.formatted.audio) == 960


def test_truncation_or_deletion_of_an_unknown_item_is_let_pass() -> None:
    conversation = RealtimeConversation()

    assert conversation.process_event(ItemTruncated("i", 20)) == (None, None)
    assert conversation.process_event(ItemDeleted("i")) == (None, None)


def test_transcript_that_arrives_before_its_item_is_kept() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(CallerTranscript("u", "Good morning"))

    item, _ = conversation.process_event(ItemAdded(message("u", role="user", status="completed")))

    assert item is not None
    assert (item.role, item.formatted.transcript) == ("user", "Good morning")
    assert len(conversation.get_items()) == 1


def test_recognition_that_grows_is_replaced_by_the_final_transcript() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(CallerTranscriptDelta("u", "God mor"))
    item, delta = conversation.process_event(CallerTranscript("u", "Good morning"))

    assert item is not None
    assert item.formatted.transcript == "Good morning"
    assert delta == Delta(transcript="Good morning")


def test_final_texts_replace_what_deltas_gave() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(TranscriptDelta("i", "Helo"))
    conversation.process_event(TranscriptDone("i", "Hello"))
    item, _ = conversation.process_event(TextDone("i", "Hello!"))

    assert item is not None
    assert (item.formatted.transcript, item.formatted.text) == ("Hello", "Hello!")


def test_item_announced_twice_is_one_item() -> None:
    conversation = RealtimeConversation()
    first, _ = conversation.process_event(OutputItemAdded(message("i")))
    again, _ = conversation.process_event(ItemAdded(message("i")))
    final, _ = conversation.process_event(
        OutputItemDone(message("i", status="completed", output_audio="Hello"))
    )

    assert first is again is final is conversation.get_item("i")
    assert final is not None
    assert final.status == "completed"
    assert final.formatted.transcript == "Hello"


def test_cut_item_ends_incomplete_and_keeps_what_its_deltas_said() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(TranscriptDelta("i", "I was about"))
    item, _ = conversation.process_event(ItemDone(message("i", status="incomplete")))

    assert item is not None
    assert (item.status, item.formatted.transcript) == ("incomplete", "I was about")


def test_items_stand_in_the_order_of_the_conversation_not_of_arrival() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    conversation.process_event(ItemAdded(message("c"), previous_item_id="a"))
    conversation.process_event(ItemAdded(message("b"), previous_item_id="a"))

    assert [item.id for item in conversation.get_items()] == ["a", "b", "c"]


def test_deleted_item_is_gone() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    conversation.process_event(ItemDeleted("a"))

    assert conversation.get_item("a") is None
    assert conversation.get_items() == []


def test_speech_marks_its_item_and_a_stop_without_a_start_is_let_pass() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(SpeechStopped("u", 900))
    conversation.process_event(SpeechStarted("u", 100))

    item = conversation.get_item("u")
    assert item is not None
    assert (item.role, item.audio_start_ms, item.audio_end_ms) == ("user", 100, 900)
    assert conversation.process_event(SpeechStarted()) == (None, None)


def test_usage_of_all_responses_is_added_up() -> None:
    conversation = RealtimeConversation()
    for _ in range(2):
        conversation.process_event(ResponseDone(ResponseState("r", usage=Usage(5, 3, 2))))
    conversation.process_event(ResponseDone(ResponseState("r", status="cancelled")))

    assert conversation.usage == Usage(10, 6, 4)


def test_unknown_event_changes_nothing() -> None:
    conversation = RealtimeConversation()

    assert conversation.process_event(Unknown("weather.changed")) == (None, None)
    assert conversation.get_items() == []


def test_function_call_keeps_its_name_and_arguments() -> None:
    conversation = RealtimeConversation()
    state = ItemState(
        "f", type="function_call", name="hang_up", call_id="c", arguments='{"why":"bye"}', status="completed"
    )

    item, _ = conversation.process_event(ItemDone(state))

    assert item is not None
    assert (item.type, item.role, item.name, item.call_id) == ("function_call", None, "hang_up", "c")
    assert item.formatted.arguments == '{"why":"bye"}'


def test_memory_is_bounded_over_a_long_call() -> None:
    conversation = RealtimeConversation()
    for n in range(MAX_ITEMS + 500):
        conversation.process_event(ItemAdded(message(f"i{n}")))
    for _ in range(100):
        conversation.process_event(TranscriptDelta("i1499", "x" * 10_000))

    assert len(conversation.get_items()) == MAX_ITEMS
    assert conversation.get_item("i0") is None
    item = conversation.get_item("i1499")
    assert item is not None
    assert len(item.formatted.transcript) < 300_000


def test_clear_forgets_everything() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    conversation.process_event(ResponseDone(ResponseState("r", usage=Usage(5, 3, 2))))
    conversation.clear()

    assert conversation.get_items() == []
    assert conversation.usage == Usage()
