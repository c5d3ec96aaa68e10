"""The script of a captured media stream: Twilio's messages at their times, with this call's identifiers and counters."""

import math

from gateway.loadtest.caller_messages import CallerMessages
from gateway.loadtest.recording import (
    PTIME_MS,
    CapturedFrame,
    CapturedKey,
    CapturedStop,
    Recording,
    Utterance,
)
from gateway.loadtest.script import said_so_far
from gateway.loadtest.timeline import SaidRun, Timeline
from voice_codecs import PCMU_8K


class Replay:
    """Sans-I/O script that listens to nobody: jitter, bursts and holes of the capture come again as they came.

    Marks are not replayed: what this call's server queues decides them. Where the capture ends with a stop message the
    caller hangs up. A later stream of the call goes on where time has brought the capture.
    """

    def __init__(self, recording: Recording, timeline: Timeline) -> None:
        if not recording.messages:
            raise ValueError("only a capture of a media stream can be replayed")
        self._recording = recording
        self._timeline = timeline
        self._zero = 0.0
        self._next = 0
        """Of the messages."""
        self._n_frames = 0
        """Of the stream."""
        self._began_ms = 0
        """The stream's beginning on the capture's clock."""
        stops = [each.at for each in recording.messages if isinstance(each, CapturedStop)]
        self.hangs_up_after = stops[0] if stops else None
        self._sent = [each for each in recording.messages if not isinstance(each, CapturedStop)]

    @property
    def over_after(self) -> float:
        """Seconds on the call's clock at which the last message is sent."""
        return self._recording.messages[-1].at

    @property
    def said_utterances(self) -> tuple[Utterance, ...]:
        """The utterances that began before what was sent last ended."""
        return said_so_far(self._recording, self._timeline)

    def begin_stream(self, now: float) -> None:
        """Find the message that comes next."""
        self._zero = now if self._timeline.started_at is None else self._timeline.started_at
        passed = now - self._zero
        while self._next < len(self._sent) and self._sent[self._next].at < passed:
            self._next += 1
        self._began_ms, self._n_frames = round(passed * 1000), 0
        first_frame = self._began_ms // PTIME_MS
        self._timeline.said.append(SaidRun(first_frame, first_frame * PTIME_MS))

    def next_due(self) -> float:
        """When the next message was sent, on this call's clock."""
        return self._zero + self._sent[self._next].at if self._next < len(self._sent) else math.inf

    def write_next(self, messages: CallerMessages, now: float) -> str:
        """Write the next message; of a frame, take note of how late it is."""
        lateness = now - self.next_due()
        captured = self._sent[self._next]
        self._next += 1
        if isinstance(captured, CapturedKey):
            self._timeline.record(now, "digit-sent")
            return messages.dtmf(captured.digit)
        self._timeline.frame_lateness_ms.append(lateness * 1000)
        self._take_note(captured)
        self._n_frames += 1
        return messages.media(
            captured.payload, self._n_frames, max(0, captured.timestamp_ms - self._began_ms)
        )

    def agent_queued(self, payload: bytes, queued_until: float, audible_until: float, now: float) -> None:
        """Do not listen."""

    def agent_cleared(self, now: float) -> None:
        """Do not listen."""

    def _take_note(self, frame: CapturedFrame) -> None:
        run = self._timeline.said[-1]
        end_ms = frame.timestamp_ms + PCMU_8K.bytes_to_ms(len(frame.payload))
        run.n_frames = max(run.n_frames, -(-end_ms // PTIME_MS) - run.first_frame)
