"""What waits to be written to one file: between the event loop, which puts, and a thread, which takes. Pure."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_BYTES = 512 * 1024
"""What may wait of one file."""


class Backlog(Generic[T]):
    """A bounded queue without a lock: one side only puts, the other only takes, and neither waits."""

    def __init__(self) -> None:
        self.is_over = False
        """Set by the side that puts when there is nothing more to come."""
        self._waiting: deque[tuple[T, int]] = deque()
        self._n_put = 0
        """Bytes, written by one side alone; as the next is by the other."""
        self._n_taken = 0

    def put(self, item: T, n_bytes: int) -> bool:
        """Add something that takes so many bytes; False if there is no room for it."""
        n_put = self._n_put + n_bytes
        if n_put - self._n_taken > MAX_BYTES:
            return False
        self._n_put = n_put
        self._waiting.append((item, n_bytes))
        return True

    def take(self, n: int) -> list[T]:
        """Remove up to ``n`` items, oldest first; none if none waits."""
        taken = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        self._n_taken += sum(n_bytes for _, n_bytes in taken)
        return [item for item, _ in taken]
