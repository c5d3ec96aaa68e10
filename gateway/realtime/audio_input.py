"""Audio as applications have it, turned into the bytes that are sent."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from voice_codecs import mulaw_encode
from voice_codecs.formats import AudioFormat

Audio = (
    bytes | bytearray | memoryview | npt.NDArray[np.int16] | npt.NDArray[np.float32] | npt.NDArray[np.float64]
)
"""Encoded bytes, or samples: int16, or floats from -1 to 1, mono, shape (n,)."""


def audio_bytes(audio: Any, audio_format: AudioFormat) -> bytes:
    """Give the bytes of some audio in the format a session takes. Samples must have that format's rate.

    Floats are scaled so that -1 is -32768 and 1 is 32767; beyond that they are clipped, and NaN is silence.

    Raises:
        TypeError: it is neither bytes nor an array of int16 or floats.
        ValueError: it does not hold whole samples of one channel.
    """
    if isinstance(audio, np.ndarray):
        samples = _int16(audio)
        encoded = (
            mulaw_encode(samples) if audio_format.encoding == "pcmu" else samples.astype("<i2").tobytes()
        )
    elif isinstance(audio, bytes | bytearray | memoryview):
        encoded = bytes(audio)
    else:
        raise TypeError(f"audio must be bytes, or an array of int16 or floats, not {type(audio).__name__}")
    if len(encoded) % audio_format.bytes_per_sample:
        raise ValueError("audio ends with half a sample")
    return encoded


def content_part(part: Mapping[str, Any], audio_format: AudioFormat) -> dict[str, Any]:
    """A part of a user's message as the protocol has it: ``text`` under its GA name, audio as bytes or base64."""
    match part:
        case {"type": "text"}:
            return {**part, "type": "input_text"}
        case {"type": "input_audio", "audio": audio} if not isinstance(audio, str):
            return {**part, "audio": audio_bytes(audio, audio_format)}
        case _:
            return dict(part)


def _int16(samples: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    if samples.ndim != 1:
        raise ValueError(f"audio must have one dimension, not {samples.ndim}")
    if np.issubdtype(samples.dtype, np.floating):
        clean = np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)
        scaled: npt.NDArray[np.int16] = np.rint(clean * np.where(clean < 0, 32768.0, 32767.0)).astype(
            np.int16
        )
        return scaled
    if samples.dtype != np.int16:
        raise TypeError(f"audio must be int16 or floats, not {samples.dtype}")
    return samples
