"""How audio sounds: its level and bandwidth, and how far it is from the clean audio it was made of. Pure.

Samples are int16 at 8 kHz, shape (n,).
"""

import importlib
import math

import numpy as np
import numpy.typing as npt

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
    count, nor what came after a clear. None if either is silent.
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
    """Find the reference in what was heard: that part, and the reference moved to fit it, of the same shape."""
    size = 1 << (heard.size + reference.size).bit_length()
    both = np.conj(np.fft.rfft(reference.astype(np.float64), size)) * np.fft.rfft(
        heard.astype(np.float64), size
    )
    start = int(np.argmax(np.fft.irfft(both, size)))
    skipped = 0
    if start >= heard.size:  # the reference began before what was heard
        start, skipped = 0, size - start
    clean = reference[skipped : skipped + heard.size - start].astype(np.float64)
    part = heard[start : start + clean.size].astype(np.float64)
    moved = _moved(clean, part)
    if stretches is None:
        return part, moved
    numbers = stretches[start : start + clean.size]
    counts = (numbers > 0) & (numbers == next((int(each) for each in numbers if each), 0))
    return part[counts], moved[counts]


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
