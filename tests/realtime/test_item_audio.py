import pytest

from gateway.realtime.conversation import (
    RealtimeConversation,
)
from gateway.realtime.events import (
    AudioDelta,
    ItemDone,
    ItemTruncated,
    TextDelta,
    TranscriptDelta,
)
from tests.realtime.conversations import heard, message
from voice_codecs import PCMU_8K


def test_audio_is_counted_and_kept_only_if_asked_for() -> None:
    for keep in (False, True):
        item = heard(RealtimeConversation(keep_audio=keep), AudioDelta("i", b"\1" * 96))
        assert item.formatted.n_audio_bytes == 96
        assert item.formatted.audio == (b"\1" * 96 if keep else b"")


def test_audio_delta_with_half_a_sample_is_taken_as_it_is() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    item = heard(conversation, AudioDelta("i", bytes(47)), AudioDelta("i", bytes(49)))

    assert (item.formatted.audio_ms, len(item.formatted.audio)) == (2, 96)


def test_truncation_cuts_the_audio_at_the_millisecond() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    for _ in range(5):
        conversation.process_event(AudioDelta("i", b"\1" * 4800))

    item = heard(conversation, ItemTruncated("i", 120))

    assert (item.formatted.audio_ms, item.heard_ms, item.said_ms) == (120, 120, 500)
    assert len(item.formatted.audio) == 5760


def test_truncation_counts_in_the_format_of_the_session() -> None:
    conversation = RealtimeConversation(keep_audio=True, output_format=PCMU_8K)
    item = heard(conversation, AudioDelta("i", bytes(1600)), ItemTruncated("i", 50))

    assert (item.formatted.audio_ms, len(item.formatted.audio), item.said_ms) == (50, 400, 200)


@pytest.mark.parametrize(("ms", "heard_ms"), [(-5, 0), (10**400, 10**9), (float("nan"), 0), (99.5, 99)])
def test_truncation_at_an_absurd_position_is_taken_within_reason(ms: float, heard_ms: int) -> None:
    conversation = RealtimeConversation(keep_audio=True)
    item = heard(conversation, AudioDelta("i", bytes(4800)), ItemTruncated("i", ms))

    assert item.heard_ms == heard_ms
    assert item.formatted.audio_ms == min(100, heard_ms)


def test_words_of_a_cut_item_stay_although_the_server_drops_them() -> None:
    conversation = RealtimeConversation()
    item = heard(
        conversation,
        TranscriptDelta("i", "I was about to say"),
        TextDelta("i", "I was about"),
        ItemTruncated("i", 20),
        ItemDone(message("i", status="incomplete", output_audio="I", output_text="I")),
    )

    assert (item.status, item.formatted.transcript) == ("incomplete", "I was about to say")
    assert item.formatted.text == "I was about"


def test_audio_of_an_item_that_was_cut_is_let_pass() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    item = heard(conversation, AudioDelta("i", bytes(4800)), ItemTruncated("i", 20))

    assert conversation.process_event(AudioDelta("i", bytes(4800))) == (None, None)
    assert item.formatted.audio_ms == 20


def test_item_that_was_not_cut_has_no_heard_position() -> None:
    item = heard(RealtimeConversation(), AudioDelta("i", bytes(4800)))

    assert (item.heard_ms, item.said_ms) == (None, None)
