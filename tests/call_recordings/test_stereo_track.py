import numpy as np
import numpy.typing as npt
import pytest

from gateway.call_recordings.heard_track import FIRST_LAG
from gateway.call_recordings.stereo_track import MAX_OUT_OF_PLACE, StereoTrack

SILENCE = 0xFF


def frame(code: int) -> bytes:
    return bytes([code]) * 160


def sides(audio: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    both = np.frombuffer(audio, np.uint8).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def test_frames_are_on_the_left_by_their_timestamps_from_the_first_on() -> None:
    track = StereoTrack()
    audio = (
        track.said(frame(1), 500, 10.0) + track.said(frame(2), 520, 10.02) + track.said(frame(4), 560, 10.06)
    )

    left, right = sides(audio)

    assert left.reshape(-1, 160)[:, 0].tolist() == [1, 2, SILENCE, 4]
    assert (right == SILENCE).all()


def test_what_is_heard_is_on_the_right_at_its_time() -> None:
    track = StereoTrack()
    audio = track.said(frame(1), 0, 10.0)  # the track began at 9.98
    track.heard.sent(frame(9), "m", track.at(10.01))
    for number in range(1, 20):
        audio += track.said(frame(1), 20 * number, 10.0 + 0.02 * number)

    _, right = sides(audio)

    assert np.flatnonzero(right == 9).tolist() == list(range(240 + FIRST_LAG, 400 + FIRST_LAG))


def test_frame_that_comes_late_does_not_move_what_is_heard() -> None:
    track = StereoTrack()
    track.said(frame(1), 0, 10.0)
    track.said(frame(1), 20, 10.5)

    assert track.at(10.5) == round(0.52 * 8000)


def test_frame_that_comes_earlier_than_any_before_sets_the_clock() -> None:
    track = StereoTrack()
    track.said(frame(1), 0, 10.3)  # it was held up
    track.said(frame(1), 20, 10.3)
    track.said(frame(1), 40, 10.3)

    assert track.at(10.3) == 480


def test_frame_that_comes_twice_or_too_late_is_on_the_track_once() -> None:
    track = StereoTrack()
    track.said(frame(1), 0, 10.0)
    track.said(frame(2), 20, 10.02)

    assert track.said(frame(3), 20, 10.03) == b""
    assert track.said(frame(3), 0, 10.03) == b""
    left, _ = sides(track.said(bytes([4]) * 320, 20, 10.05))
    assert left.tolist() == [4] * 160


@pytest.mark.parametrize("timestamp_ms", [10**12, 100_000, 0])
def test_timestamp_out_of_place_is_not_believed(timestamp_ms: int) -> None:
    track = StereoTrack()
    track.said(frame(1), 50_000, 10.0)

    left, _ = sides(track.said(frame(2), timestamp_ms, 10.02))

    assert left.tolist() == [2] * 160


def test_end_of_the_stream_gives_what_was_heard_after_the_last_frame_within_bounds() -> None:
    track = StereoTrack()
    track.said(frame(1), 0, 10.0)

    assert len(track.over(10.1)) == 2 * 800
    track = StereoTrack()
    track.said(frame(1), 0, 10.0)
    assert len(track.over(99.0)) == 2 * MAX_OUT_OF_PLACE
    assert StereoTrack().over(99.0) == b""
