from gateway.realtime.conversation import (
    MAX_ITEMS,
    RealtimeConversation,
    TokenUsage,
)
from gateway.realtime.events import (
    AudioDelta,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemState,
    ItemTruncated,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    TranscriptDelta,
    Usage,
)
from tests.realtime.conversations import heard, ids, message


def test_items_stand_in_the_order_of_the_conversation_not_of_arrival() -> None:
    conversation = RealtimeConversation()
    for item_id, previous in (("a", None), ("c", "a"), ("b", "a"), ("z", "root"), ("d", "unknown")):
        conversation.process_event(ItemAdded(message(item_id), previous))

    assert ids(conversation) == ["z", "a", "b", "c", "d"]


def test_item_that_deltas_created_moves_where_its_announcement_says() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    conversation.process_event(TranscriptDelta("answer", "Hello"))
    conversation.process_event(ItemAdded(message("question", "user"), "a"))
    conversation.process_event(ItemAdded(message("answer"), "question"))

    assert ids(conversation) == ["a", "question", "answer"]


def test_item_moves_once_only() -> None:
    conversation = RealtimeConversation()
    for item_id, previous in (("a", None), ("c", "a"), ("b", "a")):
        conversation.process_event(ItemAdded(message(item_id), previous))
    conversation.process_event(ItemDone(message("c"), "a"))

    assert ids(conversation) == ["a", "b", "c"]


def test_item_cannot_stand_after_itself() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a"), "a"))

    assert ids(conversation) == ["a"]


def test_deleted_item_is_gone_and_late_events_do_not_bring_it_back() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    deleted = heard(conversation, ItemDeleted("a"))
    assert deleted.id == "a"
    for event in (
        TranscriptDelta("a", "late"),
        AudioDelta("a", b"\0"),
        OutputItemDone(message("a")),
        ItemDone(message("a")),
    ):
        assert conversation.process_event(event) == (None, None)
    assert conversation.get_item("a") is None
    assert ids(conversation) == []

    conversation.process_event(ItemAdded(message("a")))
    assert ids(conversation) == ["a"]


def test_oldest_items_are_forgotten_when_there_are_too_many() -> None:
    conversation = RealtimeConversation()
    for n in range(MAX_ITEMS + 500):
        conversation.process_event(ItemAdded(message(f"i{n}")))

    assert len(ids(conversation)) == MAX_ITEMS
    assert conversation.get_item("i499") is None
    assert conversation.get_item("i500") is not None


def test_new_session_ends_what_was_being_made() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ResponseCreated(ResponseState("r", "in_progress")))
    making = heard(conversation, TranscriptDelta("i", "I was", "r"))
    done = heard(conversation, ItemAdded(message("u", "user")))
    assert conversation.begin_session() == conversation.generation == 1

    assert (making.status, making.formatted.transcript, making.generation) == ("incomplete", "I was", 0)
    assert done.status == "completed"
    response = conversation.get_response("r")
    assert response is not None
    assert (response.status, response.reason) == ("incomplete", "session_ended")
    assert heard(conversation, TranscriptDelta("j", "New")).generation == 1


def test_late_events_of_an_old_session_change_nothing() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, TranscriptDelta("i", "I was"))
    conversation.begin_session()

    assert conversation.process_event(TranscriptDelta("i", " about to")) == (None, None)
    assert conversation.process_event(TranscriptDelta("new", "x"), generation=0) == (None, None)
    assert item.formatted.transcript == "I was"
    assert ids(conversation) == ["i"]
    taken, _ = conversation.process_event(TranscriptDelta("new", "x"), generation=1)
    assert taken is not None


def test_late_events_after_everything_was_forgotten_change_nothing() -> None:
    conversation = RealtimeConversation()
    generation = conversation.generation
    conversation.clear()

    assert conversation.process_event(ItemTruncated("i", 5), generation=generation) == (None, None)
    assert conversation.process_event(AudioDelta("i", b"\0"), generation=generation) == (None, None)
    assert conversation.get_items() == []


def test_item_that_a_new_session_took_over_keeps_what_was_recorded() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("a")))
    item = heard(conversation, TranscriptDelta("a", "Hello there"), ItemTruncated("a", 20))
    conversation.process_event(ItemAdded(message("b", "user", input_text="Hi")))
    conversation.begin_session()
    replayed = message("a", status="completed", output_text="Hello")
    for event in (ItemAdded(replayed), ItemDone(replayed)):
        assert heard(conversation, event) is item

    assert (item.generation, item.taken_over, item.status) == (1, True, "incomplete")
    assert (item.formatted.transcript, item.formatted.text, item.heard_ms) == ("Hello there", "", 20)
    assert ids(conversation) == ["a", "b"]


def test_done_response_of_another_session_leaves_old_items_alone() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, OutputItemDone(ItemState("i", status="incomplete"), "r"))
    item.status = "in_progress"
    conversation.begin_session()
    item.status = "in_progress"
    conversation.process_event(ResponseDone(ResponseState("r", "completed")))

    assert item.status == "in_progress"


def test_clear_forgets_everything() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    conversation.process_event(AudioDelta("a", b"\0\0", "r"))
    conversation.process_event(ResponseDone(ResponseState("r", usage=Usage(5, 3, 2))))
    assert conversation.clear()

    assert conversation.get_items() == []
    assert conversation.get_response("r") is None
    assert conversation.usage == TokenUsage()


def test_item_that_is_created_again_stands_last_and_an_unknown_one_nowhere() -> None:
    conversation = RealtimeConversation()
    heard(conversation, *(ItemAdded(message(item_id)) for item_id in "abc"))

    conversation.move_to_end("a")
    conversation.move_to_end("x")

    assert ids(conversation) == ["b", "c", "a"]
