"""G.711 against a second derivation from the definition of the laws, and against fingerprints of known tables.

The fingerprints are of tables that agree with the reference vectors of the ITU-T Software Tool Library (G.191).
"""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from voice_codecs import MULAW_SILENCE, alaw_decode, alaw_encode, mulaw_decode, mulaw_encode

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))

MULAW_SEGMENT_ENDS = (31, 95, 223, 479, 991, 2015, 4063, 8159)
ALAW_SEGMENT_ENDS = (32, 64, 128, 256, 512, 1024, 2048, 4096)

Encode = Callable[[npt.NDArray[np.int16]], bytes]
Decode = Callable[[bytes | bytearray | memoryview], npt.NDArray[np.int16]]


def interval_starts(segment_ends: tuple[int, ...]) -> list[int]:
    starts = []
    for start, end in zip((0, *segment_ends), segment_ends, strict=False):
        width = -(-(end - start) // 16)
        starts += [0, *range(1, 31, 2)] if end == 31 else list(range(start, end, width))
    return starts


def interval_of(sample: int, starts: list[int], unit: int) -> int:
    """The interval that holds a sample, closed on the left on the number line."""
    if sample >= 0:
        return max(n for n, start in enumerate(starts) if start * unit <= sample)
    return max(n for n, start in enumerate(starts) if start * unit < -sample)


def mulaw_code(sample: int) -> int:
    interval = interval_of(sample, interval_starts(MULAW_SEGMENT_ENDS), 4)
    return (127 - interval) | (0x80 if sample >= 0 else 0)


def alaw_code(sample: int) -> int:
    interval = interval_of(sample, interval_starts(ALAW_SEGMENT_ENDS), 8)
    return (interval | (0x80 if sample >= 0 else 0)) ^ 0x55


def near_every_edge(segment_ends: tuple[int, ...], unit: int) -> list[int]:
    edges = [start * unit for start in interval_starts(segment_ends)]
    near = {edge + step for edge in edges for step in range(-5, 6)} | {32767, 32768}
    return sorted(sample for n in near for sample in (n, -n) if -32768 <= sample <= 32767)


@pytest.mark.parametrize(
    ("encode", "code_of", "segment_ends", "unit"),
    [(mulaw_encode, mulaw_code, MULAW_SEGMENT_ENDS, 4), (alaw_encode, alaw_code, ALAW_SEGMENT_ENDS, 8)],
    ids=["mulaw", "alaw"],
)
def test_samples_round_every_edge_get_the_code_the_law_defines(
    encode: Encode, code_of: Callable[[int], int], segment_ends: tuple[int, ...], unit: int
) -> None:
    samples = near_every_edge(segment_ends, unit)
    assert len(samples) > 2000

    assert list(encode(np.array(samples, np.int16))) == [code_of(sample) for sample in samples]


@pytest.mark.parametrize(
    ("encode", "decode", "encode_sha256", "decode_sha256"),
    [
        (
            mulaw_encode,
            mulaw_decode,
            "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c",
            "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
        ),
        (
            alaw_encode,
            alaw_decode,
            "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
            "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
        ),
    ],
    ids=["mulaw", "alaw"],
)
def test_all_65536_samples_and_all_256_codes_agree_with_the_known_tables(
    encode: Encode, decode: Decode, encode_sha256: str, decode_sha256: str
) -> None:
    assert hashlib.sha256(encode(EVERY_SAMPLE)).hexdigest() == encode_sha256
    assert hashlib.sha256(decode(EVERY_CODE).astype("<i2").tobytes()).hexdigest() == decode_sha256


def test_a_mulaw_code_decodes_to_the_middle_of_its_interval() -> None:
    assert mulaw_decode(bytes([0xFF, 0xFE, 0xFD, 0xF0, 0xEF, 0x80])).tolist() == [0, 8, 16, 120, 132, 32124]
    assert mulaw_decode(bytes([0x7F, 0x7E, 0x7D, 0x70, 0x6F, 0x00])).tolist() == [
        0,
        -8,
        -16,
        -120,
        -132,
        -32124,
    ]


def test_an_alaw_code_decodes_to_the_middle_of_its_interval() -> None:
    assert alaw_decode(bytes([0xD5, 0xD4, 0xAA])).tolist() == [8, 24, 32256]
    assert alaw_decode(bytes([0x55, 0x54, 0x2A])).tolist() == [-8, -24, -32256]


def test_every_code_but_negative_zero_survives_decoding_and_encoding() -> None:
    assert mulaw_encode(mulaw_decode(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")
    assert alaw_encode(alaw_decode(EVERY_CODE)) == EVERY_CODE


def test_mulaw_silence_is_a_zero_sample() -> None:
    assert MULAW_SILENCE == b"\xff"
    assert mulaw_encode(np.zeros(1, np.int16)) == MULAW_SILENCE


@pytest.mark.parametrize("decode", [mulaw_decode, alaw_decode])
def test_any_bytes_like_payload_decodes_to_an_array_of_its_own(decode: Decode) -> None:
    payload = bytearray(EVERY_CODE)
    samples = decode(payload)

    assert samples.dtype == np.int16
    assert np.array_equal(decode(memoryview(payload)), samples)
    samples[:] = 0
    assert decode(EVERY_CODE).any()


def test_nothing_gives_nothing() -> None:
    assert mulaw_decode(b"").shape == alaw_decode(b"").shape == (0,)
    assert mulaw_encode(np.empty(0, np.int16)) == alaw_encode(np.empty(0, np.int16)) == b""
