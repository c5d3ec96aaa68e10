"""Signals for tests and the demo, as int16 samples. Levels are RMS on the scale of ``level.rms_dbfs``."""

import math

import numpy as np
import numpy.typing as npt

_DTMF_KEYS = ("123A", "456B", "789C", "*0#D")
_DTMF_LOW_HZ = (697, 770, 852, 941)
_DTMF_HIGH_HZ = (1209, 1336, 1477, 1633)
# About -10 and -8 dBm0: the high group is sent 2 dB louder because lines lose more of it.
_DTMF_LOW_DBFS = -16.0
_DTMF_HIGH_DBFS = -14.0


def sine(
    frequency_hz: float, duration_ms: int, sample_rate: int, level_dbfs: float = -15.0
) -> npt.NDArray[np.int16]:
    """Make a sine that starts at phase 0; a full-scale one has -3.01 dBFS."""
    return _rounded(_wave(2.0 * math.pi * frequency_hz * _seconds(duration_ms, sample_rate), level_dbfs))


def sweep(
    start_hz: float, stop_hz: float, duration_ms: int, sample_rate: int, level_dbfs: float = -15.0
) -> npt.NDArray[np.int16]:
    """Make a sine whose frequency moves linearly from ``start_hz`` to ``stop_hz``."""
    t = _seconds(duration_ms, sample_rate)
    slope = (stop_hz - start_hz) * 1000.0 / duration_ms if duration_ms else 0.0
    return _rounded(_wave(2.0 * math.pi * (start_hz + slope * t / 2.0) * t, level_dbfs))


def dtmf_tone(digit: str, duration_ms: int, sample_rate: int) -> npt.NDArray[np.int16]:
    """Make the two tones of a key, one of ``0123456789*#ABCD``, with the frequencies of ITU-T Q.23.

    Raises:
        ValueError: There is no such key.
    """
    for low_hz, row in zip(_DTMF_LOW_HZ, _DTMF_KEYS, strict=True):
        if len(digit) == 1 and digit in row:
            t = 2.0 * math.pi * _seconds(duration_ms, sample_rate)
            high_hz = _DTMF_HIGH_HZ[row.index(digit)]
            return _rounded(_wave(low_hz * t, _DTMF_LOW_DBFS) + _wave(high_hz * t, _DTMF_HIGH_DBFS))
    raise ValueError(f"no such key: {digit!r}")


def _seconds(duration_ms: int, sample_rate: int) -> npt.NDArray[np.float64]:
    return np.arange(duration_ms * sample_rate // 1000) / sample_rate


def _wave(phase: npt.NDArray[np.float64], level_dbfs: float) -> npt.NDArray[np.float64]:
    amplitude = 32768.0 * math.sqrt(2.0) * math.pow(10.0, level_dbfs / 20.0)
    return amplitude * np.sin(phase)


def _rounded(wave: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
