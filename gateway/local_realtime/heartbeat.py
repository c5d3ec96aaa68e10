"""Tells how long the event loop may have left things undone: what it reads may have been there all the while."""

import asyncio
import time

PERIOD = 0.005
"""Seconds from one beat to the next."""
_PUNCTUAL = 0.002
"""Seconds: uvloop's timers count whole ms."""


class Heartbeat:
    """Beats on the running loop from ``start`` to ``stop``; while it does not, nothing is ever late."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._beat_at = 0.0
        self._was_late = 0.0

    def start(self) -> None:
        """Begin to beat."""
        self._beat_at = time.monotonic()
        self._next()

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def late(self, now: float) -> float:
        """How many seconds what is read ``now``, of ``time.monotonic()``, may have waited for the loop."""
        if self._timer is None:
            return 0.0
        since_busy = self._was_late + now - self._beat_at if self._was_late > _PUNCTUAL else 0.0
        return max(0.0, now - self._due, since_busy)

    def _next(self) -> None:
        self._due = self._beat_at + PERIOD
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._beat)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        self._was_late = self._beat_at - self._due
        self._next()
