from typing import Any

import pytest

from gateway.realtime.events import (
    AudioDelta,
    BetaTranscriptDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptUpdated,
    InputCommitted,
    ItemDone,
    ItemState,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    SpeechStarted,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
)
from gateway.realtime.history import heard_words
from gateway.transcript import MAX_CHARACTERS, MAX_REMEMBERED, MAX_TURNS, Transcript, Turn
from voice_codecs import PCMU_8K

WORDS = "We are open from nine to five on every working day"
CHINESE = "我们从九点到五点营业"


def sound(item_id: str, ms: int) -> AudioDelta:
    return AudioDelta(item_id, bytes(48 * ms), "resp")


def said(transcript: Transcript, item_id: str, text: str, ms: int, now: float = 1.0) -> None:
    """The model makes a whole item."""
    done = OutputItemDone(ItemState(item_id, role="assistant", status="completed"), "resp")
    for event in (sound(item_id, ms), TranscriptDone(item_id, text, "resp"), done):
        transcript.event(event, now)


def only(transcript: Transcript) -> Turn:
    (turn,) = transcript.turns
    return turn


def texts(transcript: Transcript) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in transcript.turns]


# What the agent said


def test_item_that_nobody_cut_was_heard_whole() -> None:
    transcript = Transcript()
    said(transcript, "item", WORDS, 1000, now=3.0)

    assert only(transcript) == Turn("item", "agent", WORDS, WORDS, 1000, 1000, 3.0, interrupted=False)
    assert transcript.turn("item") == only(transcript)
    assert transcript.turn("other") is None


@pytest.mark.parametrize(
    ("words", "heard_ms", "heard"),
    [
        (WORDS, 500, "We are open from nine to"),
        (WORDS, 0, ""),
        (WORDS, 1000, WORDS),
        (CHINESE, 500, "我们从九点"),
        (CHINESE, 0, ""),
        (CHINESE * 5 + " OK " + CHINESE * 5, 500, CHINESE * 5),
        (CHINESE * 10 + " OK", 500, CHINESE * 5 + "我"),
        ("Goodbye now", 300, ""),
    ],
)
def test_words_after_the_cut_were_said_and_not_heard(words: str, heard_ms: int, heard: str) -> None:
    transcript = Transcript()
    said(transcript, "item", words, 1000)
    transcript.cut("item", heard_ms)

    turn = only(transcript)
    assert (turn.text, turn.heard_text) == (words, heard)
    assert (turn.generated_ms, turn.heard_ms, turn.interrupted) == (1000, heard_ms, True)


def test_words_that_arrive_after_the_cut_are_said_and_never_heard() -> None:
    transcript = Transcript()
    transcript.event(sound("item", 1200), 1.0)
    transcript.event(TranscriptDelta("item", "We are open from nine", "resp"), 1.0)
    transcript.cut("item", 600)
    before = only(transcript).heard_text
    transcript.event(TranscriptDelta("item", " to five on every working day", "resp"), 1.1)
    transcript.event(sound("item", 200), 1.1)

    turn = only(transcript)
    assert turn.text == WORDS
    assert before.startswith(turn.heard_text)
    assert turn.heard_text == "We are"  # of 50 characters, 3 s to be expected
    assert (turn.generated_ms, turn.heard_ms) == (1400, 600)


def test_item_cut_to_nothing_stays_unheard_whatever_still_comes_of_it() -> None:
    transcript = Transcript()
    transcript.cut("item", 0)  # the owner may act on an event before it tells us of it
    said(transcript, "item", WORDS, 1000)

    assert (only(transcript).heard_text, only(transcript).heard_ms) == ("", 0)


def test_item_without_sound_that_was_cut_was_not_heard() -> None:
    transcript = Transcript()
    said(transcript, "item", WORDS, 0)
    transcript.cut("item", 0)

    assert only(transcript).heard_text == ""


@pytest.mark.parametrize("cuts", [(300, 500), (500, 300), (500, 500)])
def test_of_two_cuts_the_later_one_in_the_item_counts(cuts: tuple[int, int]) -> None:
    transcript = Transcript()
    said(transcript, "item", WORDS, 1000)
    for heard_ms in cuts:
        transcript.cut("item", heard_ms)

    assert only(transcript).heard_ms == 500
    assert only(transcript).heard_text == "We are open from nine to"


