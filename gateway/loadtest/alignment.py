"""Where sound is found again in what became of it on its way, though some may be missing there or have come in. Pure.

Samples are int16 at 8 kHz, shape (n,). A lag is how many samples later, or below zero earlier, a sound is there.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.loadtest.recording import SAMPLE_RATE

WINDOW = 160 * SAMPLE_RATE // 1000
"""Samples that are looked for at once, and ..."""
HOP = WINDOW // 2
"""... from one such window to the next."""
_REACH = SAMPLE_RATE // 4
"""Samples by which the lag may change from one window to the next."""
_SAME = 0.98
"""Correlation from which a window is where it is expected, and ..."""
_ALIKE = 0.8
"""... from which it may be found elsewhere."""
_VOICED = 10 ** (-30 / 10)
"""Of the loudest window's energy; a weaker one is a pause, which would be found in any other."""
_AS_GOOD = 0.01

Samples = npt.NDArray[np.int16]
_Floats = npt.NDArray[np.float64]


class Found(NamedTuple):
    """Where a piece of sound is in other audio."""

    place: int
    likeness: float
    """The correlation there, at most 1."""


def find(piece: Samples, audio: Samples, near: int) -> Found | None:
    """Find a piece, whole, in audio; of places that are as good, as with a tone, the one next to ``near``.

    None if the audio is shorter, or either is silent.
    """
    n_places = audio.size - piece.size + 1
    if n_places < 1 or not piece.any():
        return None
    size = 1 << (audio.size - 1).bit_length()
    both = np.fft.rfft(audio.astype(np.float64), size) * np.conj(np.fft.rfft(piece.astype(np.float64), size))
    energy = np.append(0.0, np.cumsum(np.square(audio, dtype=np.float64)))
    power = np.sqrt((energy[piece.size :] - energy[:n_places]) * np.sum(np.square(piece, dtype=np.float64)))
    likeness = np.divide(np.fft.irfft(both, size)[:n_places], power, out=np.zeros(n_places), where=power > 0)
    best = float(likeness.max())
    if best <= 0:
        return None
    as_good = np.flatnonzero(likeness >= best - _AS_GOOD)
    return Found(int(as_good[np.argmin(np.abs(as_good - near))]), best)


def lags(sent: Samples, came: Samples, first: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Follow a sound through what became of it, from its ``first`` lag on.

    Returns:
        Of every window, one each 80 ms, its lag, and whether it was found there; shape (windows,) both. One that was
        not found has the lag of the one before; the first ones that of the first that was found.
    """
    windows = [sent[start : start + WINDOW] for start in range(0, max(1, sent.size - HOP), HOP)]
    energy = np.array([np.sum(np.square(each, dtype=np.float64)) for each in windows])
    voiced = (energy > 0) & (energy >= energy.max() * _VOICED)
    found = np.zeros(len(windows), np.bool_)
    lag = np.full(len(windows), first, np.intp)
    for index, window in enumerate(windows):
        now = _lag(window, came, index * HOP, int(lag[index - 1])) if voiced[index] else None
        found[index] = now is not None
        lag[index] = lag[index - 1] if now is None else now
    if found.any():
        before = int(np.argmax(found))
        lag[:before] = lag[before]
    return lag, found


def settled(lag: npt.NDArray[np.intp], found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Say of which windows the lag is sure, shape (windows,): not of those between two that were found apart.

    Nor of those after the last that was found, if anything has been lost, or has come in, before.
    """
    sure = np.ones(lag.size, np.bool_)
    places = np.flatnonzero(found)
    for one, other in pairwise(places):
        sure[one + 1 : other] = lag[one] == lag[other]
    if places.size and np.ptp(lag[places]):
        sure[places[-1] + 1 :] = False
    return sure


def _lag(window: Samples, came: Samples, start: int, expected: int) -> int | None:
    """Find a window, that began at ``start``, near its expected lag; what is expected beyond the end is not looked for."""
    if start + expected + window.size > came.size:
        return None
    there = came[max(0, start + expected) : max(0, start + expected + window.size)]
    if there.size == window.size and _likeness(window, there) >= _SAME:
        return expected
    begin = max(0, start + expected - _REACH)
    at = find(window, came[begin : max(0, start + expected + window.size + _REACH)], start + expected - begin)
    return begin + at.place - start if at is not None and at.likeness >= _ALIKE else None


def _likeness(one: Samples, other: Samples) -> float:
    first, second = one.astype(np.float64), other.astype(np.float64)
    power = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / power if power else 0.0
