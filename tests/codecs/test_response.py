"""What the resamplers do to sound: ripple, images and aliases, measured on int16 output."""

import numpy as np
import numpy.typing as npt
import pytest

from voice_codecs import Downsampler, Upsampler, sine

RATES = (16_000, 24_000)
AMPLITUDE_DBFS = -6.0
PASSBAND_HZ = (100, 300, 500, 1000, 1700, 2400, 3000, 3200, 3300, 3400)
STOPBAND_HZ = (4010, 4100, 4300, 4600, 5000, 6100, 7000, 7900, 8100, 9500, 11_000, 11_900)


def spectrum_db(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Levels by 1 Hz of the last second, whatever its rate; tones of whole hertz fall on one line each."""
    return np.asarray(
        20 * np.log10(np.abs(np.fft.rfft(samples)) / samples.size * 2 / 32768 / np.sqrt(2) + 1e-9)
    )


def upsampled(frequency_hz: float, rate: int) -> npt.NDArray[np.float64]:
    tone = Upsampler(rate).feed(sine(frequency_hz, 1100, 8000, AMPLITUDE_DBFS))
    return spectrum_db(tone[-rate:])


def downsampled(frequency_hz: float, rate: int) -> npt.NDArray[np.float64]:
    tone = Downsampler(rate).feed(sine(frequency_hz, 1100, rate, AMPLITUDE_DBFS))
    return spectrum_db(tone[-8000:])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency_hz", PASSBAND_HZ)
def test_the_telephone_band_passes_within_a_tenth_of_a_decibel(frequency_hz: int, rate: int) -> None:
    assert upsampled(frequency_hz, rate)[frequency_hz] == pytest.approx(AMPLITUDE_DBFS, abs=0.1)
    assert downsampled(frequency_hz, rate)[frequency_hz] == pytest.approx(AMPLITUDE_DBFS, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency_hz", PASSBAND_HZ)
def test_images_of_the_telephone_band_are_80_db_down(frequency_hz: int, rate: int) -> None:
    images = upsampled(frequency_hz, rate)[4000:]
    assert images.max() < AMPLITUDE_DBFS - 80


@pytest.mark.parametrize(
    ("frequency_hz", "rate"), [(hertz, rate) for rate in RATES for hertz in STOPBAND_HZ if hertz < rate / 2]
)
def test_tones_above_the_telephone_band_leave_aliases_80_db_down(frequency_hz: int, rate: int) -> None:
    assert downsampled(frequency_hz, rate).max() < AMPLITUDE_DBFS - 80
