import numpy as np
import numpy.typing as npt
import pytest

from tests.goertzel import DTMF_HZ, keys_in
from voice_codecs import (
    dtmf_tone,
    is_key_sequence,
    key_tones,
    line_noise,
    mulaw_decode,
    mulaw_encode,
    peak_dbfs,
    rms_dbfs,
    sine,
    sweep,
)


def level_at(samples: npt.NDArray[np.int16], frequency_hz: float, sample_rate: int) -> float:
    """RMS level in dBFS of one frequency, by projection."""
    wave = np.exp(-2j * np.pi * frequency_hz * np.arange(samples.size) / sample_rate)
    return float(20 * np.log10(np.sqrt(2) * abs(np.dot(wave, samples)) / samples.size / 32768))


@pytest.mark.parametrize("sample_rate", [8000, 24_000])
def test_a_sine_has_its_frequency_level_and_length(sample_rate: int) -> None:
    tone = sine(1000, 250, sample_rate, level_dbfs=-20)

    assert tone.dtype == np.int16
    assert tone.size == sample_rate // 4
    assert tone[0] == 0
    assert tone[1] > 0
    assert rms_dbfs(tone) == pytest.approx(-20, abs=0.01)
    assert level_at(tone, 1000, sample_rate) == pytest.approx(-20, abs=0.01)


def test_a_sine_too_loud_for_16_bits_saturates() -> None:
    tone = sine(1000, 100, 24_000, level_dbfs=0)
    assert tone.max() == 32767
    assert tone.min() == -32768
    assert peak_dbfs(tone) == 0.0


def test_a_sweep_moves_from_the_first_frequency_to_the_last() -> None:
    samples = sweep(500, 3000, 1000, 8000)

    rising = np.flatnonzero((samples[:-1] < 0) & (samples[1:] >= 0))
    periods = np.diff(rising)
    assert 8000 / periods[:5].mean() == pytest.approx(500, rel=0.05)
    assert 8000 / periods[-100:].mean() == pytest.approx(3000, rel=0.05)
    assert rms_dbfs(samples) == pytest.approx(-15, abs=0.1)


def test_a_sweep_without_length_is_empty() -> None:
    assert sweep(500, 3000, 0, 8000).size == 0


@pytest.mark.parametrize("digit", DTMF_HZ)
def test_a_key_sounds_its_two_frequencies_the_high_one_2_db_louder(digit: str) -> None:
    tone = dtmf_tone(digit, 1000, 8000)

    low_hz, high_hz = DTMF_HZ[digit]
    assert level_at(tone, low_hz, 8000) == pytest.approx(-15, abs=0.05)
    assert level_at(tone, high_hz, 8000) == pytest.approx(-13, abs=0.05)


@pytest.mark.parametrize("digit", ["", "E", "12", "a"])
def test_an_unknown_key_is_refused_by_name(digit: str) -> None:
    with pytest.raises(ValueError, match=repr(digit)):
        dtmf_tone(digit, 100, 8000)


@pytest.mark.parametrize("digit", DTMF_HZ)
def test_a_key_does_not_click(digit: str) -> None:
    tone = dtmf_tone(digit, 100, 8000).astype(float)

    power = np.abs(np.fft.rfft(tone, 8000)) ** 2  # the line of n Hz is the n-th
    assert tone[0] == tone[-1] == 0
    assert 10 * np.log10(power[2400:].sum() / power.sum()) < -50  # with hard edges -37


def test_a_sequence_has_a_tone_and_a_gap_for_each_key_and_half_a_second_for_a_pause() -> None:
    samples = mulaw_decode(key_tones("1w#"))

    loud = [bool(np.any(part)) for part in np.split(samples, samples.size // 800)]
    assert loud == [True, False, *[False] * 5, True, False]
    assert keys_in(samples) == "1#"
    assert len(key_tones("19", tone_ms=60, gap_ms=40)) == 2 * 100 * 8


def test_keys_are_read_through_mu_law_and_line_noise_at_every_level_a_receiver_must_take() -> None:
    rng = np.random.default_rng(23)
    n_keys = n_wrong = 0
    for _ in range(300):
        keys = "".join(rng.choice(list("0123456789*#ABCD"), rng.integers(1, 33)))
        clean = mulaw_decode(key_tones(keys)).astype(float)
        tone = clean[:800]
        clean *= 32767 * 10 ** (rng.uniform(-30, -3) / 20) / np.abs(clean).max()
        noise = (
            rng.standard_normal(clean.size) * np.sqrt(np.mean(clean[: tone.size] ** 2)) / 10
        )  # 20 dB below
        line = mulaw_encode(np.clip(np.rint(clean + noise), -32768, 32767).astype(np.int16))
        read = keys_in(mulaw_decode(line))
        n_keys += len(keys)
        n_wrong += len(keys) if len(read) != len(keys) else sum(map(str.__ne__, keys, read))

    assert n_keys > 3000
    assert n_wrong / n_keys <= 0.01


@pytest.mark.parametrize("keys", ["", "1" * 33, "1,2", "a", "W", "1 2", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_sequence_of_keys_is_refused_without_repeating_it(keys: str) -> None:
    assert not is_key_sequence(keys)
    with pytest.raises(ValueError, match=r"no sequence of 1 to 32 keys and pauses$"):
        key_tones(keys)


def test_line_noise_has_its_level_also_through_mu_law_and_is_the_same_every_time() -> None:
    noise = line_noise(1000, 8000)

    assert noise.size == 8000
    assert rms_dbfs(noise) == pytest.approx(-66, abs=0.3)
    assert rms_dbfs(mulaw_decode(mulaw_encode(noise))) == pytest.approx(-66, abs=1.0)
    assert np.array_equal(noise, line_noise(1000, 8000))
