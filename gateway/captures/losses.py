"""What a capture lacks."""

import contextvars
import threading
from typing import Literal

import structlog

from gateway.metrics import Metrics

Why = Literal["disk-slow", "disk-failed", "unfit"]
"""There was no room to wait in; the disk refused; it is no message that a capture may hold."""

_log = structlog.get_logger()


class Losses:
    """Counts the messages that one capture lacks, and warns once if that is the disk's doing. For any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._count = metrics.uncaptured_messages
        self._lock = threading.Lock()
        self._has_warned = False

    def add(self, n: int, why: Why, reason: str = "") -> None:
        """Count ``n`` messages."""
        self._count.labels(why).inc(n)
        if why == "unfit":
            return
        with self._lock:
            has_warned, self._has_warned = self._has_warned, True
        if not has_warned:
            # In a context of its own, for the loop's may name the call.
            contextvars.Context().run(_log.warning, "capture is not complete", why=why, reason=reason)
