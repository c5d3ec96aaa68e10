"""The messages of a Twilio media stream: one frozen struct per kind, picked by ``event``.

Shapes: Twilio, "Media Streams - WebSocket Messages". Numbers arrive as text and leave here as int; audio arrives as
base64 and leaves here as bytes. Fields that the gateway does not read are tolerated and not kept.
No message shows audio, digits or parameter values when it is printed.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.errors import RemoteProtocolError

MAX_PAYLOAD = 16_000
"""Bytes of audio in one message: 2 s, a hundred times what Twilio sends."""

Count = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Text = Annotated[str, Meta(max_length=500)]
AccountSid = Annotated[str, Meta(pattern=r"^AC[0-9a-fA-F]{32}\Z")]  # \Z, as $ would let a newline follow
CallSid = Annotated[str, Meta(pattern=r"^CA[0-9a-fA-F]{32}\Z")]
StreamSid = Annotated[str, Meta(pattern=r"^MZ[0-9a-fA-F]{32}\Z")]
Digit = Annotated[str, Meta(pattern=r"^[0-9*#A-D]\Z")]  # not a Literal: its error would quote what was keyed


class MalformedMessage(RemoteProtocolError):  # noqa: N818 - named for what came, as OutOfOrder is
    """A message that cannot be used: count it, skip it, and let the call go on."""


class _Brief(msgspec.Struct, frozen=True, rename="camel"):
    """Makes rich's tracebacks as discreet as ``repr``; they would list every field."""

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("brief", repr(self))]


class Connected(msgspec.Struct, frozen=True, tag_field="event", tag="connected", rename="camel"):
    """The first message on the socket. It names no call yet."""

    protocol: Text = "Call"
    version: Text = "1.0.0"


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    """How a stream's audio is encoded."""

    encoding: Annotated[str, Meta(max_length=100)]
    """MIME type."""
    sample_rate: Count
    """Hertz."""
    channels: Count


class StartPayload(_Brief, frozen=True):
    """Which call a stream belongs to, and what it carries."""

    account_sid: AccountSid
    call_sid: CallSid
    tracks: Annotated[tuple[Text, ...], Meta(max_length=8)]
    media_format: MediaFormat
    custom_parameters: Annotated[dict[Text, Text], Meta(max_length=100)] = {}
    """What our TwiML put into the stream, the secret stream token among it."""

    def __repr__(self) -> str:
        form = self.media_format
        return (
            f"call {self.call_sid}, {form.encoding!a} {form.sample_rate} Hz x {form.channels}, "
            f"{len(self.custom_parameters)} parameters"
        )


class Start(_Brief, frozen=True, tag_field="event", tag="start"):
    """The second message: the stream begins."""

    sequence_number: Count
    stream_sid: StreamSid
    start: StartPayload

    def __repr__(self) -> str:
        return f"Start #{self.sequence_number}, {self.start!r}"


class MediaPayload(_Brief, frozen=True):
    """The audio of one media message."""

    track: Literal["inbound", "outbound"]
    chunk: Count
    """Counts media messages, from 1."""
    timestamp_ms: Count = msgspec.field(name="timestamp")
    """Milliseconds since the stream started, on Twilio's clock. Not a playback position."""
    payload: Annotated[bytes, Meta(min_length=1, max_length=MAX_PAYLOAD)]
    """PCMU, 8 kHz, mono: 160 bytes for the usual 20 ms."""

    def __repr__(self) -> str:
        return f"+{self.timestamp_ms} ms, {len(self.payload)} bytes"


class Media(_Brief, frozen=True, tag_field="event", tag="media"):
    """One chunk of caller audio."""

    sequence_number: Count
    stream_sid: Annotated[str, Meta(min_length=34, max_length=34)]
    """Only its length is checked here: a pattern would double the cost of a frame. The protocol wants it equal to
    the start message's, which was checked."""
    media: MediaPayload

    def __repr__(self) -> str:
        return f"Media #{self.sequence_number} {self.media!r}"


class DtmfPayload(_Brief, frozen=True):
    """The key of one dtmf message."""

    digit: Digit

    def __repr__(self) -> str:
        return "a digit"  # callers key card numbers and PINs


