"""How audio sounds: its level and bandwidth, and how far it is from the clean audio it was made of. Pure.

Samples are int16 at 8 kHz, shape (n,).
"""

import importlib
import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.loadtest.alignment import HOP, WINDOW, lags
from gateway.loadtest.recording import SAMPLE_RATE
from gateway.loadtest.results import Quality
from voice_codecs import rms_dbfs

MAX_SNR_DB = 100.0
"""Told of audio without any noise."""
_BLOCK = SAMPLE_RATE // 100
_VOICED_BELOW_PEAK = 10 ** (-35 / 20)
"""A block this much weaker than the loudest one is no voice, as in the analysis of the caller's utterances."""
_POWER_SHARE = 0.995
_WINDOW = 512
"""Samples of a spectrum: lines 16 Hz apart."""
_SPLICE = SAMPLE_RATE // 50
"""Samples on either side of a place where some are missing, or have come in, that do not count."""
_STEPS = 4
"""From a whole sample to a thousandth."""

Samples = npt.NDArray[np.int16]
Stretches = npt.NDArray[np.int32]
"""Shape (n,): 0 where nothing sounded, which is a hole and no noise, else the number of the stretch that a clear ended."""
_Floats = npt.NDArray[np.float64]


def judge(heard: Samples, stretches: Stretches, reference: Samples | None = None) -> Quality:
    """Judge what was heard; where the reference was heard, a clear may have cut it."""
    snr = mos = None
    if reference is not None and reference.any() and heard.any():
        part, clean = _aligned(heard, reference, stretches)
        snr, mos = _snr_db(part, clean), _pesq(part, clean)
    return Quality(level_dbfs(heard), bandwidth_hz(heard), snr, mos)


def level_dbfs(samples: Samples) -> float | None:
    """RMS level of the blocks of 10 ms that are within 35 dB of the loudest; None for silence."""
    blocks = np.pad(samples, (0, -samples.size % _BLOCK)).reshape(-1, _BLOCK)
    levels = np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1))
    voiced = blocks[(levels > 0) & (levels >= levels.max(initial=0.0) * _VOICED_BELOW_PEAK)]
    return rms_dbfs(voiced.reshape(-1)) if voiced.size else None


