"""Reads key tones out of a line's audio with Goertzel filters: G. Goertzel, 1958; the frequencies are ITU-T Q.23's."""

import itertools

import numpy as np
import numpy.typing as npt

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
DTMF_HZ = {
    key: (low, high)
    for low, row in zip(LOW_HZ, ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, high in zip(row, HIGH_HZ, strict=True)
}
_KEY_AT = {pair: key for key, pair in DTMF_HZ.items()}
_BLOCK = 160
_HOP = 80
_MIN_BLOCKS = 3
"""40 ms, what ITU-T Q.24 has a receiver take for a key."""


def keys_in(samples: npt.NDArray[np.int16]) -> str:
    """The keys that sound in samples, shape (n,) at 8 kHz, in order."""
    blocks = np.lib.stride_tricks.sliding_window_view(samples.astype(float), _BLOCK)[::_HOP]
    powers = np.stack([_goertzel(blocks, hz) for hz in (*LOW_HZ, *HIGH_HZ)], axis=1)
    sounding = [_key(power, float(np.mean(block**2))) for power, block in zip(powers, blocks, strict=True)]
    runs = ((key, len(list(run))) for key, run in itertools.groupby(sounding))
    return "".join(key for key, length in runs if length >= _MIN_BLOCKS)


def _goertzel(blocks: npt.NDArray[np.float64], hz: float) -> npt.NDArray[np.float64]:
    """Mean power of one frequency in each block, shape (m, 160) to (m,)."""
    coefficient = 2 * np.cos(2 * np.pi * hz / 8000)
    before = last = np.zeros(len(blocks))
    for sample in blocks.T:
        before, last = last, sample + coefficient * last - before
    squared: npt.NDArray[np.float64] = last**2 + before**2 - coefficient * last * before
    return squared * 2 / _BLOCK**2


def _key(power: npt.NDArray[np.float64], total: float) -> str:
    """The key of one block, or nothing: two tones that are nearly all of it, alike in level, above -40 dBFS."""
    low, high = int(power[:4].argmax()), int(power[4:].argmax())
    weak, strong = sorted((power[low], power[4 + high]))
    if total < (32768 * 0.01) ** 2 or weak + strong < 0.8 * total or strong > 6 * weak:
        return ""
    return _KEY_AT[LOW_HZ[low], HIGH_HZ[high]]