class Dtmf(_Brief, frozen=True, tag_field="event", tag="dtmf"):
    """The caller pressed a key."""

    sequence_number: Count
    stream_sid: StreamSid
    dtmf: DtmfPayload

    def __repr__(self) -> str:
        return f"Dtmf #{self.sequence_number}"


class MarkPayload(msgspec.Struct, frozen=True, rename="camel"):
    """The name of one mark, as we gave it."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class Mark(_Brief, frozen=True, tag_field="event", tag="mark"):
    """The audio before a mark of ours was played, or a clear threw it away."""

    sequence_number: Count
    stream_sid: StreamSid
    mark: MarkPayload

    def __repr__(self) -> str:
        return f"Mark #{self.sequence_number} {self.mark.name!a}"


class Stop(_Brief, frozen=True, tag_field="event", tag="stop"):
    """The stream is over: the caller hung up, or the call was ended or redirected over REST. It says not which."""

    sequence_number: Count
    stream_sid: StreamSid

    def __repr__(self) -> str:
        return f"Stop #{self.sequence_number}"


class Unknown(_Brief, frozen=True):
    """A well-formed message of a kind that we do not know, or that comes after a stop: count it, do nothing."""

    event: Annotated[str, Meta(min_length=1, max_length=100)]

    def __repr__(self) -> str:
        return f"Unknown {self.event!a}"


KnownMessage = Connected | Start | Media | Dtmf | Mark | Stop
StreamMessage = KnownMessage | Unknown

_decoder: msgspec.json.Decoder[KnownMessage] = msgspec.json.Decoder(KnownMessage, strict=False)
"""Not strict, as Twilio writes numbers as strings."""
_unknown_decoder = msgspec.json.Decoder(Unknown)
_encoder = msgspec.json.Encoder()
_EVENTS = {kind.__struct_config__.tag for kind in (Connected, Start, Media, Dtmf, Mark, Stop)}


def decode_message(text: str | bytes) -> StreamMessage:
    """Read one text frame.

    Raises:
        MalformedMessage: whatever else is wrong with it; its text is short and printable, without audio, digits or parameters.
    """
    try:
        if isinstance(text, bytes) and not text.isascii():
            text = text.decode()  # msgspec does not look into the fields it skips
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        fault = error
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(_printable(f"no JSON message: {error}")) from None
    return _unknown_or_raise(text, fault)


def _unknown_or_raise(text: str | bytes, fault: msgspec.ValidationError) -> Unknown:
    try:
        message = _unknown_decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(_printable(f"no message: {error}")) from None
    if message.event in _EVENTS:
        raise MalformedMessage(_printable(f"{message.event} message: {fault}"))
    return message


def _printable(text: str) -> str:
    return ascii(text)[1:-1][:200]


class _PayloadOut(msgspec.Struct):
    payload: bytes


class _MediaOut(msgspec.Struct, tag_field="event", tag="media", rename="camel"):
    stream_sid: str
    media: _PayloadOut


class _MarkOut(msgspec.Struct, tag_field="event", tag="mark", rename="camel"):
    stream_sid: str
    mark: MarkPayload


class _ClearOut(msgspec.Struct, tag_field="event", tag="clear", rename="camel"):
    stream_sid: str


# Twilio answers a field too many or too few with warning 31951, so these write exactly what it documents.


def media(stream_sid: str, payload: bytes) -> bytes:
    """JSON text that queues PCMU (8 kHz, mono, any length but none) for the caller."""
    return _encoder.encode(_MediaOut(stream_sid, _PayloadOut(payload)))


def mark(stream_sid: str, name: str) -> bytes:
    """JSON text that asks for an echo of ``name`` (1 to 200 characters) once the audio queued so far was played."""
    return _encoder.encode(_MarkOut(stream_sid, MarkPayload(name)))


def clear(stream_sid: str) -> bytes:
    """JSON text that throws away all queued audio; Twilio echoes every outstanding mark."""
    return _encoder.encode(_ClearOut(stream_sid))