def bandwidth_hz(samples: Samples) -> float | None:
    """The frequency below which 99.5% of the power lies, to 16 Hz; None for silence."""
    if not samples.any():
        return None
    padded = np.pad(samples.astype(np.float64), (0, _WINDOW + -samples.size % _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: _WINDOW // 2]
    power = np.cumsum(np.mean(np.square(np.abs(np.fft.rfft(windows * np.hanning(_WINDOW)))), axis=0))
    line = int(np.searchsorted(power, power[-1] * _POWER_SHARE))
    return line * SAMPLE_RATE / _WINDOW


def snr_db(heard: Samples, reference: Samples, stretches: Stretches | None = None) -> float | None:
    """Compare with the clean reference, which was heard once: signal to noise in dB, at most 100.

    Both are aligned, to far less than a sample, where they are most alike, and brought to the same gain. Holes do not
    count, nor what came after a clear, nor what was lost so that the rest came earlier: other figures tell of what is
    missing. None if either is silent.
    """
    return _snr_db(*_aligned(heard, reference, stretches))


def pesq(heard: Samples, reference: Samples, stretches: Stretches | None = None) -> float | None:
    """MOS-LQO after ITU-T P.862.1, narrowband; None without the package ``pesq``, or if it finds no speech."""
    return _pesq(*_aligned(heard, reference, stretches))


def _snr_db(part: _Floats, clean: _Floats) -> float | None:
    power = float(clean @ clean)
    if not power or not part.any():
        return None
    scaled = clean * (float(part @ clean) / power)
    noise = float(np.sum(np.square(part - scaled)))
    wanted = float(scaled @ scaled)
    if noise <= wanted * 10 ** (-MAX_SNR_DB / 10):
        return MAX_SNR_DB
    return 10 * math.log10(max(wanted, 1e-12) / noise)


def _pesq(part: _Floats, clean: _Floats) -> float | None:
    try:
        package = importlib.import_module("pesq")
    except ImportError:
        return None
    degraded, reference = (np.clip(np.rint(each), -32768, 32767).astype(np.int16) for each in (part, clean))
    try:
        return float(package.pesq(SAMPLE_RATE, reference, degraded, "nb"))
    except (package.PesqError, ValueError):
        return None


def _aligned(heard: Samples, reference: Samples, stretches: Stretches | None) -> tuple[_Floats, _Floats]:
    """Find the reference in what was heard: what counts of it, and the reference moved to fit, of the same shape."""
    places, counts = _followed(heard, reference)
    part = _at(places, heard)
    moved = _moved(reference.astype(np.float64), part)
    numbers = _at(places, np.ones(heard.size) if stretches is None else stretches)
    counts &= (numbers > 0) & (numbers == next((each for each in numbers if each), 0))
    return part[counts], moved[counts]


def _followed(heard: Samples, reference: Samples) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Say where in what was heard each sample of the reference is, and whether it counts there, shape (n,) both."""
    delay = np.full(reference.size, _start(heard, reference), np.intp)
    counts = np.ones(reference.size, np.bool_)
    lag, found = lags(reference, np.pad(heard, (0, WINDOW)), int(delay[0]))  # its end may have come earlier
    delay[:] = lag[0]
    for one, other in pairwise(np.flatnonzero(found)):
        before, after = int(lag[one]), int(lag[other])
        if before == after:
            continue
        begin, end = int(one) * HOP, min(int(other) * HOP + WINDOW, reference.size)
        change = begin + _change(reference[begin:end], heard, begin + before, begin + after)
        delay[change:] = after
        lost = _SPLICE + max(0, before - after)
        counts[max(0, change - lost) : change + lost] = False
    return np.arange(reference.size) + delay, counts


def _start(heard: Samples, reference: Samples) -> int:
    """Where in what was heard the reference begins, as a whole; below zero, if that began before."""
    size = 1 << (heard.size + reference.size).bit_length()
    both = np.conj(np.fft.rfft(reference.astype(np.float64), size)) * np.fft.rfft(
        heard.astype(np.float64), size
    )
    start = int(np.argmax(np.fft.irfft(both, size)))
    return start if start < heard.size else start - size


def _change(clean: Samples, heard: Samples, before: int, after: int) -> int:
    """After how many samples of a clean piece it is heard from another place on."""
    parts = [_at(start + np.arange(clean.size), heard) for start in (before, after)]
    return int(np.argmax(np.append(0.0, np.cumsum(clean * (parts[0] - parts[1])))))


def _at(places: npt.NDArray[np.intp], audio: npt.NDArray[Any]) -> _Floats:
    """Take samples, zero beyond both ends."""
    taken = np.zeros(places.size)
    there = (places >= 0) & (places < audio.size)
    taken[there] = audio[places[there]]
    return taken


def _moved(clean: _Floats, part: _Floats) -> _Floats:
    """Delay the reference by the fraction of a sample that makes both most alike: Newton's method on their likeness."""
    if not clean.size:
        return clean
    spectrum = np.fft.rfft(clean)
    common = np.fft.rfft(part) * np.conj(spectrum)
    turns = 2 * np.pi * np.fft.rfftfreq(clean.size)
    delay = 0.0
    for _ in range(_STEPS):
        turned = common * np.exp(1j * turns * delay)
        slope, bend = float(turns @ turned.imag), float(np.square(turns) @ turned.real)
        if bend <= 0:  # not near a summit: they are not alike
            break
        delay = min(1.0, max(-1.0, delay - slope / bend))
    moved: _Floats = np.fft.irfft(spectrum * np.exp(-1j * turns * delay), clean.size)
    return moved
