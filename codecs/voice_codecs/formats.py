"""Audio formats, and the one place where bytes, samples and milliseconds are converted. Always mono."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How audio is written as bytes. Conversions to a coarser unit give the whole units contained."""

    encoding: Literal["pcmu", "pcm16"]
    """G.711 mu-law, or signed 16-bit little-endian."""
    sample_rate: int
    """Hertz."""
    bytes_per_sample: int
    """Bytes that one sample takes."""

    def bytes_to_samples(self, n_bytes: int) -> int:
        """Samples in ``n_bytes``."""
        return n_bytes // self.bytes_per_sample

    def samples_to_bytes(self, n_samples: int) -> int:
        """Bytes that ``n_samples`` take."""
        return n_samples * self.bytes_per_sample

    def samples_to_ms(self, n_samples: int) -> int:
        """Milliseconds in ``n_samples``."""
        return n_samples * 1000 // self.sample_rate

    def ms_to_samples(self, duration_ms: int) -> int:
        """Samples in ``duration_ms``."""
        return duration_ms * self.sample_rate // 1000

    def bytes_to_ms(self, n_bytes: int) -> int:
        """Milliseconds in ``n_bytes``."""
        return self.samples_to_ms(self.bytes_to_samples(n_bytes))

    def ms_to_bytes(self, duration_ms: int) -> int:
        """Bytes that ``duration_ms`` take."""
        return self.samples_to_bytes(self.ms_to_samples(duration_ms))


PCMU_8K = AudioFormat("pcmu", 8000, 1)
"""What Twilio sends and plays."""
PCM16_8K = AudioFormat("pcm16", 8000, 2)
"""The same, decoded."""
PCM16_16K = AudioFormat("pcm16", 16_000, 2)
"""What some models hear, Qwen's among them, though they speak at 24 kHz."""
PCM16_24K = AudioFormat("pcm16", 24_000, 2)
"""What most models hear and say."""
