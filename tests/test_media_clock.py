import pytest

from gateway.bridge import CALLER_BURST, AppendAudio, Bridge, Command
from gateway.media_clock import MAX_FILL, MAX_STARVED, MediaClock
from gateway.realtime.events import SpeechStarted, SpeechStopped
from voice_codecs import PCM16_24K, PCMU_8K, AudioFormat, mulaw_decode, rms_dbfs

FRAME = b"\xff" * 160


def filled(timestamps_ms: list[int]) -> list[int]:
    """Milliseconds filled before each frame of 20 ms, of which one comes every 20 ms."""
    clock = MediaClock()
    return [clock.frame(at, 160, index * 0.02) // 8 for index, at in enumerate(timestamps_ms)]


@pytest.mark.parametrize(
    ("timestamps_ms", "fills_ms"),
    [
        pytest.param([5, 25, 45], [0, 0, 0], id="in their place"),
        pytest.param([500_000, 500_020], [0, 0], id="a first one anywhere"),
        pytest.param([0, 27, 38, 61, 79], [0, 0, 0, 0, 0], id="a little beside it"),
        pytest.param([0, 40, 60], [0, 20, 0], id="one lost"),
        pytest.param([0, 520, 540], [0, 500, 0], id="many lost"),
        pytest.param([0, 2020, 2040], [0, 2000, 0], id="as much as is filled"),
        pytest.param([0, 2021, 2041], [0, 2000, 0], id="more"),
        pytest.param([0, 4_000_000_000, 4_000_000_020], [0, 2000, 0], id="a jump of weeks"),
        pytest.param([20, 20, 20, 40], [0, 0, 0, 0], id="the same again"),
        pytest.param([0, 40, 20, 60], [0, 20, 0, 0], id="one late"),
        pytest.param([9000, 0, 20, 60], [0, 0, 0, 20], id="a clock that begins again"),
    ],
)
def test_what_is_missing_between_two_frames_is_filled_once(
    timestamps_ms: list[int], fills_ms: list[int]
) -> None:
    assert filled(timestamps_ms) == fills_ms


def test_lost_frames_do_not_add_up_to_drift_though_timestamps_are_unsteady() -> None:
    n_frames, clock, given = 5000, MediaClock(), 0
    for index in range(n_frames):
        if index % 7 and index % 11:  # the others are lost
            given += 160 + clock.frame(index * 20 + index % 3, 160, index * 0.02)
    assert abs(given - (n_frames - 1) * 160) <= 160


def test_a_timestamp_that_leads_nowhere_is_counted() -> None:
    clock = MediaClock()
    for timestamp_ms in (100, 120, 100, 140, 3_600_000, 0):
        clock.frame(timestamp_ms, 160, 0.0)
    assert clock.n_jumps == 3


def starving() -> MediaClock:
    """One whose caller was speaking when his last frame came, at 10 s."""
    clock = MediaClock()
    clock.frame(0, 160, 10.0)
    clock.caller_speaks = True
    return clock


def test_a_caller_whose_frames_stop_while_he_speaks_is_made_up_for_as_time_passes() -> None:
    clock = starving()
    assert [clock.starved(10.0 + after) // 8 for after in (0.5, 0.74, 0.77, 0.87, 0.875, 1.01)] == [
        0, 0, 760, 100, 0, 140
    ]  # fmt: skip


def test_a_caller_who_is_not_speaking_is_not_made_up_for() -> None:
    clock = starving()
    clock.caller_speaks = False
    assert clock.starved(15.0) == 0
    assert MediaClock().starved(15.0) == 0


def test_a_stream_that_stays_away_is_not_made_up_for_without_end_nor_much_at_once() -> None:
    clock = starving()
    fills = [clock.starved(10.0 + after) for after in (5, 5.1, 5.2, 20, 20.1, 20.2, 20.3, 25)]
    assert max(fills) == MAX_FILL
    assert sum(fills) == MAX_STARVED * 8000
    assert fills[-1] == 0


@pytest.mark.parametrize(
    ("timestamp_ms", "fill_ms"),
    [
        pytest.param(20, 0, id="held up and not lost"),
        pytest.param(1020, 0, id="lost and made up for already"),
        pytest.param(1320, 300, id="a part was not made up for"),
        pytest.param(720, 0, id="a part held up"),
        pytest.param(8020, 2000, id="far more missing"),
        pytest.param(0, 0, id="a step back"),
    ],
)
def test_what_was_made_up_for_is_not_filled_again_when_frames_come_again(
    timestamp_ms: int, fill_ms: int
) -> None:
    clock = starving()
    assert clock.starved(11.0) == 1000 * 8

    assert clock.frame(timestamp_ms, 160, 11.1) == fill_ms * 8
    assert clock.frame(timestamp_ms + 20, 160, 11.12) == 0
    assert clock.frame(timestamp_ms + 80, 160, 11.14) == 40 * 8


def test_the_next_look_is_in_time_for_a_starved_caller_and_otherwise_seldom() -> None:
    clock = starving()
    assert clock.until_next_look(10.0) == 0.5
    assert clock.until_next_look(10.5) == pytest.approx(0.25)
    assert clock.until_next_look(11.0) == 0.1
    clock.caller_speaks = False
    assert clock.until_next_look(11.0) == 0.5
    assert MediaClock().until_next_look(0.0) == 0.5


def audio(commands: list[Command]) -> bytes:
    return b"".join(command.audio for command in commands if isinstance(command, AppendAudio))


@pytest.mark.parametrize("audio_format", [PCM16_24K, PCMU_8K], ids=str)
def test_a_model_gets_as_much_audio_as_time_has_passed_whatever_format_it_takes(
    audio_format: AudioFormat,
) -> None:
    bridge = Bridge(input_format=audio_format)
    commands = bridge.caller_audio(FRAME, 0.0, 0)
    commands += bridge.caller_audio(FRAME, 0.5, 500)
    commands += bridge.model_event(SpeechStarted(), 0.6)
    commands += bridge.no_caller_audio(1.5)
    commands += bridge.caller_audio(FRAME, 1.6, 1600)

    held_back = 0 if audio_format == PCMU_8K else audio_format.ms_to_bytes(4)
    assert len(audio(commands)) == audio_format.ms_to_bytes(1620) - held_back
    assert bridge.tally.filled_ms == 1620 - 60
    assert bridge.tally.caller_ms == 60


def test_what_stands_for_missing_audio_is_the_noise_of_an_idle_line() -> None:
    bridge = Bridge(input_format=PCMU_8K)
    bridge.caller_audio(FRAME, 0.0, 0)
    noise = b"".join(audio(bridge.caller_audio(FRAME, at, at * 1000))[:-160] for at in range(1, 9))

    assert len(noise) == 8 * 980 * 8
    assert all(
        rms_dbfs(mulaw_decode(noise[n : n + 160])) == pytest.approx(-66, abs=2.5)
        for n in range(0, 56_000, 160)
    )


def test_the_turn_that_ended_is_no_longer_made_up_for() -> None:
    bridge = Bridge()
    bridge.caller_audio(FRAME, 0.0, 0)
    bridge.model_event(SpeechStarted(), 0.1)
    assert audio(bridge.no_caller_audio(1.0))
    bridge.model_event(SpeechStopped(), 1.1)
    assert bridge.no_caller_audio(2.0) == []
    bridge.model_event(SpeechStarted(), 2.1)
    bridge.session_lost(2.2)
    assert bridge.no_caller_audio(3.0) == []


def test_timestamps_that_leap_to_and_fro_are_no_way_to_flood_the_model() -> None:
    bridge = Bridge()
    n_bytes = 0
    for index in range(1000):
        n_bytes += len(audio(bridge.caller_audio(FRAME, index * 0.02, index % 2 * 60_000)))
    assert n_bytes <= (CALLER_BURST + 2 * 20 * 8000) * 6
    assert bridge.tally.flooded_ms == 0
