"""Caller audio that cannot be sent yet."""

from collections import deque

from voice_codecs.formats import AudioFormat

MAX_HELD_MS = 2000


class HeldAudio:
    """Keeps the latest 2 s of audio; the oldest goes first, for late speech is worse than lost speech."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._chunks: deque[bytes] = deque()
        self._n_bytes = 0
        self._n_dropped_bytes = 0

    @property
    def n_dropped_ms(self) -> int:
        """How much was given up so far."""
        return self._format.bytes_to_ms(self._n_dropped_bytes)

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def hold(self, chunk: bytes) -> None:
        """Keep a chunk, or the end of one that is too long by itself, at the cost of older ones."""
        most = self._format.ms_to_bytes(MAX_HELD_MS)
        self._n_dropped_bytes += max(0, len(chunk) - most)
        chunk = chunk[-most:]
        self._chunks.append(chunk)
        self._n_bytes += len(chunk)
        while self._n_bytes > most:
            self._n_dropped_bytes += len(self.release())

    def release(self) -> bytes:
        """Take out the oldest chunk."""
        chunk = self._chunks.popleft()
        self._n_bytes -= len(chunk)
        return chunk

    def hold_again(self, chunk: bytes) -> None:
        """Put back the chunk that was taken out last."""
        self._chunks.appendleft(chunk)
        self._n_bytes += len(chunk)

    def clear(self) -> None:
        """Give up everything."""
        while self._chunks:
            self._n_dropped_bytes += len(self.release())
