"""What a server may send on a media stream, read as strictly as Twilio reads it.

Twilio, "Media Streams - WebSocket Messages" and its error pages: a message that is no text (31950), or has a field
too many or too few or another stream's id (31951), draws a warning; here it is refused and has no effect.
"""

import base64
import binascii
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.errors import RemoteProtocolError


class BadMessage(RemoteProtocolError):  # noqa: N818 - named for what came
    """A message that Twilio would not accept."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        """Twilio's warning code, or ``bad-audio`` for a payload without one."""


class _Strict(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class _Payload(_Strict, frozen=True):
    payload: str


class _Media(_Strict, frozen=True, tag_field="event", tag="media"):
    stream_sid: str
    media: _Payload


class _MarkName(_Strict, frozen=True):
    name: Annotated[str, Meta(min_length=1)]


class _Mark(_Strict, frozen=True, tag_field="event", tag="mark"):
    stream_sid: str
    mark: _MarkName


class _Clear(_Strict, frozen=True, tag_field="event", tag="clear"):
    stream_sid: str


class PlayAudio(msgspec.Struct, frozen=True):
    """Play this after what is queued."""

    payload: bytes
    """PCMU, 8 kHz, at least one byte."""


class EchoMark(msgspec.Struct, frozen=True):
    """Say when the audio queued so far has been played."""

    name: str


class ClearAudio(msgspec.Struct, frozen=True):
    """Throw away what is queued."""


ServerMessage = PlayAudio | EchoMark | ClearAudio
_decoder: msgspec.json.Decoder[_Media | _Mark | _Clear] = msgspec.json.Decoder(_Media | _Mark | _Clear)


def read_message(message: str | bytes, stream_sid: str) -> ServerMessage:
    """Read one WebSocket message sent to the stream ``stream_sid``.

    Raises:
        BadMessage: Twilio would have warned.
    """
    if isinstance(message, bytes):
        raise BadMessage("31950", "binary frame")
    try:
        decoded = _decoder.decode(message)
    except (ValueError, RecursionError) as error:
        raise BadMessage("31951", f"{error}: {message[:80]}") from None
    if decoded.stream_sid != stream_sid:
        raise BadMessage("31951", "streamSid of another stream")
    match decoded:
        case _Media():
            return PlayAudio(_audio(decoded.media.payload))
        case _Mark():
            return EchoMark(decoded.mark.name)
        case _Clear():
            return ClearAudio()


def _audio(payload: str) -> bytes:
    try:
        audio = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage("bad-audio", f"payload is not base64: {error}") from None
    if not audio:
        raise BadMessage("bad-audio", "empty payload")
    return audio
