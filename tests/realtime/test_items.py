from typing import Any

import pytest

from gateway.errors import RemoteProtocolError
from gateway.realtime.conversation import (
    MAX_ITEM_TEXT,
    MAX_PARTS,
    Delta,
    FormattedTool,
    Part,
    RealtimeConversation,
)
from gateway.realtime.events import (
    ArgumentsDelta,
    ArgumentsDone,
    AudioDelta,
    BetaTranscriptDelta,
    ContentPart,
    ContentPartAdded,
    ContentPartDone,
    ErrorDetail,
    ItemAdded,
    ItemCreated,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    ItemState,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
)
from tests.realtime.conversations import call, heard, ids, message


def test_deltas_build_up_an_item_and_are_reported_one_by_one() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(ItemAdded(message("i")))

    item, delta = conversation.process_event(TranscriptDelta("i", "Hello "))
    conversation.process_event(TranscriptDelta("i", "there"))
    _, audio_delta = conversation.process_event(AudioDelta("i", b"\0" * 480))
    _, text_delta = conversation.process_event(TextDelta("i", "Hi"))

    assert item is conversation.get_item("i")
    assert delta == Delta(transcript="Hello ")
    assert audio_delta == Delta(audio=b"\0" * 480)
    assert text_delta == Delta(text="Hi")
    assert item is not None
    assert item.formatted.transcript == "Hello there"
    assert item.formatted.text == "Hi"
    assert item.formatted.audio_ms == 10


def test_event_may_be_a_dict() -> None:
    conversation = RealtimeConversation()

    item, delta = conversation.process_event(
        {"type": "response.output_audio_transcript.delta", "event_id": "e", "item_id": "i", "delta": "Yes"}
    )

    assert item is not None
    assert item.formatted.transcript == "Yes"
    assert delta == Delta(transcript="Yes")


@pytest.mark.parametrize("event", [{"type": "conversation.item.added"}, {}, {"type": 5}, {"item_id": "i"}])
def test_dict_that_is_no_server_event_is_a_protocol_error(event: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        RealtimeConversation().process_event(event)


def test_older_names_of_events_mean_the_same() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, ItemCreated(message("i")), BetaTranscriptDelta("i", "Hello"))

    assert item.formatted.transcript == "Hello"


def test_delta_before_its_item_and_its_part_creates_both() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, TranscriptDelta("i", "Hello", content_index=1))

    assert (item.type, item.role, item.status) == ("message", "assistant", "in_progress")
    assert item.content == [Part(), Part("output_audio", "", "Hello")]


def test_audio_and_words_of_an_unknown_item_follow_the_same_rule() -> None:
    conversation = RealtimeConversation()
    heard(conversation, AudioDelta("a", bytes(48)))
    heard(conversation, TextDelta("t", "Hi"))
    heard(conversation, ArgumentsDelta("f", "{}"))

    assert ids(conversation) == ["a", "t", "f"]


def test_part_without_a_text_adds_nothing_to_the_words() -> None:
    conversation = RealtimeConversation()
    state = ItemState("i", role="user", content=[ContentPart("input_audio"), ContentPart("input_text")])
    item = heard(conversation, ItemAdded(state))

    assert (item.formatted.text, item.formatted.transcript) == ("", "")


def test_texts_of_several_parts_are_joined_in_the_order_of_the_parts() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation,
        TranscriptDelta("i", "two", content_index=1),
        TranscriptDelta("i", "One, ", content_index=0),
    )

    assert item.formatted.transcript == "One, two"
    assert [part.transcript for part in item.content] == ["One, ", "two"]


def test_parts_beyond_the_limit_go_to_the_last_one_and_before_it_to_the_first() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation,
        TextDelta("i", "far", content_index=10**9),
        TextDelta("i", "near", content_index=-5),
    )

    assert len(item.content) == MAX_PARTS
    assert (item.content[0].text, item.content[-1].text) == ("near", "far")


