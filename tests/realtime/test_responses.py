import pytest

from gateway.realtime.conversation import (
    RealtimeConversation,
    TokenUsage,
)
from gateway.realtime.events import (
    ArgumentsDelta,
    AudioDelta,
    CachedTokens,
    ErrorDetail,
    InputTokens,
    ItemAdded,
    OutputItemAdded,
    OutputItemDone,
    OutputTokens,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    StatusDetails,
    TextDelta,
    Usage,
)
from gateway.realtime.responses import MAX_RESPONSE_ITEMS
from tests.realtime.conversations import heard, ids, message


def test_response_is_recorded_with_its_items_and_its_end() -> None:
    conversation = RealtimeConversation()
    created = ResponseState("r", "in_progress", conversation_id="conv", metadata={"why": "test", "n": 5})
    assert conversation.process_event(ResponseCreated(created)) == (None, None)
    assert conversation.process_event(OutputItemAdded(message("i"), "r")) == (None, None)
    conversation.process_event(AudioDelta("i", b"\0", "r"))
    conversation.process_event(ArgumentsDelta("f", "{}", "r"))
    done = ResponseState("r", "cancelled", StatusDetails("turn_detected"), Usage(5, 3, 2))
    assert conversation.process_event(ResponseDone(done)) == (None, None)

    response = conversation.get_response("r")
    assert response is not None
    assert (response.status, response.reason, response.item_ids) == ("cancelled", "turn_detected", ["i", "f"])
    assert (response.conversation_id, response.out_of_band) == ("conv", False)
    assert response.metadata == {"why": "test"}
    assert response.usage == TokenUsage(5, 3, 2)
    assert conversation.get_response("other") is None


def test_response_names_each_item_once_and_no_more_than_its_limit() -> None:
    conversation = RealtimeConversation()
    for response_id in "rqr":
        conversation.process_event(TextDelta("i", "x", response_id))
    for n in range(200):
        conversation.process_event(TextDelta(f"i{n}", "x", "r"))

    response = conversation.get_response("r")
    assert response is not None
    assert response.item_ids[:2] == ["i", "i0"]
    assert len(response.item_ids) == MAX_RESPONSE_ITEMS


def test_response_that_failed_says_why_by_its_error() -> None:
    conversation = RealtimeConversation()
    details = StatusDetails(error=ErrorDetail("no", "server_error", "insufficient_quota"))
    conversation.process_event(ResponseDone(ResponseState("r", "failed", details)))
    conversation.process_event(ResponseDone(ResponseState("q", "failed", StatusDetails())))

    responses = conversation.get_response("r"), conversation.get_response("q")
    assert [response and response.reason for response in responses] == ["insufficient_quota", None]


def test_done_response_whose_creation_was_not_seen_is_recorded() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ResponseDone(ResponseState("r")))

    response = conversation.get_response("r")
    assert response is not None
    assert response.status == "completed"


@pytest.mark.parametrize(("status", "expected"), [("completed", "completed"), ("cancelled", "incomplete")])
def test_items_of_a_done_response_do_not_stay_in_progress(status: str, expected: str) -> None:
    conversation = RealtimeConversation()
    described = heard(conversation, TextDelta("a", "Hel", "r"))
    half_described = heard(conversation, TextDelta("b", "Hel", "r"))
    not_described = heard(conversation, TextDelta("c", "Hel", "r"))
    finished = heard(conversation, OutputItemDone(message("d", status="completed"), "r"))
    output = [
        message("a", status="completed", output_text="Hello"),
        message("b", status=None),
        message("elsewhere", status="completed"),
    ]
    conversation.process_event(ResponseDone(ResponseState("r", status, output=output)))

    assert (described.status, described.formatted.text) == ("completed", "Hello")
    assert (half_described.status, not_described.status) == (expected, expected)
    assert finished.status == "completed"
    assert conversation.get_item("elsewhere") is None


def test_items_of_a_response_outside_the_conversation_are_not_among_its_items() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ResponseCreated(ResponseState("r", conversation_id=None)))
    item = heard(conversation, TextDelta("i", "angry", "r"))

    assert item.out_of_band
    assert conversation.get_items() == []
    assert conversation.get_item("i") is item


def test_announced_item_is_in_the_conversation_whatever_its_response_says() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ResponseCreated(ResponseState("r", conversation_id=None)))
    conversation.process_event(TextDelta("a", "x", "r"))
    conversation.process_event(ItemAdded(message("a")))
    conversation.process_event(ItemAdded(message("b")))
    conversation.process_event(OutputItemAdded(message("b"), "r"))

    assert ids(conversation) == ["a", "b"]


def test_usage_of_all_responses_is_added_up_with_its_details() -> None:
    conversation = RealtimeConversation()
    usage = Usage(
        20, 12, 8, InputTokens(4, 5, 3, 6, CachedTokens(1, 2, 3)), OutputTokens(text_tokens=2, audio_tokens=6)
    )
    for response_id in "ab":
        conversation.process_event(ResponseDone(ResponseState(response_id, usage=usage)))
    conversation.process_event(ResponseDone(ResponseState("c", "cancelled")))
    conversation.process_event(ResponseDone(ResponseState("d", usage=Usage(None, None, None))))

    assert conversation.usage == TokenUsage(40, 24, 16, 8, 10, 6, 12, 2, 4, 6, 4, 12)


def test_usage_of_a_response_that_is_reported_twice_counts_once() -> None:
    conversation = RealtimeConversation()
    for _ in range(2):
        conversation.process_event(ResponseDone(ResponseState("r", usage=Usage(5, 3, 2))))

    assert conversation.usage == TokenUsage(5, 3, 2)


def test_usage_counts_even_without_a_response_id() -> None:
    conversation = RealtimeConversation()
    for _ in range(2):
        conversation.process_event(ResponseDone(ResponseState(usage=Usage(5, 3, 2))))

    assert conversation.usage == TokenUsage(10, 6, 4)
    assert conversation.get_response("") is None
