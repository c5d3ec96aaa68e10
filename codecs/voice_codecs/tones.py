"""Signals that are made, not recorded. Levels are RMS on the scale of ``level.rms_dbfs``."""

import math

import numpy as np
import numpy.typing as npt

from voice_codecs.g711 import MULAW_SILENCE, mulaw_encode

MAX_KEYS = 32
"""Keys and pauses in one sequence."""
KEY_PAUSE_MS = 500
"""What a ``w`` stands for, as in the digits that Twilio sends."""
KEY_PAUSE = "w"
_DTMF_KEYS = ("123A", "456B", "789C", "*0#D")
_DTMF_LOW_HZ = (697, 770, 852, 941)
_DTMF_HIGH_HZ = (1209, 1336, 1477, 1633)
# About -9 and -7 dBm0 each: the high group is sent 2 dB louder because lines lose more of it.
_DTMF_LOW_DBFS = -15.0
_DTMF_HIGH_DBFS = -13.0
_DTMF_RAMP_MS = 3
"""A tone that sets in at once clicks, and a click has all frequencies."""


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
    """Make the two tones of a key, one of ``0123456789*#ABCD``, with the frequencies of ITU-T Q.23 and soft edges.

    Raises:
        ValueError: There is no such key.
    """
    for low_hz, row in zip(_DTMF_LOW_HZ, _DTMF_KEYS, strict=True):
        if len(digit) == 1 and digit in row:
            t = 2.0 * math.pi * _seconds(duration_ms, sample_rate)
            high_hz = _DTMF_HIGH_HZ[row.index(digit)]
            both = _wave(low_hz * t, _DTMF_LOW_DBFS) + _wave(high_hz * t, _DTMF_HIGH_DBFS)
            return _rounded(both * _envelope(t.size, _DTMF_RAMP_MS * sample_rate // 1000))
    raise ValueError(f"no such key: {digit!r}")


def key_tones(keys: str, *, tone_ms: int = 100, gap_ms: int = 100) -> bytes:
    """Make mu-law at 8 kHz that keys a sequence: a tone and a gap for each key, 500 ms of silence for each ``w``.

    ITU-T Q.24 wants of a receiver that it takes tones and gaps from about 40 ms on.

    Raises:
        ValueError: There is no key, there are more than 32, or one does not exist; which is not said.
    """
    if not is_key_sequence(keys):
        raise ValueError(f"no sequence of 1 to {MAX_KEYS} keys and pauses")
    gap = MULAW_SILENCE * (gap_ms * 8)
    pause = MULAW_SILENCE * (KEY_PAUSE_MS * 8)
    return b"".join(
        pause if key == KEY_PAUSE else mulaw_encode(dtmf_tone(key, tone_ms, 8000)) + gap for key in keys
    )


def is_key_sequence(keys: str) -> bool:
    """Whether these are 1 to 32 of ``0123456789*#ABCDw``."""
    return 0 < len(keys) <= MAX_KEYS and set(keys) <= {KEY_PAUSE, *"".join(_DTMF_KEYS)}


def line_noise(duration_ms: int, sample_rate: int, level_dbfs: float = -66.0) -> npt.NDArray[np.int16]:
    """Make the noise of an idle line, white and the same every time."""
    amplitude = 32768.0 * math.pow(10.0, level_dbfs / 20.0)
    noise = np.random.default_rng(8000).standard_normal(duration_ms * sample_rate // 1000)
    return _rounded(amplitude * noise)


def _envelope(n_samples: int, n_ramp: int) -> npt.NDArray[np.float64]:
    """From 0 to 1 and back, each way half a period of a cosine."""
    place = np.arange(n_samples)
    distance = np.minimum(place, n_samples - 1 - place) / n_ramp
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(distance, 1.0))


def _seconds(duration_ms: int, sample_rate: int) -> npt.NDArray[np.float64]:
    return np.arange(duration_ms * sample_rate // 1000) / sample_rate


def _wave(phase: npt.NDArray[np.float64], level_dbfs: float) -> npt.NDArray[np.float64]:
    amplitude = 32768.0 * math.sqrt(2.0) * math.pow(10.0, level_dbfs / 20.0)
    return amplitude * np.sin(phase)


def _rounded(wave: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
