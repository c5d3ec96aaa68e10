import numpy as np
import pytest

from gateway.loadtest.alignment import HOP, WINDOW, Samples, find, lags, settled
from gateway.loadtest.recording import Recording, default_recording
from voice_codecs import mulaw_decode, sine

FRAME = 160


def voice() -> Samples:
    """Two seconds of a person, without pauses of any length."""
    return mulaw_decode(Recording.read(default_recording()).payload[36_000:52_000])


def without(samples: Samples, *frames: int) -> Samples:
    return np.delete(samples, [frame * FRAME + place for frame in frames for place in range(FRAME)])


def test_a_piece_is_found_where_it_is() -> None:
    found = find(voice()[3000:5000], voice(), near=0)

    assert found is not None
    assert found.place == 3000
    assert found.likeness == pytest.approx(1)


def test_of_places_that_are_as_good_the_nearest_one_is_told() -> None:
    tone = sine(1000, 1000, 8000)

    found = find(tone[:1600], tone, near=2403)

    assert found is not None
    assert found.place == 2400


def test_silence_and_what_is_too_short_are_found_nowhere() -> None:
    nothing = np.zeros(2000, np.int16)

    assert find(nothing, voice(), near=0) is None
    assert find(voice()[:1000], nothing, near=0) is None
    assert find(voice(), voice()[:-1], near=0) is None
    assert find(-voice(), voice(), near=0) is None


def test_what_is_lost_brings_the_rest_forward() -> None:
    lag, found = lags(voice(), without(voice(), 30, 70), 0)

    assert found[0]
    assert sorted(set(lag[found].tolist()), reverse=True) == [0, -FRAME, -2 * FRAME]
    assert (np.diff(lag) <= 0).all()
    assert lag[(30 * FRAME - WINDOW) // HOP] == 0
    assert lag[30 * FRAME // HOP + 1] == -FRAME


def test_what_comes_in_puts_the_rest_off() -> None:
    came = np.insert(voice(), 8000, np.zeros(500, np.int16))

    lag, _ = lags(voice(), came, 0)

    assert (lag[0], lag[-1]) == (0, 500)


def test_the_first_lag_need_not_be_that_of_the_beginning() -> None:
    lag, _ = lags(voice(), without(voice(), 10), -FRAME)

    assert (lag[0], lag[-1]) == (0, -FRAME)


def test_something_else_is_found_nowhere_and_the_lag_stays() -> None:
    noise = np.random.default_rng(3).integers(-3000, 3000, 16_000).astype(np.int16)

    lag, found = lags(voice(), noise, 77)

    assert not found.any()
    assert set(lag.tolist()) == {77}
    assert settled(lag, found).all()


def test_audio_shorter_than_a_window_has_a_lag_too() -> None:
    lag, found = lags(voice()[:300], voice()[:300], 0)

    assert (lag.tolist(), found.tolist()) == ([0], [True])
    assert lags(voice()[:0], voice(), 5)[0].tolist() == [5]


def test_a_lag_is_sure_but_between_windows_that_were_found_apart_and_after_the_last() -> None:
    lag = np.array([0, 0, 0, 0, -9, -9])
    found = np.array([True, False, True, False, True, False])

    assert settled(lag, found).tolist() == [True, True, True, False, True, False]
    assert settled(np.zeros(6, np.intp), found).all()


def test_what_has_not_come_is_not_looked_for_in_what_has() -> None:
    tone = sine(1000, 4000, 8000)

    lag, found = lags(tone, tone[:8000], 0)

    assert not found[8000 // HOP :].any()
    assert set(lag[: (8000 - WINDOW) // HOP].tolist()) == {0}
