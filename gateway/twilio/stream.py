"""One Twilio media stream as a protocol without a socket: our side of it, text in, messages out.

Order: Twilio, "Media Streams - WebSocket Messages": connected, start, then media, dtmf and mark in any order, stop.
"""

import enum
from collections.abc import Mapping

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.twilio import messages
from gateway.twilio.messages import (
    Connected,
    Dtmf,
    MalformedMessage,
    Mark,
    Media,
    MediaFormat,
    Start,
    Stop,
    StreamMessage,
    Unknown,
    decode_message,
)


class OutOfOrder(RemoteProtocolError):  # noqa: N818 - named for what came, as MalformedMessage is
    """A well-formed message that may not come now: close the socket with 1008, the call cannot be trusted."""


class UnsupportedMedia(RemoteProtocolError):  # noqa: N818 - named for what came, as MalformedMessage is
    """The stream starts with an audio format other than PCMU: close the socket, we could only play noise."""


class State(enum.Enum):
    """How far a media stream has come."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    STREAMING = "streaming"
    STOPPED = "stopped"


TRANSITIONS: Mapping[State, Mapping[type[StreamMessage], State]] = {
    State.CONNECTING: {Connected: State.CONNECTED},
    State.CONNECTED: {Start: State.STREAMING},
    State.STREAMING: {
        Media: State.STREAMING,
        Dtmf: State.STREAMING,
        Mark: State.STREAMING,
        Stop: State.STOPPED,
    },
    State.STOPPED: {},
}
"""Every legal move; a missing key is an illegal one."""

PCMU = MediaFormat("audio/x-mulaw", sample_rate=8000, channels=1)
"""The only format we take. Read, not assumed: Twilio's libraries know other formats for <Stream>."""


class MediaStreamProtocol:
    """Sans-I/O Twilio media stream, our side. It never waits and reads no clock."""

    def __init__(self) -> None:
        self.state = State.CONNECTING
        self.account_sid = ""
        """Empty until the start message, as are the next three."""
        self.call_sid = ""
        self.stream_sid = ""
        self.custom_parameters: Mapping[str, str] = {}
        self.n_missing = 0
        """Sequence numbers of which no usable message came. One that comes late stays counted: TCP keeps order."""
        self._next_number = 0
        self._legal = TRANSITIONS[self.state]

    def receive_text(self, text: str | bytes) -> StreamMessage:
        """Read one text frame from Twilio and take note of it.

        Once the stream has stopped, every well-formed message is returned as Unknown.

        Raises:
            MalformedMessage: it is broken, names another stream, or carries another track than inbound; skip it.
            OutOfOrder: it may not come in this state.
            UnsupportedMedia: it starts a stream whose audio we cannot decode.
        """
        message = decode_message(text)
        state = self._legal.get(type(message))
        if state is None:
            return self._set_aside(message)
        if isinstance(message, Start):
            self._begin(message)
        elif not isinstance(message, (Connected, Unknown)):
            self._admit(message)
        if state is not self.state:
            self.state = state
            self._legal = TRANSITIONS[state]
        return message

    def media(self, payload: bytes) -> bytes:
        """Text that queues PCMU (8 kHz, mono, any length but none) for the caller."""
        return messages.media(self._started_sid(), payload)

    def mark(self, name: str) -> bytes:
        """Text that asks for an echo of ``name`` once the audio queued so far was played."""
        return messages.mark(self._started_sid(), name)

    def clear(self) -> bytes:
        """Text that throws away all queued audio; Twilio echoes every outstanding mark."""
        return messages.clear(self._started_sid())

    def _set_aside(self, message: StreamMessage) -> Unknown:
        if isinstance(message, Unknown):
            self._next_number += 1  # it used up a number, and we do not know where it keeps it
            return message
        event = type(message).__name__.lower()
        if self.state is State.STOPPED:
            return Unknown(event)
        raise OutOfOrder(f"{event} while {self.state.value}")

    def _begin(self, message: Start) -> None:
        start = message.start
        if start.media_format != PCMU:
            form = start.media_format
            raise UnsupportedMedia(f"{form.encoding!a}, {form.sample_rate} Hz, {form.channels} channels")
        self.account_sid, self.call_sid = start.account_sid, start.call_sid
        self.stream_sid, self.custom_parameters = message.stream_sid, start.custom_parameters
        self._next_number = message.sequence_number + 1

    def _admit(self, message: Media | Dtmf | Mark | Stop) -> None:
        if message.stream_sid != self.stream_sid:
            raise MalformedMessage(f"{type(message).__name__.lower()} message of another stream")
        n_skipped = message.sequence_number - self._next_number
        if n_skipped >= 0:
            self.n_missing += n_skipped
            self._next_number = message.sequence_number + 1
        if isinstance(message, Media) and message.media.track != "inbound":
            raise MalformedMessage("media message of the outbound track")

    def _started_sid(self) -> str:
        if not self.stream_sid:
            raise LocalProtocolError("nothing can be sent to a media stream before its start message")
        return self.stream_sid
