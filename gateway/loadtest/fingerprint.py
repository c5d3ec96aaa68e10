"""A faint mark in what each caller says, by which a server that gives him away, or mixes callers up, is known.

The mark is noise, 300 to 3400 Hz, that repeats every 256 ms. It has two halves of two sequences each. The first of the
two is the same for every caller; how far the second is turned against it tells who he is. So neither the line's delay
matters nor where audio is missing, and the search costs the same for two callers as for five hundred. That both halves
must tell the same caller keeps chance away. The mark rides on the voice: pauses stay pauses.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.loadtest.recording import SAMPLE_RATE
from voice_codecs import mulaw_decode, mulaw_encode

PERIOD = 2048
"""Samples after which the mark repeats."""
_SPACING = 4
"""Samples between two callers: at less their marks are too much alike."""
N_FINGERPRINTS = PERIOD // _SPACING
"""Callers that can be told apart."""
BELOW_VOICE_DB = 22.0
"""How far the mark is below what is steep in the voice, which makes it 23 to 29 dB below the voice: about -46 dBFS under
speech of -20 dBFS. The VAD then takes no pause for speech; 3 dB less, and gaps and noise together hide the mark."""
_STEEPNESS = 0.95
"""A dull sound gets a fainter mark: its high frequencies could not cover another."""
_BLOCK = 80
"""Samples over which the voice's level is taken."""
_PIECE = 125 * PERIOD
"""Samples that are marked at a time, whole periods and whole blocks: bounds the memory of a long recording."""
_THRESHOLD = 10.0
"""Standard deviations, in both halves. The worst audio there is, 256 ms of noise alone or repeated, gets above 4, 5 and 6
with one caller's turn in 40,000, 200,000 and 1,000,000; going on like that, above 10 with one in 6 x 10^8."""
_WINDOW = 256
"""Samples of a short spectrum."""
_QUIET = 50.0
"""Amplitude (RMS, -56 dBFS) below which a short spectrum says nothing."""
_PLAIN = 1.0
"""Standard deviations from which a correlation says something, and ..."""
_ENOUGH = 5.0
"""... beyond which it says no more: no single place may decide."""

_Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fingerprint:
    """The mark of one caller."""

    seed: int
    """Which caller, 0 to 511."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < N_FINGERPRINTS:
            raise ValueError(f"no fingerprint {self.seed}: they are counted from 0 to {N_FINGERPRINTS - 1}")

    def mixed(self, payload: bytes) -> bytes:
        """Mark what a caller says, PCMU at 8 kHz; the length stays."""
        turns = _turns()[:, self.seed]
        pairs = zip(_sequences(), turns, strict=True)
        period = np.sum([common + np.roll(turned, turn) for (common, turned), turn in pairs], axis=0)
        mark = period * 10 ** (-BELOW_VOICE_DB / 20)
        pieces = range(0, len(payload), _PIECE)
        return b"".join(_mixed(payload, start, mark) for start in pieces)


def _mixed(payload: bytes, start: int, mark: _Samples) -> bytes:
    """Mark one piece, with what is round it in the ear: its level goes over into theirs without a step."""
    n_before = min(start, 2 * _BLOCK)
    near = mulaw_decode(payload[start - n_before : start + _PIECE + _BLOCK]).astype(np.float64)
    piece = slice(n_before, n_before + _PIECE)
    voice, level = near[piece], _level(near)[piece]
    marked = np.rint(voice + np.resize(mark, voice.size) * level)
    return mulaw_encode(np.clip(marked, -32768, 32767).astype(np.int16))


def found(heard: bytes, seeds: Iterable[int]) -> int | None:
    """Find whose mark is in what was heard, PCMU at 8 kHz; None if it is nobody's of these.

    The plainest one is told. A false alarm in ten seconds of audio has a probability below 10^-6.
    """
    candidates = np.array(sorted(set(seeds)), np.intp)
    if not candidates.size:
        return None
    scores = plainness(heard)[candidates]
    best = int(np.argmax(scores))
    return int(candidates[best]) if scores[best] >= _THRESHOLD else None


def plainness(heard: bytes) -> _Samples:
    """How plain each caller's mark is in its fainter half, shape (512,), in standard deviations of what chance gives."""
    spectra = np.fft.rfft(_windows(_whitened(mulaw_decode(heard).astype(np.float64))))
    halves = [_by_turn(spectra, *pair)[turns] for pair, turns in zip(_sequences(), _turns(), strict=True)]
    plainer: _Samples = np.minimum(*halves)
    return plainer


