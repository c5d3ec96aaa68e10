"""Twilio's playback buffer: plays what it is sent in real time, echoes marks, and can be cleared.

Twilio, "Media Streams - WebSocket Messages": audio is played in order at 8 bytes a millisecond; a mark comes back
when the audio before it has been played, at once if there is none, and on a clear; ten minutes fit in.
Times are float seconds on the caller's clock. Nothing here reads it.
"""

import functools
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from voice_codecs import mulaw_decode

BYTES_PER_SECOND = 8000
MAX_QUEUED = 600.0
"""Seconds of audio that Twilio queues."""
MIN_GAP = 0.005
"""Seconds. A shorter hole is not counted as an under-run."""
MAX_GAP = 0.2
"""Seconds. After a longer silence the sender has paused on purpose: a new talkspurt, not an under-run."""
AUDIBLE = 104
"""Amplitude from which a sample counts as audible: -50 dBFS, above an idle line's noise, below quiet speech."""

SOON = 0.5
"""Seconds after a clear in which audio that comes is noted."""
MAX_NOTED = 10_000
"""Notes of such audio; more are not kept."""

_ROUNDING = 1e-6
"""Seconds: far below a sample, above the rounding of clocks."""

CutBy = Literal["clear", "stream-end"]
"""What kept queued audio from sounding."""


@dataclass(slots=True)
class HeardRun:
    """Audio that sounded without a hole. While the call lasts it may still hold audio to come."""

    start: float
    payload: bytearray
    """PCMU, 8 kHz."""
    cut_by: CutBy | None = None
    """None if it was played to its end."""

    @property
    def end(self) -> float:
        """When its last sample has sounded."""
        return self.start + len(self.payload) / BYTES_PER_SECOND


@dataclass(frozen=True, slots=True)
class UnderRun:
    """A hole in a talkspurt: the buffer ran dry and audio came too late."""

    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class AfterClear:
    """Audible audio that came soon after a clear: maybe of the answer that was to stop."""

    cleared_at: float
    at: float
    n_samples: int
    """From its first audible one to its last."""


@dataclass(frozen=True, slots=True)
class DueMark:
    """A mark that may be echoed now."""

    name: str
    due: float
    """When it should have been."""


@dataclass
class PlaybackBuffer:
    """The audio and the marks of one call's media streams, and what the caller heard of them."""

    runs: list[HeardRun] = field(default_factory=list)
    under_runs: list[UnderRun] = field(default_factory=list)
    audible_until: float = -math.inf
    """When the last sample that is more than silence sounds, or sounded."""
    after_clear: list[AfterClear] = field(default_factory=list)
    n_samples_sent: int = 0
    """Whatever the server sent, heard or not."""
    n_marks_unreturned: int = 0
    """Marks that the end of a stream kept from being echoed."""
    _marks: deque[DueMark] = field(default_factory=deque)
    _cleared_at: float = -math.inf

    def queued(self, now: float) -> float:
        """Seconds of audio that have not sounded."""
        return max(0.0, self.runs[-1].end - now) if self.runs else 0.0

    def play(self, payload: bytes, now: float) -> bool:
        """Queue PCMU, at least one byte; return False if the buffer is full and the audio was thrown away."""
        self.n_samples_sent += len(payload)
        if self.queued(now) + len(payload) / BYTES_PER_SECOND > MAX_QUEUED + _ROUNDING:
            return False
        run = self._run_at(now)
        offset = len(run.payload)
        run.payload += payload
        audible = np.flatnonzero(_audible_codes()[np.frombuffer(payload, np.uint8)])
        if audible.size:
            self.audible_until = run.start + (offset + int(audible[-1]) + 1) / BYTES_PER_SECOND
            if now - self._cleared_at <= SOON and len(self.after_clear) < MAX_NOTED:
                self.after_clear.append(AfterClear(self._cleared_at, now, int(np.ptp(audible)) + 1))
        return True

    def mark(self, name: str, now: float) -> None:
        """Have ``name`` echoed once the audio queued so far has been played."""
        due = max(now, self.runs[-1].end) if self.runs else now
        self._marks.append(DueMark(name, due))

    def clear(self, now: float) -> int:
        """Throw away what has not sounded and make every mark due; return the number of samples thrown away."""
        self._cleared_at = now
        self._marks = deque(DueMark(each.name, min(each.due, now)) for each in self._marks)
        return self._cut(now, "clear")

    def stop(self, now: float) -> None:
        """End the stream: audio that has not sounded never will, and marks are forgotten."""
        self.n_marks_unreturned += len(self._marks)
        self._marks.clear()
        self._cleared_at = -math.inf
        self._cut(now, "stream-end")

    def next_due(self) -> float | None:
        """When the next mark must be echoed; None without marks."""
        return self._marks[0].due if self._marks else None

    def pop_due(self) -> DueMark:
        """Take the next mark out."""
        return self._marks.popleft()

    def _run_at(self, now: float) -> HeardRun:
        """The run that audio arriving now prolongs: the last one, or a new one if that has ended."""
        last = self.runs[-1] if self.runs else None
        if last and now <= last.end and not last.cut_by:
            return last
        if last and not last.cut_by and MIN_GAP < now - last.end < MAX_GAP:
            self.under_runs.append(UnderRun(last.end, now - last.end))
        run = HeardRun(now, bytearray())
        self.runs.append(run)
        return run

    def _cut(self, now: float, by: CutBy) -> int:
        run = self.runs[-1] if self.runs else None
        if run is None or run.end <= now:
            return 0
        n_heard = max(0, int((now - run.start + _ROUNDING) * BYTES_PER_SECOND))
        n_dropped = len(run.payload) - n_heard
        if n_dropped:
            del run.payload[n_heard:]
            run.cut_by = by
            self.audible_until = min(self.audible_until, run.end)
        return n_dropped


@functools.cache
def _audible_codes() -> npt.NDArray[np.bool_]:
    """Whether each of the 256 mu-law codes is audible."""
    audible: npt.NDArray[np.bool_] = np.abs(mulaw_decode(bytes(range(256))).astype(np.int32)) >= AUDIBLE
    return audible
