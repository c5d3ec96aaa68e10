"""One media stream as Twilio carries it: the caller's frames and echoed marks out, the server's messages in.

Messages: Twilio, "Media Streams - WebSocket Messages"; counters and timestamps are text. Times are float seconds on
the caller's clock, passed in.
"""

import math
from collections.abc import Mapping

from gateway.loadtest.caller_messages import CONNECTED, CallerMessages
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.playback import PlaybackBuffer
from gateway.loadtest.recording import PTIME_MS, Recording
from gateway.loadtest.server_messages import BadMessage, ClearAudio, EchoMark, PlayAudio, read_message
from gateway.loadtest.timeline import SaidRun, Timeline

PTIME = PTIME_MS / 1000
"""Seconds in a frame."""
_ROUNDING = 1e-6
"""Frames: far below one, above the rounding of clocks."""


class CallerStream:
    """Sans-I/O: Twilio's end of one media stream.

    A frame is sent when its last sample has been said, on a grid that starts with the call's first stream; so
    lateness never adds up, and a later stream finds the caller where time has brought him.
    """

    def __init__(
        self, recording: Recording, identity: CallIdentity, timeline: Timeline, playback: PlaybackBuffer
    ) -> None:
        self._recording = recording
        self._identity = identity
        self._timeline = timeline
        self._playback = playback
        self._started_at = 0.0
        self._said = SaidRun(0)
        self._messages = CallerMessages(identity)

    def begin(self, parameters: Mapping[str, str], now: float) -> list[str]:
        """Write the connected and start messages."""
        timeline = self._timeline
        if timeline.started_at is None:
            timeline.started_at = now
        self._started_at = timeline.started_at
        self._said = SaidRun(math.ceil((now - self._started_at) / PTIME - _ROUNDING))
        timeline.said.append(self._said)
        timeline.record(now, "stream-started", self._identity.stream_sid)
        return [CONNECTED, self._messages.start(parameters)]

    def next_deadline(self) -> float:
        """When the next frame or mark must be sent."""
        mark_due = self._playback.next_due()
        frame_due = self._frame_due()
        return frame_due if mark_due is None else min(frame_due, mark_due)

    def due(self, now: float) -> list[str]:
        """Write the messages whose time has come, oldest first."""
        messages = []
        while (deadline := self.next_deadline()) <= now:
            mark_due = self._playback.next_due()
            if mark_due is not None and mark_due == deadline:
                messages.append(self._mark(now))
            else:
                messages.append(self._frame(now - deadline))
        return messages

    def receive(self, message: str | bytes, now: float) -> None:
        """Take a WebSocket message from the server; one that Twilio would warn about is counted and ignored."""
        try:
            order = read_message(message, self._identity.stream_sid)
        except BadMessage as error:
            self._timeline.record_fault(now, error.fault, str(error))
            return
        match order:
            case PlayAudio(payload):
                self._timeline.record(now, "media-received", n_samples=len(payload))
                if not self._playback.play(payload, now):
                    self._timeline.record_fault(now, "31931", "more than ten minutes queued")
            case EchoMark(name):
                self._timeline.record(now, "mark-received", name)
                self._playback.mark(name, now)
            case ClearAudio():
                self._timeline.record(now, "clear-received", n_samples=self._playback.clear(now))

    def press(self, digit: str, now: float) -> list[str]:
        """Write the message for a key, one of ``0123456789*#ABCD``."""
        self._timeline.record(now, "digit-sent")
        return [self._messages.dtmf(digit)]

    def stop(self, now: float) -> list[str]:
        """Write the stop message; nothing may follow it."""
        self._timeline.record(now, "stop-sent")
        return [self._messages.stop()]

    def _frame_due(self) -> float:
        return self._started_at + (self._said.first_frame + self._said.n_frames + 1) * PTIME

    def _frame(self, lateness: float) -> str:
        self._timeline.frame_lateness_ms.append(lateness * 1000)
        said = self._said
        payload = self._recording.frame(said.first_frame + said.n_frames)
        said.n_frames += 1
        return self._messages.media(payload, said.n_frames, (said.n_frames - 1) * PTIME_MS)

    def _mark(self, now: float) -> str:
        mark = self._playback.pop_due()
        self._timeline.record(now, "mark-echoed", mark.name)
        return self._messages.mark(mark.name)