def _by_turn(spectra: npt.NDArray[np.complex128], common: _Samples, turned: _Samples) -> _Samples:
    """How often both sequences are where the second is turned by so many samples, shape (PERIOD,), in deviations."""
    patterns = np.conj(np.fft.rfft(np.stack([common, turned])))
    correlations = np.fft.irfft(spectra * patterns[:, None], PERIOD)
    spread = correlations.std(axis=2, keepdims=True)
    z = np.divide(correlations, spread, out=np.zeros_like(correlations), where=spread > 0)
    first, second = np.fft.rfft((np.clip(z, _PLAIN, _ENOUGH) - _PLAIN) ** 2)
    by_turn = np.fft.irfft((np.conj(first) * second).sum(axis=0), PERIOD)
    score: _Samples = (by_turn - by_turn.mean()) / (by_turn.std() or 1.0)
    return score


def _windows(samples: _Samples) -> _Samples:
    """Cut into periods that overlap by half, shape (windows, PERIOD)."""
    padded = np.pad(samples, (0, max(0, PERIOD - samples.size)))
    return np.lib.stride_tricks.sliding_window_view(padded, PERIOD)[:: PERIOD // 2]


def _whitened(samples: _Samples) -> _Samples:
    """Give every frequency of every short spectrum the same weight, so that the voice does not drown the mark."""
    hop = _WINDOW // 2
    padded = np.pad(samples, (hop, hop + -samples.size % _WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop]
    shape = np.sqrt(np.hanning(_WINDOW + 1)[:-1])
    spectra = np.fft.rfft(windows * shape)
    magnitudes = np.abs(spectra)
    says = (np.sqrt(np.mean(np.square(windows), axis=1)) >= _QUIET)[:, None] & (magnitudes > 0)
    flat = np.divide(spectra, magnitudes, out=np.zeros_like(spectra), where=says)
    pieces = np.fft.irfft(flat, _WINDOW) * shape
    out = np.zeros(padded.size)
    for first in (0, 1):  # every second window: those do not overlap
        joined = pieces[first::2].reshape(-1)
        out[first * hop : first * hop + joined.size] += joined
    return out[hop : hop + samples.size]


def _level(voice: _Samples) -> _Samples:
    """RMS amplitude of the voice's steep parts by blocks of 10 ms, without steps in between, shape (n,)."""
    if not voice.size:
        return voice
    steep = voice - _STEEPNESS * np.append(0.0, voice[:-1])
    blocks = np.pad(steep, (0, -voice.size % _BLOCK)).reshape(-1, _BLOCK)
    middles = (np.arange(len(blocks)) + 0.5) * _BLOCK
    level: _Samples = np.interp(np.arange(voice.size), middles, np.sqrt(np.mean(np.square(blocks), axis=1)))
    return level


@functools.cache
def _turns() -> npt.NDArray[np.intp]:
    """By how many samples each pair's second sequence is turned for each caller, shape (2, 512)."""
    seeds = np.arange(N_FINGERPRINTS)
    return np.stack([seeds, seeds * 197 % N_FINGERPRINTS]) * _SPACING


@functools.cache
def _sequences() -> _Samples:
    """Two pairs of sequences, shape (2, 2, PERIOD), together of unit power.

    They share out the frequencies from 300 to 3400 Hz by lot, with random phases; always the same.
    """
    lots = np.random.default_rng(2048)
    frequencies = np.fft.rfftfreq(PERIOD, 1 / SAMPLE_RATE)
    band = np.flatnonzero((frequencies >= 300) & (frequencies <= 3400))
    spectra = np.zeros((4, frequencies.size), np.complex128)
    spectra[np.arange(band.size) % 4, lots.permutation(band)] = np.exp(2j * np.pi * lots.random(band.size))
    sequences = np.fft.irfft(spectra, PERIOD)
    shared: _Samples = (sequences / sequences.sum(axis=0).std()).reshape(2, 2, PERIOD)
    return shared
