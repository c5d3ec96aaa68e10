"""Streaming: where a stream is cut, what is held back, and where samples land. The sound is in test_response.py."""

import hashlib
import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import Downsampler, Upsampler, sine
from voice_codecs.resample import Resampler

Samples = npt.NDArray[np.int16]
Kind = type[Upsampler] | type[Downsampler]

at_each_rate = pytest.mark.parametrize("rate", [16_000, 24_000])
in_each_direction = pytest.mark.parametrize("kind", [Upsampler, Downsampler])

cuts = st.lists(
    st.integers(0, 700) | st.sampled_from([0, 1, 2, 3, 31, 32, 33, 95, 96, 97, 160, 1600]), max_size=12
)


def noise(n_samples: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-32768, 32768, n_samples).astype(np.int16)


def stream(resampler: Resampler, samples: Samples, lengths: list[int]) -> Samples:
    chunks = np.split(samples, np.cumsum(lengths))
    return np.concatenate([*(resampler.feed(chunk) for chunk in chunks), resampler.flush()])


@at_each_rate
@given(lengths=cuts)
def test_an_upsampled_stream_is_the_same_wherever_it_is_cut(lengths: list[int], rate: int) -> None:
    samples = noise(sum(lengths) + 50)
    whole = stream(Upsampler(rate), samples, [])

    assert whole.size == rate // 8000 * samples.size
    assert np.array_equal(stream(Upsampler(rate), samples, lengths), whole)


