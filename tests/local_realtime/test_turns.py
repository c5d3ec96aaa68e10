import pytest

from gateway.local_realtime.turns import SpeechStarted, SpeechStopped, TurnDetector, TurnSettings

SETTINGS = TurnSettings(0.5, 300, 500, create_response=True, interrupt_response=True)


def turns(
    probabilities: list[float], settings: TurnSettings = SETTINGS
) -> list[SpeechStarted | SpeechStopped]:
    detector = TurnDetector()
    found = [detector.feed(probability, settings) for probability in probabilities]
    return [turn for turn in found if turn is not None]


def test_a_turn_starts_before_the_speech_and_ends_after_the_silence() -> None:
    # 640 ms quiet, 640 ms speech, then quiet
    assert turns([0.0] * 20 + [0.9] * 20 + [0.0] * 20) == [
        SpeechStarted(640 - 300),
        SpeechStopped(1280 + 500),
    ]


def test_a_turn_never_starts_before_the_audio() -> None:
    assert turns([0.9] * 3) == [SpeechStarted(0)]


def test_one_loud_window_is_no_speech() -> None:
    assert turns(([0.0] * 5 + [1.0]) * 10) == []


def test_a_short_pause_does_not_end_a_turn() -> None:
    assert turns(([0.9] * 5 + [0.0] * 10) * 3) == [SpeechStarted(0)]


def test_doubtful_windows_neither_begin_silence_nor_end_it() -> None:
    assert turns([0.9] * 10 + [0.4] * 50) == [SpeechStarted(0)]
    assert turns([0.9] * 10 + [0.0] + [0.4] * 50) == [SpeechStarted(0), SpeechStopped(320 + 500)]


@pytest.mark.parametrize(("threshold", "n_turns"), [(0.7, 1), (0.9, 0)])
def test_the_threshold_decides_what_counts_as_speech(threshold: float, n_turns: int) -> None:
    settings = TurnSettings(threshold, 0, 200, create_response=True, interrupt_response=True)
    assert len(turns([0.8] * 10, settings)) == n_turns


def test_without_silence_to_wait_for_a_turn_ends_with_the_first_quiet_window() -> None:
    settings = TurnSettings(0.5, 0, 0, create_response=True, interrupt_response=True)
    assert turns([0.9] * 10 + [0.0], settings) == [SpeechStarted(0), SpeechStopped(320)]


def test_skipped_windows_count_on_the_clock_and_end_no_turn() -> None:
    detector = TurnDetector()
    for _ in range(5):
        detector.feed(0.9, SETTINGS)
    for _ in range(95):
        detector.skip()

    assert not detector.speaking
    detector.feed(0.9, SETTINGS)
    assert detector.feed(0.9, SETTINGS) == SpeechStarted(3200 - 300)
