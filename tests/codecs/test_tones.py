import numpy as np
import numpy.typing as npt
import pytest

from voice_codecs import dtmf_tone, peak_dbfs, rms_dbfs, sine, sweep

DTMF_HZ = {
    key: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, high in zip(row, (1209, 1336, 1477, 1633), strict=True)
}


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
    assert level_at(tone, low_hz, 8000) == pytest.approx(-16, abs=0.05)
    assert level_at(tone, high_hz, 8000) == pytest.approx(-14, abs=0.05)


@pytest.mark.parametrize("digit", ["", "E", "12", "a"])
def test_an_unknown_key_is_refused_by_name(digit: str) -> None:
    with pytest.raises(ValueError, match=repr(digit)):
        dtmf_tone(digit, 100, 8000)
