import math

import numpy as np
import numpy.typing as npt
import pytest

from gateway.loadtest.resampling import resample
from voice_codecs import rms_dbfs, sine

RATES = [6000, 7919, 11025, 12000, 16000, 22050, 32000, 44056, 44100, 48000, 96000]
OUT_OF_BAND = [
    (rate, frequency_hz)
    for rate in RATES
    for frequency_hz in (4600, 5000, 5400, 7000, 9000, 12_345, 20_000)
    if frequency_hz < 0.45 * rate
]


def middle(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    return samples[200:-200]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency_hz", [100, 1000, 2400])
def test_a_tone_keeps_its_pitch_its_level_and_its_place_in_time(rate: int, frequency_hz: int) -> None:
    converted = resample(sine(frequency_hz, 1000, rate), rate, 8000)

    error = converted.astype(np.int32) - sine(frequency_hz, 1000, 8000)
    assert rms_dbfs(middle(error.astype(np.int16))) < -15.0 - 70.0


@pytest.mark.parametrize("rate", [each for each in RATES if each >= 16000])
def test_telephone_speech_passes_up_to_3400_hz(rate: int) -> None:
    converted = resample(sine(3400, 1000, rate), rate, 8000)

    assert rms_dbfs(middle(converted)) == pytest.approx(-15.0, abs=0.1)


@pytest.mark.parametrize(("rate", "frequency_hz"), OUT_OF_BAND)
def test_what_does_not_fit_under_4_khz_is_gone_and_not_folded_back(rate: int, frequency_hz: int) -> None:
    converted = resample(sine(frequency_hz, 1000, rate), rate, 8000)

    assert rms_dbfs(middle(converted)) < -15.0 - 60.0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("n_samples", [0, 1, 7, 4096, 10_001])
def test_no_sample_is_lost_at_either_end(rate: int, n_samples: int) -> None:
    assert resample(np.zeros(n_samples, np.int16), rate, 8000).size == math.ceil(n_samples * 8000 / rate)


@pytest.mark.parametrize("rate", [6000, 44_100, 48_000])
def test_a_constant_stays_what_it_is_in_every_phase_of_the_filter(rate: int) -> None:
    converted = resample(np.full(rate, 12_345, np.int16), rate, 8000)

    assert set(middle(converted)) == {12_345}


def test_full_scale_is_clipped_and_does_not_wrap() -> None:
    square = np.repeat(np.tile(np.array([32767, -32768], np.int16), 50), 400)

    converted = resample(square, 48_000, 8000)

    assert converted[20:40].min() > 30_000
    assert converted.max() == 32767
    assert converted.min() == -32768