def test_transcript_that_the_server_shortens_after_the_cut_does_not_replace_what_was_said() -> None:
    transcript = Transcript()
    transcript.event(sound("item", 1000), 1.0)
    transcript.event(TranscriptDelta("item", WORDS, "resp"), 1.0)
    transcript.cut("item", 500)
    transcript.event(TranscriptDone("item", "We are", "resp"), 1.1)

    assert only(transcript).text == WORDS


def test_final_transcript_replaces_the_deltas_where_nothing_was_cut_and_an_empty_one_does_not() -> None:
    transcript = Transcript()
    transcript.event(BetaTranscriptDelta("item", "We are opened", "resp"), 1.0)
    transcript.event(TranscriptDone("item", "", "resp"), 1.0)
    assert only(transcript).text == "We are opened"

    transcript.event(TranscriptDone("item", "We are open", "resp"), 1.0)

    assert only(transcript).text == "We are open"


def test_words_ahead_of_their_sound_are_not_heard_yet() -> None:
    transcript = Transcript()
    transcript.event(TranscriptDelta("item", WORDS, "resp"), 1.0)
    transcript.event(sound("item", 600), 1.0)
    assert only(transcript).heard_text == "We are"

    transcript.event(ResponseDone(ResponseState("resp", "completed")), 1.1)

    assert only(transcript).heard_text == WORDS


@pytest.mark.parametrize(
    ("event", "is_whole"),
    [
        (ItemDone(ItemState("item", status="completed")), True),
        (ItemDone(ItemState("item", status="incomplete")), False),
        (ItemDone(ItemState("other", status="completed")), False),
        (
            ResponseDone(ResponseState("resp", "cancelled", output=[ItemState("item", status="completed")])),
            True,
        ),
        (ResponseDone(ResponseState("resp", "cancelled")), False),
        (ResponseDone(ResponseState("other", "completed")), False),
    ],
)
def test_words_have_all_sounded_once_their_item_is_complete(event: Any, is_whole: bool) -> None:
    transcript = Transcript()
    transcript.event(TranscriptDelta("item", WORDS, "resp"), 1.0)
    transcript.event(sound("item", 600), 1.0)
    transcript.event(event, 1.1)

    assert (only(transcript).heard_text == WORDS) == is_whole


def test_parts_of_an_item_are_joined_in_their_order() -> None:
    transcript = Transcript()
    transcript.event(TranscriptDelta("item", "to five", "resp", content_index=1), 1.0)
    transcript.event(TranscriptDelta("item", "From nine ", "resp", content_index=0), 1.0)

    assert only(transcript).text == "From nine to five"


def test_sound_is_measured_in_the_format_of_the_session() -> None:
    transcript = Transcript(PCMU_8K)
    transcript.event(AudioDelta("item", bytes(800), "resp"), 1.0)

    assert only(transcript).generated_ms == 100


def test_response_outside_the_conversation_is_left_out() -> None:
    transcript = Transcript()
    transcript.event(ResponseCreated(ResponseState("resp", conversation_id=None)), 1.0)
    said(transcript, "item", WORDS, 1000)
    transcript.event(TranscriptDelta("item", WORDS, "resp"), 1.0)
    assert transcript.turns == []

    transcript.event(ResponseCreated(ResponseState("next", conversation_id="conv")), 2.0)
    transcript.event(TranscriptDelta("answer", WORDS, "next"), 2.0)
    assert texts(transcript) == [("agent", WORDS)]


# What the caller said


def test_turns_are_in_the_order_in_which_they_began_however_late_the_callers_words_come() -> None:
    transcript = Transcript()
    said(transcript, "greeting", "Hello", 500)
    transcript.event(SpeechStarted("question"), 2.0)
    transcript.event(InputCommitted("question"), 3.0)
    said(transcript, "answer", "From nine", 500, now=3.5)
    transcript.event(CallerTranscript("question", "When are you open?"), 4.0)

    assert texts(transcript) == [
        ("agent", "Hello"),
        ("caller", "When are you open?"),
        ("agent", "From nine"),
    ]
    question = transcript.turns[1]
    assert question == Turn("question", "caller", question.text, question.text, 0, 0, 2.0, interrupted=False)


