"""The caller's side of one media stream: Twilio's messages in, ours out, and what to do about those that are wrong."""

import time
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway import ending as endings
from gateway.call_recordings import Recording
from gateway.ending import Ending
from gateway.metrics import Metrics
from gateway.stream_measures import StreamMeasures
from gateway.twilio.messages import MalformedMessage, Mark, Media, StreamMessage
from gateway.twilio.stream import MediaStreamProtocol, OutOfOrder, State, UnsupportedMedia

CLOSE_CODES = {
    endings.NO_START: 1008,
    endings.BAD_TOKEN: 1008,
    endings.CARRIER_PROTOCOL: 1008,
    endings.DRAINED: 1001,
    endings.BUG: 1011,
}
"""How the media stream's socket is closed where that is not a plain 1000."""


class CallerSocket(Protocol):
    """The media stream's WebSocket as a call uses it. Nothing here waits."""

    def write(self, *texts: bytes) -> None:
        """Send text messages, in one write; they are lost if the socket is closed."""

    def close(self, code: int) -> None:
        """Close the socket, and drop it if the peer does not answer."""


class CallerLeg:
    """Reads Twilio's messages and writes ours. Driven by callbacks from the socket.

    ``take`` gets each good message with the time, ``gone`` how the stream ended at Twilio's side, ``fail`` is called
    where ``take`` has raised.
    """

    def __init__(
        self,
        socket: CallerSocket,
        metrics: Metrics,
        measures: StreamMeasures,
        *,
        take: Callable[[StreamMessage, float], None],
        gone: Callable[[Ending], None],
        fail: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._metrics = metrics
        self._measures = measures
        self._take = take
        self._gone = gone
        self._fail = fail
        self._stream = MediaStreamProtocol()
        self._close_code: int | None = None
        self.n_malformed = 0
        self.recording: Recording | None = None
        """Takes both sides of the stream, where they are recorded."""
        self.log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    @property
    def call_sid(self) -> str:
        """The call it belongs to, once that is known."""
        return self._stream.call_sid

    @property
    def stream_sid(self) -> str:
        """Twilio's name for the stream, once that is known."""
        return self._stream.stream_sid

    @property
    def counted(self) -> dict[str, int]:
        """Messages of Twilio's that were malformed, and that are missing, by their numbers."""
        return {"malformed": self.n_malformed, "missing": self._stream.n_missing}

    @property
    def is_streaming(self) -> bool:
        """Whether there is somebody who can hear us."""
        return self._stream.state is State.STREAMING

    def play(self, payload: bytes, mark_name: str) -> None:
        """Send audio, mu-law, and a mark behind it."""
        self._socket.write(self._stream.media(payload), self._stream.mark(mark_name))
        now = time.monotonic()
        self._measures.sent(len(payload), mark_name, now)
        if self.recording is not None:
            self.recording.sent(payload, mark_name, now)

    def clear(self) -> None:
        """Have Twilio throw away what it has not played."""
        self._socket.write(self._stream.clear())
        now = time.monotonic()
        self._measures.cleared(now)
        if self.recording is not None:
            self.recording.cleared(now)

    def close(self, ending: Ending) -> None:
        """Close the socket, with the code that fits."""
        recording, self.recording = self.recording, None
        if recording is not None:
            recording.over(time.monotonic())
        self._socket.close(self._close_code or CLOSE_CODES.get(ending, 1000))

    def message_received(self, text: bytes) -> None:
        """Take a text message from Twilio."""
        now = time.monotonic()
        try:
            message = self._stream.receive_text(text)
            self._take(message, now)
            self._measure(message, now)
            if self.recording is not None:
                self._record(self.recording, message, now)
        except MalformedMessage as exc:
            self._malformed(text, str(exc))
        except OutOfOrder as exc:
            self._refuse(str(exc), 1008)
        except UnsupportedMedia as exc:
            self._refuse(str(exc), 1003)
        except Exception:
            self._fail()

    def binary_received(self) -> None:
        """Take note of a binary message, which Twilio does not send."""
        self._malformed(b"", "binary message")

    def connection_closed(self) -> None:
        """Take the end of the media stream's socket."""
        self._gone(endings.STREAM_LOST)

    def _record(self, recording: Recording, message: StreamMessage, now: float) -> None:
        if type(message) is Media:
            recording.said(message.media.payload, message.media.timestamp_ms, now)
        elif type(message) is Mark:
            recording.marked(message.mark.name, now)

    def _measure(self, message: StreamMessage, now: float) -> None:
        if type(message) is Media:
            self._measures.caller_audio(message.media.payload, now)
        elif type(message) is Mark:
            self._measures.marked(message.mark.name, now)

    def _malformed(self, text: bytes, reason: str) -> None:
        self.n_malformed += 1
        self._metrics.skipped_messages.labels("twilio").inc()
        if self.n_malformed == 1:
            self.log.warning("malformed message skipped", reason=reason)
        try:
            text.decode()
        except UnicodeDecodeError:
            self._refuse("not UTF-8", 1007)  # RFC 6455 section 8.1

    def _refuse(self, reason: str, close_code: int) -> None:
        self.log.warning("media stream refused", reason=reason)
        self._close_code = self._close_code or close_code
        self._gone(endings.CARRIER_PROTOCOL)
