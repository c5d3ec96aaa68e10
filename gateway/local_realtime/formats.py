"""The two audio formats of the embedded server, and how they become samples and back."""

from typing import Annotated, assert_never

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from voice_codecs import Downsampler, mulaw_decode, mulaw_encode

Samples = npt.NDArray[np.int16]
"""PCM16, shape (n,)."""
_PCM16_GROUP = 6
"""Bytes of three samples at 24 kHz, which make one at 8 kHz."""


class Pcm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="audio/pcm"):
    """PCM16, little-endian, mono."""

    rate: Annotated[int, Meta(ge=24_000, le=24_000)] = 24_000
    """Hertz."""


class Pcmu(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="audio/pcmu"):
    """G.711 mu-law at 8 kHz, mono."""


AudioFormat = Pcm | Pcmu


def bytes_per_ms(audio_format: AudioFormat) -> int:
    """How many bytes of this format make one millisecond."""
    return 48 if isinstance(audio_format, Pcm) else 8


class CallerAudio:
    """A caller's audio in one format to PCM16 at 8 kHz. One instance per stream and format."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._downsampler = Downsampler()
        self._rest = b""

    def feed(self, payload: bytes) -> Samples:
        """Convert bytes cut anywhere to samples at 8 kHz; what does not make a whole sample waits."""
        match self._format:
            case Pcmu():
                return mulaw_decode(payload)
            case Pcm():
                payload = self._rest + payload
                whole = len(payload) - len(payload) % _PCM16_GROUP
                self._rest = payload[whole:]
                return self._downsampler.feed(np.frombuffer(payload[:whole], "<i2"))
            case _:
                assert_never(self._format)

    def flush(self) -> Samples:
        """Give the samples the filter still holds."""
        return self._downsampler.flush()


class ModelAudio:
    """A voice's PCM16 at 24 kHz to one format. One instance per item."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._downsampler = Downsampler()
        self._rest = b""

    def feed(self, pcm16: bytes, *, last: bool = False) -> bytes:
        """Convert a chunk of whole samples; the last one brings what is still held back."""
        if isinstance(self._format, Pcm):
            return pcm16
        pcm16 = self._rest + pcm16
        whole = len(pcm16) - len(pcm16) % _PCM16_GROUP
        self._rest = pcm16[whole:]
        payload = mulaw_encode(self._downsampler.feed(np.frombuffer(pcm16[:whole], "<i2")))
        return payload + mulaw_encode(self._downsampler.flush()) if last else payload
