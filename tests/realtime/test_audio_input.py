from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gateway.realtime.audio_input import audio_bytes
from voice_codecs import mulaw_encode
from voice_codecs.formats import PCM16_24K, PCMU_8K

SAMPLES = np.array([1, -2, 300], np.int16)
ENCODED = b"\x01\x00\xfe\xff\x2c\x01"


@pytest.mark.parametrize(
    "audio", [ENCODED, bytearray(ENCODED), memoryview(ENCODED), SAMPLES, memoryview(ENCODED).cast("h")]
)
def test_bytes_and_samples_of_every_kind_give_the_same_bytes(audio: Any) -> None:
    assert audio_bytes(audio, PCM16_24K) == ENCODED


def test_part_of_an_array_gives_its_own_samples_only() -> None:
    assert audio_bytes(SAMPLES[1:2], PCM16_24K) == b"\xfe\xff"
    assert audio_bytes(SAMPLES[::2], PCM16_24K) == b"\x01\x00\x2c\x01"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_scaled_to_the_ends_of_int16_and_clipped_beyond(dtype: type) -> None:
    floats: npt.NDArray[Any] = np.array(
        [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, -2.0, np.inf, -np.inf, np.nan], dtype
    )

    samples = np.frombuffer(audio_bytes(floats, PCM16_24K), "<i2").tolist()

    assert samples == [-32768, -16384, 0, 16384, 32767, 32767, -32768, 32767, -32768, 0]


def test_samples_for_a_session_of_mu_law_are_encoded() -> None:
    assert audio_bytes(SAMPLES, PCMU_8K) == mulaw_encode(SAMPLES)
    assert audio_bytes(b"\xff\x7f\x01", PCMU_8K) == b"\xff\x7f\x01"


@pytest.mark.parametrize("audio", [b"", np.array([], np.int16), np.array([], np.float32)])
def test_nothing_stays_nothing(audio: Any) -> None:
    assert audio_bytes(audio, PCM16_24K) == b""


def test_what_is_given_is_not_changed_or_shared() -> None:
    floats = np.array([2.0, np.nan], np.float32)
    buffer = bytearray(ENCODED)
    audio_bytes(floats, PCM16_24K)
    encoded = audio_bytes(buffer, PCM16_24K)
    buffer[:] = bytes(6)

    assert floats[0] == 2.0
    assert encoded == ENCODED


@pytest.mark.parametrize(
    ("audio", "error", "words"),
    [
        (b"\x00", ValueError, "half a sample"),
        (np.zeros((2, 2), np.int16), ValueError, "one dimension, not 2"),
        (np.array(b"\x00\x00"), ValueError, "one dimension, not 0"),
        (np.zeros(2, np.int32), TypeError, "not int32"),
        (np.zeros(2, ">i2"), TypeError, "not >i2"),
        ("AAAA", TypeError, "not str"),
        ([0, 0], TypeError, "not list"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_what_is_no_mono_audio_is_refused_in_one_line(audio: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        audio_bytes(audio, PCM16_24K)
    assert "\n" not in str(caught.value)