def test_item_keeps_no_more_than_its_limit_of_each_text() -> None:
    conversation = RealtimeConversation()
    for index in range(4):
        for event in (
            TextDelta("i", "x" * 100_000, content_index=index),
            TranscriptDelta("i", "x" * 100_000, content_index=index),
            ArgumentsDelta("f", "x" * 100_000),
        ):
            conversation.process_event(event)
    item, function_call = conversation.get_items()
    assert len(item.formatted.text) == len(item.formatted.transcript) == MAX_ITEM_TEXT
    assert function_call.formatted.tool is not None
    assert len(function_call.formatted.tool.arguments) == MAX_ITEM_TEXT

    long = "y" * 2 * MAX_ITEM_TEXT
    conversation.process_event(TextDone("i", long, content_index=0))
    conversation.process_event(ArgumentsDone("f", arguments=long))
    conversation.process_event(ItemAdded(ItemState("o", "function_call_output", output=long)))
    assert len(item.formatted.text) == MAX_ITEM_TEXT
    assert len(function_call.formatted.tool.arguments) == MAX_ITEM_TEXT
    assert len(conversation.get_items()[-1].formatted.output) == MAX_ITEM_TEXT


def test_final_texts_replace_what_deltas_gave() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation,
        TranscriptDelta("i", "Helo"),
        TranscriptDone("i", "Hello"),
        TextDone("i", "Hello!"),
    )
    assert (item.formatted.transcript, item.formatted.text) == ("Hello", "Hello!")

    conversation.process_event(ContentPartDone("i", ContentPart("audio", transcript="Hello there")))
    assert item.formatted.transcript == "Hello there"


def test_empty_final_text_does_not_wipe_what_deltas_gave() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, TranscriptDelta("i", "Hello"), TranscriptDone("i", ""))

    assert item.formatted.transcript == "Hello"


def test_part_is_named_as_in_items_and_changes_only_the_state() -> None:
    conversation = RealtimeConversation()
    added = ContentPartAdded("i", ContentPart("audio", transcript=""))

    assert conversation.process_event(added) == (None, None)
    assert conversation.process_event(ContentPartAdded("", ContentPart("audio"))) == (None, None)
    item = conversation.get_item("i")
    assert item is not None
    assert item.content == [Part("output_audio")]


def test_beta_names_of_content_are_read_as_the_current_ones() -> None:
    conversation = RealtimeConversation()
    spoken = heard(conversation, ItemAdded(message("a", text="Hi", audio="Hello")))
    typed = heard(conversation, ItemAdded(message("u", "user", text="Hey")))

    assert [part.type for part in spoken.content] == ["output_text", "output_audio"]
    assert [part.type for part in typed.content] == ["input_text"]
    assert typed.formatted.text == "Hey"


def test_truncation_or_deletion_of_an_unknown_item_is_let_pass() -> None:
    conversation = RealtimeConversation()

    assert conversation.process_event(ItemTruncated("i", 20)) == (None, None)
    assert conversation.process_event(ItemDeleted("i")) == (None, None)


@pytest.mark.parametrize(
    "event",
    [
        AudioDelta("", b"\0"),
        TranscriptDelta("", "x"),
        TextDelta("", "x"),
        ArgumentsDelta("", "x"),
        ArgumentsDone(""),
        TranscriptDone("", "x"),
        ItemAdded(ItemState()),
        ItemDone(ItemState()),
        OutputItemAdded(ItemState()),
        OutputItemDone(ItemState()),
        ItemDeleted(""),
        ItemRetrieved(message("i")),
        Unknown("weather.changed"),
        ErrorDetail,
    ],
)
def test_event_without_an_item_or_of_an_unknown_kind_changes_nothing(event: Any) -> None:
    conversation = RealtimeConversation()

    assert conversation.process_event(event) == (None, None)
    assert conversation.get_items() == []


def test_item_announced_again_is_the_stored_item_brought_up_to_date() -> None:
    conversation = RealtimeConversation()
    first = heard(conversation, ItemAdded(message("i")))
    conversation.process_event(OutputItemAdded(message("i"), "r"))
    again = heard(conversation, ItemAdded(message("i", output_audio="Hel")))
    final = heard(conversation, OutputItemDone(message("i", status="completed", output_audio="Hello")))

    assert first is again is final is conversation.get_item("i")
    assert ids(conversation) == ["i"]
    assert (final.status, final.formatted.transcript, final.response_id) == ("completed", "Hello", "r")


