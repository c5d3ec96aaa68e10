"""The two chains of a call: caller to model and model to caller. One instance of each per call.

The caller's side is always mu-law at 8 kHz; ``caller_to_model`` and ``model_to_caller`` make the chain for what the
model takes and gives.
"""

import functools
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voice_codecs.formats import PCM16_16K, PCM16_24K, PCMU_8K, AudioFormat
from voice_codecs.g711 import mulaw_tables
from voice_codecs.resample import Downsampler, Upsampler, pcm16_table


class Transcoder(Protocol):
    """One direction of a call as a stream of bytes, cut anywhere."""

    def feed(self, audio: bytes | bytearray | memoryview, /) -> bytes:
        """Convert the next bytes of the stream."""

    def flush(self) -> bytes:
        """Return the end of the utterance, and be as new."""

    def reset(self) -> None:
        """Forget the stream."""


def caller_to_model(audio_format: AudioFormat) -> Transcoder:
    """Make the chain from mu-law at 8 kHz to the format that the model takes.

    Raises:
        ValueError: The format is neither PCM16 at 16 or 24 kHz nor mu-law at 8 kHz.
    """
    if audio_format == PCMU_8K:
        return PassThrough()
    return CallerToModel(_pcm16_rate(audio_format))


def model_to_caller(audio_format: AudioFormat) -> Transcoder:
    """Make the chain to mu-law at 8 kHz from the format that the model gives.

    Raises:
        ValueError: The format is neither PCM16 at 16 or 24 kHz nor mu-law at 8 kHz.
    """
    if audio_format == PCMU_8K:
        return PassThrough()
    return ModelToCaller(_pcm16_rate(audio_format))


class PassThrough:
    """Mu-law for a model that takes or gives it: the same bytes, none held back."""

    def feed(self, payload: bytes | bytearray | memoryview) -> bytes:
        """Return the bytes; ``bytes`` are not even copied."""
        return bytes(payload)

    def flush(self) -> bytes:
        """Return nothing, as nothing is held back."""
        return b""

    def reset(self) -> None:
        """Do nothing, as nothing is remembered."""


class CallerToModel:
    """Mu-law at 8 kHz to PCM16 at ``sample_rate``, little-endian; 4 ms are held back until ``flush``."""

    def __init__(self, sample_rate: int = 24_000) -> None:
        """Raise ValueError unless the rate is a multiple of 8 kHz, and more."""
        self._upsampler = Upsampler(sample_rate)
        self._decode = _mulaw_samples()
        self._encode = pcm16_table()

    def feed(self, payload: bytes | bytearray | memoryview) -> bytes:
        """Convert the next n bytes of the stream to 6 * n at 24 kHz, less 192 at the start of an utterance."""
        codes = np.frombuffer(payload, np.uint8)
        return self._upsampler.convert(codes, self._decode, self._encode).tobytes()

    def flush(self) -> bytes:
        """Return the end of the utterance, and be as new."""
        return self._upsampler.finish(self._encode).tobytes()

    def reset(self) -> None:
        """Forget the stream."""
        self._upsampler.reset()


class ModelToCaller:
    """PCM16 at ``sample_rate``, little-endian, to mu-law at 8 kHz; 4 ms are held back until ``flush``."""

    def __init__(self, sample_rate: int = 24_000) -> None:
        """Raise ValueError unless the rate is a multiple of 8 kHz, and more."""
        self._downsampler = Downsampler(sample_rate)
        self._encode = mulaw_tables().encode
        self._half_sample = b""

    def feed(self, chunk: bytes | bytearray | memoryview) -> bytes:
        """Convert the next bytes of the stream, cut anywhere: a half sample waits for its other half."""
        if self._half_sample:
            chunk = b"".join((self._half_sample, chunk))
        n_samples, odd = divmod(len(chunk), 2)
        self._half_sample = bytes(chunk[-1:]) if odd else b""
        samples = np.frombuffer(chunk, "<i2", n_samples)
        return self._downsampler.convert(samples, None, self._encode).tobytes()

    def flush(self) -> bytes:
        """Return the end of the utterance, and be as new; a lone half sample is dropped."""
        self._half_sample = b""
        return self._downsampler.finish(self._encode).tobytes()

    def reset(self) -> None:
        """Forget the stream."""
        self._half_sample = b""
        self._downsampler.reset()


def _pcm16_rate(audio_format: AudioFormat) -> int:
    if audio_format not in (PCM16_16K, PCM16_24K):
        raise ValueError(f"no way between mu-law at 8 kHz and {audio_format}")
    return audio_format.sample_rate


@functools.cache
def _mulaw_samples() -> npt.NDArray[np.float64]:
    """Samples of the codes 0 to 255, as the resampler computes with them."""
    return mulaw_tables().decode.astype(np.float64)
