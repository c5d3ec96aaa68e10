"""What is known of an interruption, and of audio that is heard on after one."""

import pytest
from msgspec import UNSET

from gateway.commands import PlayAudio, RestoreItem, TruncateItem
from gateway.interruptions import (
    JITTER,
    LONGEST_NOISE,
    MAX_HELD_BYTES,
    WORDS_TIMEOUT,
    Interruption,
    Resumed,
    Verdict,
    silence_ending_turns,
)
from gateway.playback import Cut, Playback, Unheard
from gateway.realtime import Provider, SessionConfig
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    ItemAdded,
    ItemState,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    ServerEvent,
    SpeechStopped,
    Unknown,
)
from gateway.realtime.session_fields import SemanticVad, ServerVad

SILENCE_MS = 500
LONGEST = LONGEST_NOISE + JITTER + SILENCE_MS / 1000
CREATED = ResponseCreated(ResponseState("answer"))


def begun(*item_ids: str) -> Interruption:
    interruption = Interruption([], SILENCE_MS)
    for item_id in item_ids or ("cough",):
        interruption.speech_started(item_id, 0.0)
    return interruption


def over(*item_ids: str) -> Interruption:
    """A short noise that is over, and that the model begins to answer."""
    interruption = begun(*item_ids)
    assert interruption.take(SpeechStopped(), 0.7) is Verdict.OPEN
    assert interruption.take(CREATED, 0.7) is Verdict.OPEN
    return interruption


@pytest.mark.parametrize("words", ["", " ", "...", "?!"])
def test_short_speech_without_a_letter_or_digit_is_a_false_alarm(words: str) -> None:
    interruption = over()

    assert interruption.take(CallerTranscript("cough", words), 1.0) is Verdict.FALSE_ALARM
    assert interruption.wordless == ["cough"]


@pytest.mark.parametrize("words", ["Yes.", "7", "да", "嗯"])
def test_short_speech_with_words_is_meant(words: str) -> None:
    for event in (
        CallerTranscript("cough", words),
        CallerTranscriptDelta("cough", words),
        CallerTranscriptUpdated("cough", words),
    ):
        assert over().take(event, 1.0) is Verdict.MEANT


def test_part_of_a_transcript_without_words_decides_nothing() -> None:
    interruption = over()

    assert interruption.take(CallerTranscriptDelta("cough", None), 1.0) is Verdict.OPEN
    assert interruption.take(CallerTranscriptUpdated("cough", "..."), 1.0) is Verdict.OPEN
    assert interruption.take(CallerTranscript("cough", ""), 1.0) is Verdict.FALSE_ALARM


def test_speech_that_was_not_understood_is_meant() -> None:
    assert over().take(CallerTranscriptFailed("cough"), 1.0) is Verdict.MEANT


def test_words_of_another_item_decide_nothing() -> None:
    for event in (CallerTranscript("older", "Yes."), CallerTranscriptFailed("older")):
        assert over().take(event, 1.0) is Verdict.OPEN


def test_speech_that_lasts_is_meant_when_its_time_is_over_or_it_ends_later() -> None:
    assert begun().deadline == pytest.approx(LONGEST)
    assert begun().overdue() is Verdict.MEANT
    assert begun().take(SpeechStopped(), LONGEST + 0.01) is Verdict.MEANT
    assert begun().take(SpeechStopped(), LONGEST - 0.01) is Verdict.OPEN


def test_words_that_do_not_come_in_time_count_as_meant() -> None:
    interruption = over()

    assert interruption.deadline == pytest.approx(0.7 + WORDS_TIMEOUT)
    assert interruption.overdue() is Verdict.MEANT


def test_false_alarm_waits_for_the_answer_that_it_stops_but_not_for_ever() -> None:
    interruption = begun()
    interruption.take(SpeechStopped(), 0.7)
    aside = ResponseCreated(ResponseState("aside", conversation_id=None))

    assert interruption.take(CallerTranscript("cough", ""), 0.8) is Verdict.OPEN
    assert interruption.take(aside, 0.8) is Verdict.OPEN
    assert interruption.overdue() is Verdict.FALSE_ALARM
    assert interruption.take(CREATED, 0.9) is Verdict.FALSE_ALARM


def test_two_coughs_in_a_row_are_one_false_alarm_when_neither_has_words() -> None:
    interruption = over()
    interruption.speech_started("second", 1.0)
    assert interruption.take(CallerTranscript("cough", ""), 1.1) is Verdict.OPEN
    assert interruption.take(SpeechStopped(), 1.7) is Verdict.OPEN
    assert interruption.take(CREATED, 1.7) is Verdict.OPEN

    assert interruption.take(CallerTranscript("second", ""), 2.0) is Verdict.FALSE_ALARM
    assert interruption.wordless == ["cough", "second"]