def test_final_item_replaces_the_parts_that_deltas_gave() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation,
        TextDelta("i", "Hel", content_index=1),
        ItemDone(message("i", status="completed", output_text="Hello")),
    )

    assert item.content == [Part("output_text", "Hello")]
    assert item.formatted.text == "Hello"


def test_cut_item_ends_incomplete_and_keeps_what_its_deltas_said() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation, TranscriptDelta("i", "I was about"), ItemDone(message("i", status="incomplete"))
    )

    assert (item.status, item.is_final, item.formatted.transcript) == ("incomplete", True, "I was about")


def test_status_goes_from_in_progress_to_final_and_not_back() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, ItemAdded(message("i")))
    assert (item.status, item.is_final) == ("in_progress", False)

    conversation.process_event(ItemDone(message("i", status=None)))
    assert item.status == "completed"
    conversation.process_event(ItemAdded(message("i")))
    assert item.status == "completed"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (message("i", "user", None), "completed"),
        (message("i", "user", "in_progress"), "completed"),
        (message("i", "user", "incomplete"), "incomplete"),
        (message("i", "system", "completed"), "completed"),
        (ItemState("i", "function_call_output"), "completed"),
        (message("i", "assistant", None), "in_progress"),
        (message("i", "assistant", "completed", output_text="Earlier"), "completed"),
        (call("i"), "in_progress"),
    ],
)
def test_what_the_user_or_the_application_gave_is_complete_at_once(state: ItemState, status: str) -> None:
    assert heard(RealtimeConversation(), ItemAdded(state)).status == status


def test_nothing_of_a_raw_event_is_shared_with_the_item() -> None:
    raw: dict[str, Any] = {
        "type": "conversation.item.added",
        "item": {"id": "i", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    }
    item = heard(RealtimeConversation(), raw)
    raw["item"]["content"][0]["text"] = "changed"
    raw["item"]["content"].clear()
    assert item.content == [Part("input_text", "Hi")]

    state = message("j", "user", input_text="Hi")
    item = heard(RealtimeConversation(), ItemAdded(state))
    item.content.clear()
    assert state.content == [ContentPart("input_text", "Hi")]


def test_function_call_keeps_its_name_and_arguments() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, ItemDone(call("f", "completed", '{"why":"bye"}')))

    assert (item.type, item.role, item.name, item.call_id) == ("function_call", None, "hang_up", "c")
    assert item.formatted.tool == FormattedTool("hang_up", "c", '{"why":"bye"}')


def test_arguments_grow_by_deltas_and_are_replaced_at_the_end() -> None:
    conversation = RealtimeConversation()
    item, delta = conversation.process_event(ArgumentsDelta("f", '{"why"', call_id="c"))
    assert item is not None
    assert delta == Delta(arguments='{"why"')
    assert item.formatted.tool == FormattedTool("", "c", '{"why"')

    conversation.process_event(ArgumentsDone("f", "c", '{"why":1}', "hang_up"))
    assert (item.type, item.role, item.name, item.call_id) == ("function_call", None, "hang_up", "c")
    assert item.formatted.tool == FormattedTool("hang_up", "c", '{"why":1}', "function")


def test_message_does_not_become_a_function_call_by_stray_arguments() -> None:
    conversation = RealtimeConversation()
    item = heard(conversation, ItemAdded(message("i")))

    assert conversation.process_event(ArgumentsDelta("i", "{}")) == (None, None)
    assert conversation.process_event(ArgumentsDone("i", "c", "{}")) == (None, None)
    assert item.formatted.tool is None


def test_output_of_a_function_call_may_be_missing() -> None:
    conversation = RealtimeConversation()
    without = heard(conversation, ItemAdded(ItemState("o", "function_call_output", call_id="c")))
    having = heard(conversation, ItemAdded(ItemState("p", "function_call_output", output="{}")))

    assert (without.formatted.output, without.call_id, without.role) == ("", "c", None)
    assert having.formatted.output == "{}"
