"""A synthesised piece as the telephone wants it: a steady level, no waiting before it, a pause after it."""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from voice_codecs import PCM16_24K

RESAMPLER_PACKAGE = "soxr"
_RATE = PCM16_24K.sample_rate
_LEVEL = 10 ** (-20 / 20)
"""RMS of the frames with speech, of full scale: -20 dBFS, as loud as telephone speech is."""
_LARGEST_GAIN = 10 ** (12 / 20)
_KNEE, _CEILING = 0.7, 0.98
"""Peaks are bent softly from one to the other, of full scale."""
_SPEECH = 10 ** (-25 / 20)
"""Frames at most 25 dB below the loudest one are speech."""
_SOUND = 10 ** (-50 / 20)
"""Where the sound begins and ends, of full scale at the final level."""
_FRAME_MS = 20
_BEFORE_MS = 20
_AFTER_MS = 40
"""Kept after the last sound, faded out: the end of a breath."""

_Sound = npt.NDArray[np.float32]


def piece_sound(samples: _Sound, sample_rate: int, pause_ms: int) -> bytes:
    """Make PCM16 at 24 kHz of a synthesised piece, shape (n,) at any rate, with silence up to ``pause_ms`` after it.

    The speech in it has -20 dBFS, the sound begins within 30 ms, nothing is clipped, and it is whole frames of 20 ms.
    No sound at all is b"".
    """
    if samples.size == 0:
        return b""
    soxr: Any = importlib.import_module(RESAMPLER_PACKAGE)  # not imported above: the package is optional
    sound = _limited(_leveled(soxr.resample(samples.astype(np.float32), sample_rate, _RATE)))
    sound = _trimmed(sound, pause_ms)
    return np.rint(sound * 32767).astype("<i2").tobytes()


def _leveled(sound: _Sound) -> _Sound:
    powers = _frame_powers(sound)
    loudest = powers.max()
    if loudest == 0.0:
        return sound
    speech = np.sqrt(powers[powers >= loudest * _SPEECH**2].mean())
    gain = min(_LEVEL / speech, _LARGEST_GAIN)
    leveled: _Sound = sound * np.float32(gain)
    return leveled


def _frame_powers(sound: _Sound) -> npt.NDArray[np.float64]:
    frame = _samples(_FRAME_MS)
    padded = np.pad(sound, (0, -sound.size % frame)).reshape(-1, frame)
    powers: npt.NDArray[np.float64] = np.square(padded, dtype=np.float64).mean(axis=1)
    return powers


def _limited(sound: _Sound) -> _Sound:
    over = np.maximum(np.abs(sound) - _KNEE, 0.0)
    room = _CEILING - _KNEE
    bent = np.sign(sound) * (_KNEE + room * np.tanh(over / room))
    limited: _Sound = np.where(over > 0.0, bent, sound).astype(np.float32)
    return limited


def _trimmed(sound: _Sound, pause_ms: int) -> _Sound:
    """Cut off what is silent at both ends, and add a pause: with the silence kept before the next piece so long."""
    loud = np.flatnonzero(np.abs(sound) >= _SOUND)
    if loud.size == 0:
        return sound[:0]
    start = max(0, int(loud[0]) - _samples(_BEFORE_MS))
    end = min(sound.size, int(loud[-1]) + 1 + _samples(_AFTER_MS))
    kept = sound[start:end].copy()
    fade = min(kept.size, end - int(loud[-1]) - 1)
    if fade:
        kept[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    n_kept = kept.size + max(0, _samples(pause_ms - _BEFORE_MS) - fade)
    return np.pad(kept, (0, n_kept + -n_kept % _samples(_FRAME_MS) - kept.size))


def _samples(ms: int) -> int:
    return _RATE * ms // 1000
