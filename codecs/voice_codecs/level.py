"""Levels in dBFS. 0 dBFS is the level of a full-scale square wave, so a full-scale sine has -3.01 dBFS RMS."""

import math

import numpy as np
import numpy.typing as npt

_FULL_SCALE = 32768


def rms_dbfs(samples: npt.NDArray[np.int16]) -> float:
    """RMS level of samples, shape (n,); minus infinity for digital silence and for no samples."""
    if not samples.size:
        return -math.inf
    return _dbfs(math.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def peak_dbfs(samples: npt.NDArray[np.int16]) -> float:
    """Level of the largest sample, shape (n,); minus infinity for digital silence and for no samples."""
    if not samples.size:
        return -math.inf
    return _dbfs(max(int(samples.max()), -int(samples.min())))


def is_silence(samples: npt.NDArray[np.int16], threshold_dbfs: float = -60.0) -> bool:
    """Whether the RMS level of samples, shape (n,), is below the threshold; no samples are silence.

    The default lies above the noise of an idle line (about -66 dBFS) and below quiet speech.
    """
    return rms_dbfs(samples) < threshold_dbfs


def _dbfs(amplitude: float) -> float:
    return 20.0 * math.log10(amplitude / _FULL_SCALE) if amplitude else -math.inf
