"""Streaming: where a stream is cut, what is held back, and where samples land. The sound is in test_response.py."""

import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import Downsampler, Upsampler, sine
from voice_codecs.resample import Resampler

Samples = npt.NDArray[np.int16]

cuts = st.lists(
    st.integers(0, 700) | st.sampled_from([0, 1, 2, 3, 31, 32, 33, 95, 96, 97, 160, 1600]), max_size=12
)


def noise(n_samples: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-32768, 32768, n_samples).astype(np.int16)


def stream(resampler: Resampler, samples: Samples, lengths: list[int]) -> Samples:
    chunks = np.split(samples, np.cumsum(lengths))
    return np.concatenate([*(resampler.feed(chunk) for chunk in chunks), resampler.flush()])


@given(cuts)
def test_an_upsampled_stream_is_the_same_wherever_it_is_cut(lengths: list[int]) -> None:
    samples = noise(sum(lengths) + 50)
    whole = stream(Upsampler(), samples, [])

    assert whole.size == 3 * samples.size
    assert np.array_equal(stream(Upsampler(), samples, lengths), whole)


@given(cuts)
def test_a_downsampled_stream_is_the_same_wherever_it_is_cut(lengths: list[int]) -> None:
    samples = noise(sum(lengths) + 50)
    whole = stream(Downsampler(), samples, [])

    assert whole.size == -(-samples.size // 3)
    assert np.array_equal(stream(Downsampler(), samples, lengths), whole)


@pytest.mark.parametrize("resampler", [Upsampler(), Downsampler()])
def test_one_sample_at_a_time_gives_what_the_whole_gives(resampler: Resampler) -> None:
    samples = noise(500)
    assert np.array_equal(stream(resampler, samples, [1] * 500), stream(resampler, samples, []))


@pytest.mark.parametrize(
    "n_samples", [0, 1, 2, 3, 31, 32, 33, 64, 95, 96, 97, 98, 1600, 4799, 4800, 4801, 20_000]
)
def test_as_many_samples_come_out_as_went_in_times_the_ratio(n_samples: int) -> None:
    assert stream(Upsampler(), noise(n_samples), []).size == 3 * n_samples
    assert stream(Downsampler(), noise(n_samples), []).size == -(-n_samples // 3)


def test_four_milliseconds_are_held_back_at_the_start_and_nothing_later() -> None:
    up, down = Upsampler(), Downsampler()

    assert [up.feed(noise(160)).size for _ in range(3)] == [384, 480, 480]
    assert up.flush().size == 96
    assert [down.feed(noise(480)).size for _ in range(3)] == [129, 160, 160]
    assert down.flush().size == 31


def test_the_first_output_waits_for_the_samples_that_shape_it() -> None:
    up, down = Upsampler(), Downsampler()

    assert up.feed(noise(32)).size == 0
    assert up.feed(noise(1)).size == 3
    assert down.feed(noise(95)).size == 0
    assert down.feed(noise(1)).size == 1


def mirrored_about(samples: Samples, centre: int) -> bool:
    reach = min(centre, samples.size - 1 - centre)
    around = samples[centre - reach : centre + reach + 1]
    return np.array_equal(around, around[::-1])


@pytest.mark.parametrize("position", [0, 1, 40, 199])
def test_an_impulse_comes_out_where_it_went_in(position: int) -> None:
    impulse = np.zeros(600, np.int16)
    impulse[3 * position] = 20_000
    up = stream(Upsampler(), impulse[::3], [70])
    down = stream(Downsampler(), impulse, [70])

    assert np.argmax(up) == 3 * position
    assert mirrored_about(up, 3 * position)
    assert np.argmax(down) == position
    assert mirrored_about(down, position)


@pytest.mark.parametrize("frequency_hz", [300, 1000, 3300])
def test_a_tone_comes_out_in_step_with_the_tone_that_went_in(frequency_hz: int) -> None:
    slow, fast = sine(frequency_hz, 200, 8000), sine(frequency_hz, 200, 24_000)
    up_error = stream(Upsampler(), slow, [])[300:-300] - fast[300:-300].astype(float)
    down_error = stream(Downsampler(), fast, [])[100:-100] - slow[100:-100].astype(float)

    assert np.abs(up_error).max() < 40
    assert np.abs(down_error).max() < 40


def test_loud_audio_saturates_instead_of_wrapping_round() -> None:
    square = np.repeat(np.array([32767, -32768] * 20, np.int16), 12)
    up = stream(Upsampler(), square, [])
    down = stream(Downsampler(), np.repeat(square, 3), [])

    for result, signs in ((up, np.repeat(np.sign(square), 3)), (down, np.sign(square))):
        assert result.max() == 32767
        assert result.min() == -32768
        loud = np.abs(result.astype(np.int32)) > 20_000
        steady = signs == np.roll(signs, 1)
        assert np.array_equal(np.sign(result[loud & steady]), signs[loud & steady])


def test_a_constant_stays_itself_and_silence_stays_silent() -> None:
    assert np.ptp(stream(Upsampler(), np.full(400, 1000, np.int16), [])[200:1000]) == 0
    assert not stream(Upsampler(), np.zeros(400, np.int16), []).any()
    assert not stream(Downsampler(), np.zeros(400, np.int16), []).any()


@pytest.mark.parametrize("resampler", [Upsampler(), Downsampler()])
def test_after_flush_or_reset_a_resampler_is_as_new(resampler: Resampler) -> None:
    samples = noise(1000)
    first = stream(resampler, samples, [])

    assert np.array_equal(stream(resampler, samples, []), first)
    resampler.feed(noise(333, seed=2))
    resampler.reset()
    assert np.array_equal(stream(resampler, samples, []), first)
    assert resampler.flush().size == 0


@pytest.mark.parametrize("kind", [Upsampler, Downsampler])
def test_streams_do_not_disturb_one_another(kind: type[Upsampler] | type[Downsampler]) -> None:
    ours, theirs = kind(), kind()
    results = []
    for start in range(0, 4800, 480):
        results.append(ours.feed(noise(4800)[start : start + 480]))
        theirs.feed(noise(480, seed=start))

    assert np.array_equal(np.concatenate([*results, ours.flush()]), stream(kind(), noise(4800), []))


def test_streams_in_several_threads_do_not_disturb_one_another() -> None:
    expected = [stream(Downsampler(), noise(96_000, seed), []) for seed in range(4)]
    results: dict[int, Samples] = {}

    def run(seed: int) -> None:
        results[seed] = stream(Downsampler(), noise(96_000, seed), [4800] * 19)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(results[seed], expected[seed]) for seed in range(4))
