"""What waits to be written of one media stream: between the event loop, which puts, and a thread, which takes. Pure."""

from collections import deque
from typing import NamedTuple

from gateway.twilio.capture_writer import Sender

MAX_BYTES = 512 * 1024
"""About 17 s of both directions, or 45 s of an answer that the model sends at once."""
OVERHEAD = 200
"""Bytes that a message takes beside its text."""


class Captured(NamedTuple):
    """A message and when it passed, float seconds."""

    sender: Sender
    text: bytes
    at: float


class Backlog:
    """A bounded queue without a lock: one side only puts, the other only takes, and neither waits."""

    def __init__(self) -> None:
        self.is_over = False
        """Set by the side that puts when there is nothing more to come."""
        self._waiting: deque[Captured] = deque()
        self._n_put = 0
        """Bytes, written by one side alone; as the next is by the other."""
        self._n_taken = 0

    def put(self, message: Captured) -> bool:
        """Add a message; False if there is no room for it."""
        n_put = self._n_put + len(message.text) + OVERHEAD
        if n_put - self._n_taken > MAX_BYTES:
            return False
        self._n_put = n_put
        self._waiting.append(message)
        return True

    def take(self, n: int) -> list[Captured]:
        """Remove up to ``n`` messages, oldest first; none if none waits."""
        taken = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        self._n_taken += sum(len(each.text) + OVERHEAD for each in taken)
        return taken
