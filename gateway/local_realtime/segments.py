"""Long speech in pieces that a recogniser can take, cut where least is lost."""

import numpy as np

from gateway.local_realtime.formats import Samples

_FRAME_SAMPLES = 160
_PAUSE_FRAMES = 10
"""200 ms: a pause between words, longer than the silence inside one."""
_SHORTEST_MS = 1000


def segments(samples: Samples, longest_ms: int = 15_000) -> list[Samples]:
    """Cut PCM16, shape (n,) at 8 kHz, into pieces of up to ``longest_ms`` (2 s or more); joined they are the whole.

    Each cut is in the middle of the quietest 200 ms between half the longest piece and the whole, and leaves a
    second at least for the next piece.
    """
    longest = longest_ms * 8
    pieces = []
    while samples.size > longest:
        latest = min(longest, samples.size - _SHORTEST_MS * 8)
        at = longest // 2 + _quietest_place(samples[longest // 2 : latest])
        pieces.append(samples[:at])
        samples = samples[at:]
    return [*pieces, samples]


def _quietest_place(samples: Samples) -> int:
    """Find the middle of the quietest 200 ms; of equals the first."""
    frames = samples[: samples.size // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
    energies = np.square(frames, dtype=np.float64).sum(axis=1)
    pauses = np.convolve(energies, np.ones(min(_PAUSE_FRAMES, energies.size)), mode="valid")
    return (int(pauses.argmin()) + _PAUSE_FRAMES // 2) * _FRAME_SAMPLES