@at_each_rate
@given(lengths=cuts)
def test_a_downsampled_stream_is_the_same_wherever_it_is_cut(lengths: list[int], rate: int) -> None:
    samples = noise(sum(lengths) + 50)
    whole = stream(Downsampler(rate), samples, [])

    assert whole.size == -(-samples.size // (rate // 8000))
    assert np.array_equal(stream(Downsampler(rate), samples, lengths), whole)


@at_each_rate
@in_each_direction
def test_one_sample_at_a_time_gives_what_the_whole_gives(kind: Kind, rate: int) -> None:
    samples = noise(500)
    assert np.array_equal(stream(kind(rate), samples, [1] * 500), stream(kind(rate), samples, []))


@at_each_rate
@pytest.mark.parametrize(
    "n_samples", [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 95, 96, 97, 98, 1600, 3200, 4799, 4800, 4801, 20_000]
)
def test_as_many_samples_come_out_as_went_in_times_the_ratio(n_samples: int, rate: int) -> None:
    ratio = rate // 8000
    assert stream(Upsampler(rate), noise(n_samples), []).size == ratio * n_samples
    assert stream(Downsampler(rate), noise(n_samples), []).size == -(-n_samples // ratio)


@at_each_rate
def test_four_milliseconds_are_held_back_at_the_start_and_nothing_later(rate: int) -> None:
    up, down, ratio = Upsampler(rate), Downsampler(rate), rate // 8000

    assert [up.feed(noise(160)).size for _ in range(3)] == [128 * ratio, 160 * ratio, 160 * ratio]
    assert up.flush().size == 32 * ratio
    assert [down.feed(noise(160 * ratio)).size for _ in range(3)] == [129, 160, 160]
    assert down.flush().size == 31


@at_each_rate
def test_the_first_output_waits_for_the_samples_that_shape_it(rate: int) -> None:
    up, down, ratio = Upsampler(rate), Downsampler(rate), rate // 8000

    assert up.feed(noise(32)).size == 0
    assert up.feed(noise(1)).size == ratio
    assert down.feed(noise(32 * ratio - 1)).size == 0
    assert down.feed(noise(1)).size == 1


@in_each_direction
def test_the_rate_is_24_khz_unless_another_is_named(kind: Kind) -> None:
    assert np.array_equal(stream(kind(), noise(500), []), stream(kind(24_000), noise(500), []))


@in_each_direction
@pytest.mark.parametrize("rate", [-8000, 0, 8000, 11_025, 44_100])
def test_a_rate_that_is_no_multiple_of_8_khz_is_refused(kind: Kind, rate: int) -> None:
    with pytest.raises(ValueError, match=f"{rate} Hz"):
        kind(rate)


@pytest.mark.parametrize(
    ("kind", "sha256"),
    [
        (Upsampler, "ceef55eccfe07ae77dd1192c73721adba6ef744ebde8a0dc5340643be7727197"),
        (Downsampler, "8d67a5ff298b364c175e99bc67b1efd1d8de306101b044eed94aa0595b587209"),
    ],
)
def test_the_samples_at_24_khz_are_those_of_the_first_version(kind: Kind, sha256: str) -> None:
    samples = np.frombuffer(hashlib.shake_128(b"speech").digest(20_002), "<i2")

    assert hashlib.sha256(stream(kind(), samples, []).astype("<i2").tobytes()).hexdigest() == sha256


def mirrored_about(samples: Samples, centre: int) -> bool:
    reach = min(centre, samples.size - 1 - centre)
    around = samples[centre - reach : centre + reach + 1]
    return np.array_equal(around, around[::-1])


@at_each_rate
@pytest.mark.parametrize("position", [0, 1, 40, 199])
def test_an_impulse_comes_out_where_it_went_in(position: int, rate: int) -> None:
    ratio = rate // 8000
    impulse = np.zeros(200 * ratio, np.int16)
    impulse[ratio * position] = 20_000
    up = stream(Upsampler(rate), impulse[::ratio], [70])
    down = stream(Downsampler(rate), impulse, [70])

    assert np.argmax(up) == ratio * position
    assert mirrored_about(up, ratio * position)
    assert np.argmax(down) == position
    assert mirrored_about(down, position)


@at_each_rate
@pytest.mark.parametrize("frequency_hz", [300, 1000, 3300])
def test_a_tone_comes_out_in_step_with_the_tone_that_went_in(frequency_hz: int, rate: int) -> None:
    slow, fast = sine(frequency_hz, 200, 8000), sine(frequency_hz, 200, rate)
    up_error = stream(Upsampler(rate), slow, [])[300:-300] - fast[300:-300].astype(float)
    down_error = stream(Downsampler(rate), fast, [])[100:-100] - slow[100:-100].astype(float)

    assert np.abs(up_error).max() < 40
    assert np.abs(down_error).max() < 40


@at_each_rate
def test_loud_audio_saturates_instead_of_wrapping_round(rate: int) -> None:
    ratio = rate // 8000
    square = np.repeat(np.array([32767, -32768] * 20, np.int16), 12)
    up = stream(Upsampler(rate), square, [])
    down = stream(Downsampler(rate), np.repeat(square, ratio), [])

    for result, signs in ((up, np.repeat(np.sign(square), ratio)), (down, np.sign(square))):
        assert result.max() == 32767
        assert result.min() == -32768
        loud = np.abs(result.astype(np.int32)) > 20_000
        steady = signs == np.roll(signs, 1)
        assert np.array_equal(np.sign(result[loud & steady]), signs[loud & steady])


@at_each_rate
def test_a_constant_stays_itself_and_silence_stays_silent(rate: int) -> None:
    constant = np.full(600, 1000, np.int16)
    assert set(stream(Upsampler(rate), constant, [])[200:-200]) == {1000}
    assert set(stream(Downsampler(rate), constant, [])[50:-50]) == {1000}
    assert not stream(Upsampler(rate), np.zeros(400, np.int16), []).any()
    assert not stream(Downsampler(rate), np.zeros(400, np.int16), []).any()


@at_each_rate
@in_each_direction
def test_after_flush_or_reset_a_resampler_is_as_new(kind: Kind, rate: int) -> None:
    resampler = kind(rate)
    samples = noise(1000)
    first = stream(resampler, samples, [])

    assert np.array_equal(stream(resampler, samples, []), first)
    resampler.feed(noise(333, seed=2))
    resampler.reset()
    assert np.array_equal(stream(resampler, samples, []), first)
    assert resampler.flush().size == 0


@in_each_direction
def test_streams_do_not_disturb_one_another(kind: Kind) -> None:
    ours, theirs = kind(), [kind(), kind(16_000)]
    results = []
    for start in range(0, 4800, 480):
        results.append(ours.feed(noise(4800)[start : start + 480]))
        for their in theirs:
            their.feed(noise(480, seed=start))

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
