"""Caller audio that cannot be sent yet."""

from collections import deque

BYTES_PER_MS = 48
"""PCM16 at 24 kHz."""
MAX_HELD_MS = 2000


class HeldAudio:
    """Keeps the latest 2 s of audio, PCM16 24 kHz; the oldest goes first, for late speech is worse than lost."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._n_bytes = 0
        self._n_dropped_bytes = 0

    @property
    def n_dropped_ms(self) -> int:
        """How much was given up so far."""
        return self._n_dropped_bytes // BYTES_PER_MS

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def hold(self, chunk: bytes) -> None:
        """Keep a chunk, at the cost of older ones."""
        self._chunks.append(chunk)
        self._n_bytes += len(chunk)
        while self._n_bytes > MAX_HELD_MS * BYTES_PER_MS:
            self._n_dropped_bytes += len(self.release())

    def release(self) -> bytes:
        """Take out the oldest chunk."""
        chunk = self._chunks.popleft()
        self._n_bytes -= len(chunk)
        return chunk
