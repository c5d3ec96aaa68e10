"""A call that we have Twilio place, how it stands, and when the next may start. Values and times, no I/O.

Fields: Twilio, "Call resource" and "Answering Machine Detection".
"""

from dataclasses import dataclass, field
from typing import Any, Literal

CALL_INTERVAL = 1.0
"""Seconds from one start of a call to the next: what Twilio lets an account have unless it asks for more."""
PROGRESS_EVENTS = ("initiated", "ringing", "answered", "completed")
"""What status callbacks are sent for."""


@dataclass(frozen=True)
class CallOrder:
    """A call that Twilio shall place for us."""

    to: str = field(repr=False)
    """Whom to call, E.164."""
    from_: str = field(repr=False)
    """The number of ours to call from, E.164."""
    url: str
    """Webhook that is asked for TwiML once the call is answered."""
    status_callback: str | None = None
    """Told of each step of the call: ``PROGRESS_EVENTS``."""
    machine_detection: Literal["Enable", "DetectMessageEnd"] | None = None
    """Listen for a machine while the call goes on; DetectMessageEnd tells of one only after its greeting."""
    async_amd_status_callback: str | None = None
    """Told who answered; goes with ``machine_detection``."""
    timeout: int = 45
    """Seconds to let it ring."""
    time_limit: int | None = None
    """Seconds that the call may last."""

    def fields(self) -> dict[str, Any]:
        """Give the arguments of the library's ``calls.create``; what is None is left out."""
        wanted: dict[str, Any] = {
            "to": self.to,
            "from_": self.from_,
            "url": self.url,
            "timeout": self.timeout,
            "time_limit": self.time_limit,
        }
        if self.status_callback is not None:
            wanted |= {
                "status_callback": self.status_callback,
                "status_callback_event": list(PROGRESS_EVENTS),
            }
        if self.machine_detection is not None:
            wanted |= {
                "machine_detection": self.machine_detection,
                "async_amd": "true",  # as text: the library sends a bool as "True"
                "async_amd_status_callback": self.async_amd_status_callback,
            }
        return {name: value for name, value in wanted.items() if value is not None}


@dataclass(frozen=True)
class CallStatus:
    """How a call stands."""

    status: str
    """queued, initiated, ringing, in-progress, completed, busy, no-answer, failed or canceled."""
    answered_by: str | None = None
    """What machine detection found, such as human or machine_end_beep."""
    duration: int | None = None
    """Seconds, once the call is over."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in {"completed", "busy", "no-answer", "failed", "canceled"}


class CallSpacing:
    """Keeps the starts of calls apart; told the time in seconds."""

    def __init__(self, interval: float = CALL_INTERVAL) -> None:
        self._interval = interval
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next call may start."""
        return max(0.0, self._free_at - now)

    def started(self, now: float) -> None:
        """Account for a call that starts."""
        self._free_at = now + self._interval
