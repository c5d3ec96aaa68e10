"""The server events of the Realtime protocol (GA names) that the gateway reads.

One frozen struct per event, picked by ``type``. Fields are those the gateway uses, and they are required only
where an event means nothing without them, so that a server which leaves out an index is still understood.
Shapes: OpenAI Realtime API reference, server events. Audio arrives as base64 and is decoded with the rest.
"""

import contextlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.errors import RemoteProtocolError

Id = Annotated[str, Meta(max_length=512)]


class _Event(msgspec.Struct, frozen=True, tag_field="type"):
    """What all server events share."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong, in the server's words."""

    message: str = ""
    type: str = ""
    code: str | None = None
    event_id: str | None = None
    """The client event that caused it, if the server knows."""


class ErrorEvent(_Event, frozen=True, tag="error"):
    """Something failed; the socket normally stays open."""

    error: ErrorDetail


class FormatEcho(msgspec.Struct, frozen=True):
    """An audio format as the server confirms it. G.711 formats carry no rate."""

    type: str = ""
    rate: int | None = None


class AudioDirection(msgspec.Struct, frozen=True):
    """The part of a session that is about one direction of audio."""

    format: FormatEcho | None = None
    turn_detection: dict[str, Any] | None = None


class SessionAudio(msgspec.Struct, frozen=True):
    """Both directions of a session's audio."""

    input: AudioDirection | None = None
    output: AudioDirection | None = None


class Session(msgspec.Struct, frozen=True):
    """The parts of a session that the gateway checks."""

    id: Id | None = None
    expires_at: float | None = None
    """Unix time, seconds."""
    audio: SessionAudio | None = None


class SessionCreated(_Event, frozen=True, tag="session.created"):
    """First event of a session, with the server's defaults."""

    session: Session


class SessionUpdated(_Event, frozen=True, tag="session.updated"):
    """The whole effective session after an accepted update."""

    session: Session


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message; the type says which of the texts it has."""

    type: str = ""
    text: str | None = None
    transcript: str | None = None


class ItemState(msgspec.Struct, frozen=True):
    """An item as the server describes it: a message, a function call or its output."""

    id: Id
    type: str = "message"
    role: str | None = None
    status: str | None = None
    content: list[ContentPart] = []
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None


class ItemAdded(_Event, frozen=True, tag="conversation.item.added"):
    """An item enters the conversation."""

    item: ItemState
    previous_item_id: Id | None = None


class ItemCreated(_Event, frozen=True, tag="conversation.item.created"):
    """The older spelling of ItemAdded, still in the published types."""

    item: ItemState
    previous_item_id: Id | None = None


class ItemDone(_Event, frozen=True, tag="conversation.item.done"):
    """An item is final; its content replaces what the deltas gave."""

    item: ItemState
    previous_item_id: Id | None = None


class ItemTruncated(_Event, frozen=True, tag="conversation.item.truncated"):
    """The server forgot an item's audio after ``audio_end_ms``, and its transcript."""

    item_id: Id
    audio_end_ms: int


class ItemDeleted(_Event, frozen=True, tag="conversation.item.deleted"):
    """An item left the conversation."""

    item_id: Id


class CallerTranscriptDelta(_Event, frozen=True, tag="conversation.item.input_audio_transcription.delta"):
    """More of what the caller said, as it is recognised."""

    item_id: Id
    delta: str = ""


class CallerTranscript(_Event, frozen=True, tag="conversation.item.input_audio_transcription.completed"):
    """What the caller said; may come before its item."""

    item_id: Id
    transcript: str = ""


class CallerTranscriptFailed(_Event, frozen=True, tag="conversation.item.input_audio_transcription.failed"):
    """Recognition failed; the model still heard the audio."""

    item_id: Id


class SpeechStarted(_Event, frozen=True, tag="input_audio_buffer.speech_started"):
    """The caller started to speak."""

    item_id: Id = ""
    audio_start_ms: int = 0
    """Offset in all audio ever appended in this session, prefix padding included."""


