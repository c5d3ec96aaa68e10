"""What a recorded caller says when. Times are float seconds on the caller's clock, passed in; nothing here reads it."""

import math
from typing import Protocol

from gateway.loadtest.caller_messages import CallerMessages
from gateway.loadtest.recording import PTIME_MS, Recording, Utterance
from gateway.loadtest.timeline import SaidRun, Timeline

PTIME = PTIME_MS / 1000
"""Seconds in a frame."""
_ROUNDING = 1e-6
"""Frames: far below one, above the rounding of clocks."""


class Script(Protocol):
    """The caller's part of one call, over all its media streams."""

    @property
    def over_after(self) -> float:
        """Seconds on the call's clock after which everything is said at the latest; less and less as the call goes on."""

    @property
    def hangs_up_after(self) -> float | None:
        """Seconds on the call's clock after which the caller hangs up at once; None: he listens before he does."""

    @property
    def said_utterances(self) -> tuple[Utterance, ...]:
        """The recording's utterances that were begun, in their order, with their times on the call's clock."""

    def begin_stream(self, now: float) -> None:
        """Go on with a new media stream; the first one's beginning is zero on the call's clock."""

    def next_due(self) -> float:
        """When the next message must be sent; infinity if there is none."""

    def write_next(self, messages: CallerMessages, now: float) -> str:
        """Write that message, whose time has come."""

    def agent_queued(self, payload: bytes, queued_until: float, audible_until: float, now: float) -> None:
        """Learn that the agent's audio, PCMU, was queued: to sound until one time, and audibly until another."""

    def agent_cleared(self, now: float) -> None:
        """Learn that what was queued will not sound."""


def said_so_far(recording: Recording, timeline: Timeline) -> tuple[Utterance, ...]:
    """The utterances of a recording that was played on its own clock, up to the last frame said."""
    said_ms = max((run.first_frame + run.n_frames for run in timeline.said), default=0) * PTIME_MS
    return tuple(each for each in recording.utterances if each.start_ms < said_ms)


def first_frame_after(seconds: float) -> int:
    """The first frame that is said wholly after so many seconds on the call's clock."""
    return math.ceil(seconds / PTIME - _ROUNDING)


class OpenLoop:
    """Script of a caller who listens to nobody: the recording's clock is the call's, and goes on whatever happens.

    A frame is sent when its last sample has been said, on a grid that starts with the call's first stream; so
    lateness never adds up, and a later stream finds the caller where time has brought him.
    """

    hangs_up_after: float | None = None

    def __init__(self, recording: Recording, timeline: Timeline) -> None:
        self._recording = recording
        self._timeline = timeline
        self._zero = 0.0
        self._index = 0
        """Of the next frame, on the grid."""
        self._n_frames = 0
        """Of the stream."""

    @property
    def over_after(self) -> float:
        """Seconds on the call's clock at which the recording ends."""
        return self._recording.duration_ms / 1000

    @property
    def said_utterances(self) -> tuple[Utterance, ...]:
        """The utterances that began before the last frame ended; what was said between two streams counts."""
        return said_so_far(self._recording, self._timeline)

    def begin_stream(self, now: float) -> None:
        """Find the frame of the grid that is said next."""
        self._zero = now if self._timeline.started_at is None else self._timeline.started_at
        self._index, self._n_frames = first_frame_after(now - self._zero), 0
        self._timeline.said.append(SaidRun(self._index, self._index * PTIME_MS))

    def next_due(self) -> float:
        """When the next frame has been said."""
        return self._zero + (self._index + 1) * PTIME

    def write_next(self, messages: CallerMessages, now: float) -> str:
        """Write the next frame, and take note of how late it is."""
        self._timeline.frame_lateness_ms.append((now - self.next_due()) * 1000)
        source_ms = self._source_ms()
        self._take_note(source_ms)
        payload = self._recording.excerpt(source_ms, 1)
        self._index += 1
        self._n_frames += 1
        return messages.media(payload, self._n_frames, (self._n_frames - 1) * PTIME_MS)

    def agent_queued(self, payload: bytes, queued_until: float, audible_until: float, now: float) -> None:
        """Do not listen."""

    def agent_cleared(self, now: float) -> None:
        """Do not listen."""

    def _source_ms(self) -> int:
        """Where in the recording the next frame begins."""
        return self._index * PTIME_MS

    def _take_note(self, source_ms: int) -> None:
        run = self._timeline.said[-1]
        if not run.n_frames:
            run.source_ms = source_ms
        elif run.source_ms + run.n_frames * PTIME_MS != source_ms:
            run = SaidRun(self._index, source_ms)
            self._timeline.said.append(run)
        run.n_frames += 1
