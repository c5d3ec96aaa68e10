"""Resampling of a whole recording between any two rates. Live audio goes through ``voice_codecs`` instead."""

import math

import numpy as np
import numpy.typing as npt

_STOPBAND_DB = 80.0
_CUTOFF = 0.4625
"""Of the lower rate: 3.7 kHz at 8 kHz. The band from 3.4 to 4 kHz is the slope."""
_HALF_WIDTH = 34
"""Samples of the lower rate on each side of the filter's centre; Kaiser's formula asks for this slope at 80 dB."""
_BLOCK = 4096
"""Samples made at a time: bounds the memory of a long recording."""


def resample(samples: npt.NDArray[np.int16], from_rate: int, to_rate: int) -> npt.NDArray[np.int16]:
    """Convert samples, shape (n,), from one rate (Hz) to another; shape (ceil(n * to_rate / from_rate),).

    A Kaiser-windowed sinc as a polyphase filter without delay: the first sample out is at the time of the first in.
    """
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    phases = _phases(up, from_rate, min(from_rate, to_rate))
    half = phases.shape[1] // 2
    padded = np.pad(samples, (half, half + 1))  # one more, so that no samples give a window too
    windows = np.lib.stride_tricks.sliding_window_view(padded, phases.shape[1])
    out = np.empty(-(-samples.size * up // down), np.int16)
    for start in range(0, out.size, _BLOCK):
        at = np.arange(start, min(start + _BLOCK, out.size)) * down  # in steps of 1 / up samples
        block = np.einsum("ij,ij->i", windows[at // up], phases[at % up])
        out[start : start + block.size] = np.clip(np.rint(block), -32768, 32767)
    return out


def _phases(up: int, from_rate: int, lower_rate: int) -> npt.NDArray[np.float64]:
    """Design the filter, shape (up, taps): row p weighs the samples round a point p / up after the middle one."""
    width = _HALF_WIDTH * from_rate / lower_rate
    half = math.ceil(width)
    offsets = np.arange(-half, half + 1) - np.arange(up)[:, None] / up
    beta = 0.1102 * (_STOPBAND_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.clip(1.0 - np.square(offsets / width), 0.0, None)))
    window[np.abs(offsets) > width] = 0.0
    taps = np.sinc(2.0 * _CUTOFF * lower_rate / from_rate * offsets) * window
    phases: npt.NDArray[np.float64] = taps / taps.sum(axis=1, keepdims=True)
    return phases
