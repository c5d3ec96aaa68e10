"""One media stream as Twilio carries it: the caller's frames and echoed marks out, the server's messages in.

Messages: Twilio, "Media Streams - WebSocket Messages"; counters and timestamps are text. Times are float seconds on
the caller's clock, passed in.
"""

from collections.abc import Mapping

from gateway.loadtest.caller_messages import CONNECTED, CallerMessages
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.playback import PlaybackBuffer
from gateway.loadtest.script import Script
from gateway.loadtest.server_messages import BadMessage, ClearAudio, EchoMark, PlayAudio, read_message
from gateway.loadtest.timeline import Timeline


class CallerStream:
    """Sans-I/O: Twilio's end of one media stream. What the caller says when is the script's affair."""

    def __init__(
        self, script: Script, identity: CallIdentity, timeline: Timeline, playback: PlaybackBuffer
    ) -> None:
        self._script = script
        self._identity = identity
        self._timeline = timeline
        self._playback = playback
        self._messages = CallerMessages(identity)

    def begin(self, parameters: Mapping[str, str], now: float) -> list[str]:
        """Write the connected and start messages."""
        timeline = self._timeline
        if timeline.started_at is None:
            timeline.started_at = now
        self._script.begin_stream(now)
        timeline.record(now, "stream-started", self._identity.stream_sid)
        return [CONNECTED, self._messages.start(parameters)]

    def next_deadline(self) -> float:
        """When the next frame or mark must be sent; infinity if there is neither."""
        mark_due = self._playback.next_due()
        said_due = self._script.next_due()
        return said_due if mark_due is None else min(said_due, mark_due)

    def due(self, now: float) -> list[str]:
        """Write the messages whose time has come, oldest first."""
        messages = []
        while (deadline := self.next_deadline()) <= now:
            mark_due = self._playback.next_due()
            if mark_due is not None and mark_due == deadline:
                messages.append(self._mark(now))
            else:
                messages.append(self._script.write_next(self._messages, now))
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
                self._play(payload, now)
            case EchoMark(name):
                self._timeline.record(now, "mark-received", name)
                self._playback.mark(name, now)
            case ClearAudio():
                self._timeline.record(now, "clear-received", n_samples=self._playback.clear(now))
                self._script.agent_cleared(now)

    def press(self, digit: str, now: float) -> list[str]:
        """Write the message for a key, one of ``0123456789*#ABCD``."""
        self._timeline.record(now, "digit-sent")
        return [self._messages.dtmf(digit)]

    def stop(self, now: float) -> list[str]:
        """Write the stop message; nothing may follow it."""
        self._timeline.record(now, "stop-sent")
        return [self._messages.stop()]

    def _play(self, payload: bytes, now: float) -> None:
        self._timeline.record(now, "media-received", n_samples=len(payload))
        playback = self._playback
        if playback.play(payload, now):
            self._script.agent_queued(payload, playback.runs[-1].end, playback.audible_until, now)
        else:
            self._timeline.record_fault(now, "31931", "more than ten minutes queued")

    def _mark(self, now: float) -> str:
        mark = self._playback.pop_due()
        self._timeline.record(now, "mark-echoed", mark.name)
        return self._messages.mark(mark.name)