def test_callers_words_grow_until_they_are_final() -> None:
    transcript = Transcript()
    for event in (CallerTranscriptDelta("item", "My or"), CallerTranscriptDelta("item", "der")):
        transcript.event(event, 1.0)
    assert only(transcript).text == "My order"
    transcript.event(CallerTranscriptUpdated("item", "My older"), 1.0)
    transcript.event(CallerTranscriptDelta("item", None), 1.0)
    assert only(transcript).text == "My older"
    transcript.event(CallerTranscript("item", "My order."), 1.0)
    transcript.event(CallerTranscriptDelta("item", " late"), 1.0)

    assert only(transcript).text == "My order."


def test_speech_that_yields_no_words_is_no_turn() -> None:
    transcript = Transcript()
    transcript.event(SpeechStarted("cough"), 1.0)
    transcript.event(CallerTranscript("cough", ""), 2.0)

    assert transcript.turns == []


def test_caller_cannot_be_cut_and_an_item_has_one_speaker() -> None:
    transcript = Transcript()
    transcript.event(CallerTranscript("item", "My order"), 1.0)
    transcript.event(sound("item", 100), 1.0)
    transcript.event(ItemDone(ItemState("item", status="completed")), 1.0)
    transcript.cut("item", 0)

    assert only(transcript).heard_text == "My order"
    assert not only(transcript).interrupted
    assert only(transcript).generated_ms == 0


def test_typed_text_is_a_turn_of_the_caller() -> None:
    transcript = Transcript()
    transcript.typed("my number is 4712#", 2.0)
    transcript.typed("and again", 3.0)

    text = "my number is 4712#"
    assert transcript.turns[0] == Turn("", "caller", text, text, 0, 0, 2.0, interrupted=False)
    assert transcript.turns[1].text == "and again"


# Bounds and the rest


def test_oldest_turns_are_dropped_and_counted() -> None:
    transcript = Transcript()
    for n in range(MAX_TURNS + 5):
        transcript.typed(str(n), float(n))

    assert [turn.text for turn in transcript.turns][:2] == ["5", "6"]
    assert len(transcript.turns) == MAX_TURNS
    assert transcript.n_dropped == 5


def test_text_is_bounded_over_all_turns_and_in_each() -> None:
    transcript = Transcript()
    transcript.typed("old", 1.0)
    said(transcript, "long", "a" * 2 * MAX_CHARACTERS, 1000)
    transcript.event(TranscriptDelta("long", "b", "resp", content_index=1), 1.0)
    assert only(transcript).text == "a" * MAX_CHARACTERS
    assert transcript.n_dropped == 1

    said(transcript, "new", WORDS, 1000)
    said(transcript, "new", CHINESE, 1000)

    assert texts(transcript) == [("agent", CHINESE)]
    assert transcript.n_dropped == 2


def test_what_waits_for_its_item_is_bounded() -> None:
    transcript = Transcript()
    for n in range(10 * MAX_REMEMBERED):
        transcript.cut(f"item {n}", 0)
        transcript.event(ResponseCreated(ResponseState(f"resp {n}", conversation_id=None)), 1.0)

    assert len(transcript._early_cuts) == len(transcript._asides) == MAX_REMEMBERED


def test_events_that_say_nothing_are_let_pass() -> None:
    transcript = Transcript()
    for event in (
        Unknown("weather.changed"),
        sound("", 100),
        SpeechStarted(""),
        CallerTranscript("", "Hello"),
    ):
        transcript.event(event, 1.0)

    assert transcript.turns == []


def test_words_whose_sound_has_not_come_at_all_are_not_heard() -> None:
    assert heard_words(WORDS, 0, None, is_whole=False) == ""
    assert heard_words("", 3000, 221, is_whole=False) == ""  # no words of it have come
