"""What happened in a call and when, as the caller saw it. Times are float seconds on the caller's clock."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

EventKind = Literal[
    "webhook-sent",
    "verb-skipped",
    "twiml-taken",
    "dialled",
    "keys-asked",
    "call-changed",
    "stream-started",
    "media-received",
    "mark-received",
    "mark-echoed",
    "clear-received",
    "digit-sent",
    "fault",
    "stop-sent",
    "stream-closed",
    "ended",
]
MAX_EVENTS = 100_000
"""More are counted, not kept: a server that floods must not fill the tester's memory."""
MAX_DETAIL = 500
"""Characters of an event's detail; the rest is not kept either."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    at: float
    kind: EventKind
    detail: str = ""
    """A URL, a mark's name, what was wrong, why the call ended."""
    n_samples: int = 0
    """Audio received or thrown away, at 8 kHz."""


@dataclass(slots=True)
class SaidRun:
    """Frames that one media stream carried, of a stretch of the recording."""

    first_frame: int
    """Frame ``k`` is said at ``k * 20`` ms on the call's clock."""
    source_ms: int
    """Where in the recording the first frame begins; the others follow."""
    n_frames: int = 0


@dataclass
class Timeline:
    """The record of one call; as long as the call, whatever the server does."""

    started_at: float | None = None
    """When the first start message was sent: zero on the call's clock."""
    events: list[Event] = field(default_factory=list)
    n_events_lost: int = 0
    said: list[SaidRun] = field(default_factory=list)
    frame_lateness_ms: "array[float]" = field(default_factory=lambda: array("f"))
    """For every frame sent: milliseconds behind its deadline."""
    faults: Counter[str] = field(default_factory=Counter)
    """What the server did wrong: Twilio's warning codes, or ``bad-audio``."""
    on_event: Callable[[Event], None] | None = None
    """Told about every event as it is recorded."""

    def record(self, at: float, kind: EventKind, detail: str = "", n_samples: int = 0) -> None:
        """Take note of an event."""
        event = Event(at, kind, detail[:MAX_DETAIL], n_samples)
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)
        else:
            self.n_events_lost += 1
        if self.on_event:
            self.on_event(event)

    def record_fault(self, at: float, fault: str, detail: str) -> None:
        """Count a fault of the server's and take note of it."""
        self.faults[fault] += 1
        self.record(at, "fault", f"{fault} {detail}")

    def first(self, kind: EventKind) -> float | None:
        """When the first event of a kind happened; None if none did."""
        return next((event.at for event in self.events if event.kind == kind), None)