def test_words_of_the_first_of_two_noises_count_though_they_come_after_the_second() -> None:
    interruption = over()
    interruption.speech_started("second", 1.0)

    assert interruption.take(CallerTranscript("cough", "Yes."), 1.1) is Verdict.MEANT


@pytest.mark.parametrize(
    "item",
    [
        ItemState("output", type="function_call_output", call_id="call"),
        ItemState("typed", type="message", role="user"),
        ItemState("note", type="message", role="system"),
    ],
)
def test_what_else_the_model_must_answer_makes_the_interruption_count(item: ItemState) -> None:
    assert over().take(ItemAdded(item), 0.8) is Verdict.MEANT


def test_the_turn_s_own_item_and_those_of_the_model_decide_nothing() -> None:
    interruption = over("cough", "second")
    interruption.take(CallerTranscript("second", ""), 0.8)
    for item_id, role in (("cough", "user"), ("second", "user"), ("answer", "assistant")):
        assert interruption.take(ItemAdded(ItemState(item_id, role=role)), 0.8) is Verdict.OPEN
    assert interruption.take(Unknown("weather.changed"), 0.8) is Verdict.OPEN


def test_an_answer_is_held_in_order_with_its_ends() -> None:
    interruption = over()
    deltas = [AudioDelta("item", bytes(960), "answer"), AudioDelta("item", bytes(480), "answer")]
    ends: list[ServerEvent] = [AudioDone("item", "answer"), ResponseDone(ResponseState("answer"))]
    interruption.take(ResponseDone(ResponseState("earlier")), 0.8)
    assert all(interruption.hold(delta) for delta in deltas)
    for end in ends:
        assert interruption.take(end, 0.8) is Verdict.OPEN

    assert interruption.take_held() == [*deltas, *ends]
    assert interruption.take_held() == []


def test_audio_is_not_held_while_the_caller_speaks_nor_without_bound() -> None:
    delta = AudioDelta("item", bytes(48_000), "answer")
    assert not begun().hold(delta)

    interruption = over()
    n_held = 0
    while interruption.hold(delta):
        n_held += 1
    assert n_held == MAX_HELD_BYTES // 48_000


def test_audio_that_is_heard_on_is_accounted_for_from_where_it_stopped() -> None:
    playback, resumed = Playback(), Resumed()
    cut_off = [Unheard("first", b"a" * 800, 3200, 500), Unheard("second", b"b" * 1600, 0, 200)]

    commands = resumed.play(cut_off, playback, 10.0)

    assert [command.payload for command in commands if isinstance(command, PlayAudio)] == [
        each.payload for each in cut_off
    ]
    assert playback.heard_ms("first", 10.05) == 450
    marks = [command.mark_name for command in commands if isinstance(command, PlayAudio)]
    assert resumed.heard(playback) == []
    playback.marked(marks[0], 10.125)
    assert resumed.heard(playback) == [RestoreItem("first", 400, 500)]
    assert playback.cleared(10.25) == [Cut("second", 125)]


def test_items_cut_again_are_restored_up_to_there_and_others_truncated() -> None:
    playback, resumed = Playback(), Resumed()
    cut_off = [
        Unheard("heard", b"a" * 800, 3200, 500),
        Unheard("cut", b"b" * 1600, 800, 300),
        Unheard("unheard", b"c" * 1600, 0, 200),
    ]
    resumed.play(cut_off, playback, 10.0)

    assert resumed.cut([Cut("cut", 150), Cut("unheard", 0), Cut("new", 70)]) == [
        RestoreItem("heard", 400, 500),
        RestoreItem("cut", 100, 150),
        TruncateItem("new", 70),
    ]
    assert resumed.cut([]) == []


def test_end_of_an_item_that_was_not_truncated_is_heard_without_a_word_to_the_model() -> None:
    playback, resumed = Playback(), Resumed()
    commands = resumed.play([Unheard("item", b"a" * 8, 1600, 200)], playback, 0.0)
    assert isinstance(commands[0], PlayAudio)
    playback.marked(commands[0].mark_name, 0.1)

    assert resumed.heard(playback) == []


@pytest.mark.parametrize(
    ("config", "default", "silence_ms"),
    [
        (SessionConfig(), True, 500),
        (SessionConfig(turn_detection=ServerVad(silence_duration_ms=300)), True, 300),
        (SessionConfig(transcription=None), True, None),
        (SessionConfig(), False, None),
        (SessionConfig(turn_detection=SemanticVad()), True, None),
        (SessionConfig(turn_detection=None), True, None),
        (SessionConfig(turn_detection=ServerVad(create_response=False)), True, None),
    ],
)
def test_false_alarms_can_be_told_where_silence_ends_turns_and_somebody_writes_the_words_down(
    config: SessionConfig, default: bool, silence_ms: int | None
) -> None:
    transcription = UNSET if default else None
    provider = Provider("ws://127.0.0.1", "m", default_transcription=transcription)

    assert silence_ending_turns(config, provider) == silence_ms
