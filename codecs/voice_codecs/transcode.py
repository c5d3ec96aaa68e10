"""The two chains of a call: caller to model and model to caller. One instance of each per call."""

import functools

import numpy as np
import numpy.typing as npt

from voice_codecs.g711 import mulaw_tables
from voice_codecs.resample import Downsampler, Upsampler, pcm16_table


class CallerToModel:
    """Mu-law at 8 kHz to PCM16 at 24 kHz, little-endian; 4 ms are held back until ``flush``."""

    def __init__(self) -> None:
        self._upsampler = Upsampler()
        self._decode = _mulaw_samples()
        self._encode = pcm16_table()

    def feed(self, payload: bytes | bytearray | memoryview) -> bytes:
        """Convert the next n bytes of the stream to 6 * n bytes, less 192 at the start of an utterance."""
        codes = np.frombuffer(payload, np.uint8)
        return self._upsampler.convert(codes, self._decode, self._encode).tobytes()

    def flush(self) -> bytes:
        """Return the end of the utterance, and be as new."""
        return self._upsampler.finish(self._encode).tobytes()

    def reset(self) -> None:
        """Forget the stream."""
        self._upsampler.reset()


class ModelToCaller:
    """PCM16 at 24 kHz, little-endian, to mu-law at 8 kHz; 4 ms are held back until ``flush``."""

    def __init__(self) -> None:
        self._downsampler = Downsampler()
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


@functools.cache
def _mulaw_samples() -> npt.NDArray[np.float64]:
    """Samples of the codes 0 to 255, as the resampler computes with them."""
    return mulaw_tables().decode.astype(np.float64)