class SpeechStopped(_Event, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """The caller stopped speaking, ``audio_end_ms`` into the appended audio."""

    item_id: Id = ""
    audio_end_ms: int = 0


class InputCommitted(_Event, frozen=True, tag="input_audio_buffer.committed"):
    """The input buffer became a user item."""

    item_id: Id = ""
    previous_item_id: Id | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one response."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class StatusDetails(msgspec.Struct, frozen=True):
    """Why a response ended as it did."""

    reason: str | None = None
    error: ErrorDetail | None = None


class ResponseState(msgspec.Struct, frozen=True):
    """A response as the server describes it."""

    id: Id
    status: str = ""
    status_details: StatusDetails | None = None
    usage: Usage | None = None


class ResponseCreated(_Event, frozen=True, tag="response.created"):
    """The model starts to generate."""

    response: ResponseState


class ResponseDone(_Event, frozen=True, tag="response.done"):
    """The model stopped generating, for whatever reason; once per response."""

    response: ResponseState


class OutputItemAdded(_Event, frozen=True, tag="response.output_item.added"):
    """A response begins an item."""

    item: ItemState
    response_id: Id = ""


class OutputItemDone(_Event, frozen=True, tag="response.output_item.done"):
    """A response's item is final, also when it was cut."""

    item: ItemState
    response_id: Id = ""


class AudioDelta(_Event, frozen=True, tag="response.output_audio.delta"):
    """More of the model's speech, several times faster than real time."""

    item_id: Id
    delta: bytes
    """PCM16 24 kHz, or whatever format the session confirmed. Not aligned to samples."""
    response_id: Id = ""

    def __str__(self) -> str:
        return f"AudioDelta {self.item_id}, {len(self.delta)} bytes"

    __repr__ = __str__


class AudioDone(_Event, frozen=True, tag="response.output_audio.done"):
    """The item's audio is complete, or cut."""

    item_id: Id
    response_id: Id = ""


class TranscriptDelta(_Event, frozen=True, tag="response.output_audio_transcript.delta"):
    """Words of the model's speech, ahead of the sound."""

    item_id: Id
    delta: str = ""
    response_id: Id = ""


class TranscriptDone(_Event, frozen=True, tag="response.output_audio_transcript.done"):
    """The transcript of the model's speech is final."""

    item_id: Id
    transcript: str = ""
    response_id: Id = ""


class TextDelta(_Event, frozen=True, tag="response.output_text.delta"):
    """More of a text answer."""

    item_id: Id
    delta: str = ""
    response_id: Id = ""


class TextDone(_Event, frozen=True, tag="response.output_text.done"):
    """A text answer is final."""

    item_id: Id
    text: str = ""
    response_id: Id = ""


class ArgumentsDelta(_Event, frozen=True, tag="response.function_call_arguments.delta"):
    """More of a function call's arguments."""

    item_id: Id
    delta: str = ""
    response_id: Id = ""


class Unknown(msgspec.Struct, frozen=True):
    """An event the gateway does not act on; applications still receive it raw."""

    type: Annotated[str, Meta(max_length=200)]


ServerEvent = (
    ErrorEvent | SessionCreated | SessionUpdated
    | ItemAdded | ItemCreated | ItemDone | ItemTruncated | ItemDeleted
    | CallerTranscriptDelta | CallerTranscript | CallerTranscriptFailed
    | SpeechStarted | SpeechStopped | InputCommitted
    | ResponseCreated | ResponseDone | OutputItemAdded | OutputItemDone
    | AudioDelta | AudioDone | TranscriptDelta | TranscriptDone | TextDelta | TextDone | ArgumentsDelta
)  # fmt: skip

_decoder: msgspec.json.Decoder[ServerEvent] = msgspec.json.Decoder(ServerEvent)
_unknown_decoder = msgspec.json.Decoder(Unknown)
_known_types: frozenset[str] = frozenset(str(cls.__struct_config__.tag) for cls in ServerEvent.__args__)


def decode_event(text: str | bytes) -> ServerEvent | Unknown:
    """Read one server event; an event of a kind not listed above is Unknown.

    Raises:
        RemoteProtocolError: the text is not JSON, or a known event lacks what it needs.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        unknown = _unknown(text)
        if unknown is not None:
            return unknown
        raise RemoteProtocolError(f"not a server event: {_brief(exc)}") from None


def convert_event(event: dict[str, Any]) -> ServerEvent | Unknown:
    """Read a server event that is already a dict, as `decode_event` reads it from text.

    Raises:
        RemoteProtocolError: as `decode_event`.
    """
    if isinstance(kind := event.get("type"), str) and kind not in _known_types:
        return Unknown(kind)
    try:
        converted: ServerEvent = msgspec.convert(event, ServerEvent)
    except (msgspec.ValidationError, RecursionError) as exc:
        raise RemoteProtocolError(f"not a server event: {_brief(exc)}") from None
    return converted


def _unknown(text: str | bytes) -> Unknown | None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = _unknown_decoder.decode(text)
        if event.type not in _known_types:
            return event
    return None


def _brief(exc: Exception) -> str:
    """Name the fault without quoting the event, which may hold audio or a caller's words."""
    return ascii(str(exc)[:120])[1:-1]
