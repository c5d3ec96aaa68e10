"""G.711 mu-law and A-law by table look-up, exact for every 16-bit sample and every code.

The tables follow from the definition of the two laws in ITU-T G.711. audioop is not used: its mu-law encoder
rounds 508 of the 32,768 negative samples to the next larger interval.
"""

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MULAW_SILENCE = b"\xff"
"""One mu-law sample of silence."""


class G711Tables(NamedTuple):
    """One law, both ways; the arrays are read-only."""

    encode: npt.NDArray[np.uint8]
    """Codes of the samples -32768 to 32767, in that order, shape (65536,)."""
    decode: npt.NDArray[np.int16]
    """Samples of the codes 0 to 255, shape (256,)."""


def mulaw_encode(samples: npt.NDArray[np.int16]) -> bytes:
    """Encode samples, shape (n,), as n bytes of mu-law."""
    return _encode(mulaw_tables(), samples)


def mulaw_decode(payload: bytes | bytearray | memoryview) -> npt.NDArray[np.int16]:
    """Decode n bytes of mu-law to samples, shape (n,)."""
    return mulaw_tables().decode[np.frombuffer(payload, np.uint8)]


def alaw_encode(samples: npt.NDArray[np.int16]) -> bytes:
    """Encode samples, shape (n,), as n bytes of A-law."""
    return _encode(alaw_tables(), samples)


def alaw_decode(payload: bytes | bytearray | memoryview) -> npt.NDArray[np.int16]:
    """Decode n bytes of A-law to samples, shape (n,)."""
    return alaw_tables().decode[np.frombuffer(payload, np.uint8)]


@functools.cache
def mulaw_tables() -> G711Tables:
    """The mu-law tables: 14-bit scale, one interval of width 1, 15 of width 2, then 16 to a segment."""
    edges = _interval_edges([1] + [2] * 15 + [4 << segment for segment in range(7) for _ in range(16)])
    midpoints = np.where(np.arange(128) == 0, 0, (edges[:-1] + edges[1:]) // 2)
    codes = np.arange(255, -1, -1)  # every bit inverted, the top one set for positive samples
    return _tables(edges * 4, midpoints * 4, codes)


@functools.cache
def alaw_tables() -> G711Tables:
    """The A-law tables: 13-bit scale, 32 intervals of width 2, then 16 to a segment."""
    edges = _interval_edges([2] * 16 + [2 << segment for segment in range(7) for _ in range(16)])
    codes = np.concatenate([np.arange(128, 256), np.arange(128)]) ^ 0x55
    return _tables(edges * 8, (edges[:-1] + edges[1:]) * 4, codes)


def _interval_edges(widths: list[int]) -> npt.NDArray[np.intp]:
    return np.concatenate([[0], np.cumsum(widths)])


def _tables(
    edges: npt.NDArray[np.intp], midpoints: npt.NDArray[np.intp], codes: npt.NDArray[np.intp]
) -> G711Tables:
    """Tabulate a law from the edges of its 128 intervals and the codes of the positive, then negative ones."""
    # Intervals are closed on the left on the number line, so a negative sample on an edge stays at the smaller one.
    starts = edges[:-1]
    negative = np.searchsorted(starts, np.arange(32768, 0, -1), side="left") - 1
    positive = np.searchsorted(starts, np.arange(32768), side="right") - 1
    encode = codes[np.concatenate([negative + 128, positive])].astype(np.uint8)
    decode = np.empty(256, np.int16)
    decode[codes] = np.concatenate([midpoints, -midpoints])
    encode.flags.writeable = decode.flags.writeable = False
    return G711Tables(encode, decode)


def _encode(tables: G711Tables, samples: npt.NDArray[np.int16]) -> bytes:
    return tables.encode.take(samples.astype(np.intp) + 32768).tobytes()
