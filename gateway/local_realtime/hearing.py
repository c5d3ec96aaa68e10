"""A session's ears: caller audio in, speech probabilities out; and the seam for recognition."""

from collections import deque
from typing import Protocol

import numpy as np

from gateway.local_realtime.formats import AudioFormat, CallerAudio, Samples
from gateway.vad import VoiceActivity

_SAMPLES_PER_MS = 8
MOST_KEPT_SAMPLES = 60_000 * _SAMPLES_PER_MS
"""Of speech kept for recognition; of a longer turn, the end."""


class Recogniser(Protocol):
    """Turns speech into words. Shared by all sessions, awaited beside them."""

    async def recognise(self, samples: Samples) -> str:
        """Give the words of PCM16, shape (n,) at 8 kHz; any exception means that this turn was not understood."""


class Memory:
    """The latest caller audio at 8 kHz, addressed by its place in all audio ever heard."""

    def __init__(self) -> None:
        self._chunks: deque[Samples] = deque()
        self._n_kept = 0
        self._end = 0

    def keep(self, samples: Samples) -> None:
        """Add samples; forget what lies more than a minute back."""
        self._chunks.append(samples)
        self._n_kept += samples.size
        self._end += samples.size
        while self._n_kept - self._chunks[0].size >= MOST_KEPT_SAMPLES:
            self._n_kept -= self._chunks.popleft().size

    def recall(self, start_ms: int, end_ms: int) -> Samples:
        """Give the samples between two places, as far as they are still known."""
        if not self._chunks:
            return np.zeros(0, np.int16)
        first = self._end - self._n_kept
        start = max(0, start_ms * _SAMPLES_PER_MS - first)
        end = max(0, end_ms * _SAMPLES_PER_MS - first)
        return np.concatenate(self._chunks)[start:end]


class Hearing:
    """Caller audio in the session's input format to speech probabilities, one per 32 ms.

    ``remembers`` keeps the last minute for a recogniser; without one nothing is kept.
    """

    def __init__(self, audio_format: AudioFormat, *, remembers: bool) -> None:
        self._audio = CallerAudio(audio_format)
        self._voice_activity = VoiceActivity()
        self._memory = Memory() if remembers else None

    def hear(self, payload: bytes) -> list[float]:
        """Take audio cut anywhere; give the probabilities of the windows it completes."""
        return self._take(self._audio.feed(payload))

    def change_format(self, audio_format: AudioFormat) -> list[float]:
        """Expect another format from here on; give the windows that completes."""
        probabilities = self._take(self._audio.flush())
        self._audio = CallerAudio(audio_format)
        return probabilities

    def recall(self, start_ms: int, end_ms: int) -> Samples:
        """Give remembered audio as PCM16 at 8 kHz; empty without a memory."""
        return self._memory.recall(start_ms, end_ms) if self._memory else np.zeros(0, np.int16)

    def _take(self, samples: Samples) -> list[float]:
        if self._memory and samples.size:
            self._memory.keep(samples)
        return self._voice_activity.feed(samples)
