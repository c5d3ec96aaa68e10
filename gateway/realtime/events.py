"""The server events of the Realtime protocol that the gateway reads, under their GA names and older ones.

One frozen struct per event, picked by ``type``. An older or a provider's name of an event is a subclass, so that
``case AudioDelta()`` matches all of them. Fields are those the gateway uses, and they have defaults, so that a
server which leaves out an index, or (xAI) an item's id, is still understood.
Shapes: OpenAI Realtime API reference, server events. Audio arrives as base64 and is decoded with the rest.
"""

import contextlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.errors import RemoteProtocolError
from gateway.realtime.event_parts import (
    AudioDirection,
    CachedTokens,
    ContentPart,
    ErrorDetail,
    Event,
    FormatEcho,
    Id,
    InputTokens,
    ItemState,
    Ms,
    OutputTokens,
    RateLimit,
    RecognitionUsage,
    ResponseState,
    Session,
    SessionAudio,
    StatusDetails,
    Usage,
)
from gateway.realtime.response_events import (
    ArgumentsDelta,
    ArgumentsDone,
    AudioDelta,
    AudioDone,
    BetaAudioDelta,
    BetaAudioDone,
    BetaTextDelta,
    BetaTextDone,
    BetaTranscriptDelta,
    BetaTranscriptDone,
    ContentPartAdded,
    ContentPartDone,
    OutputItemAdded,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
)

__all__ = [
    "ArgumentsDelta",
    "ArgumentsDone",
    "AudioDelta",
    "AudioDirection",
    "AudioDone",
    "BetaAudioDelta",
    "BetaAudioDone",
    "BetaTextDelta",
    "BetaTextDone",
    "BetaTranscriptDelta",
    "BetaTranscriptDone",
    "CachedTokens",
    "CallerTranscript",
    "CallerTranscriptDelta",
    "CallerTranscriptFailed",
    "CallerTranscriptUpdated",
    "ContentPart",
    "ContentPartAdded",
    "ContentPartDone",
    "ErrorDetail",
    "ErrorEvent",
    "Event",
    "FormatEcho",
    "Id",
    "InputCleared",
    "InputCommitted",
    "InputTimedOut",
    "InputTokens",
    "ItemAdded",
    "ItemCreated",
    "ItemDeleted",
    "ItemDone",
    "ItemRetrieved",
    "ItemState",
    "ItemTruncated",
    "McpListToolsFailed",
    "Ms",
    "OutputItemAdded",
    "OutputItemDone",
    "OutputTokens",
    "RateLimit",
    "RateLimitsUpdated",
    "RecognitionUsage",
    "ResponseCreated",
    "ResponseDone",
    "ResponseState",
    "ServerEvent",
    "Session",
    "SessionAudio",
    "SessionCreated",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "StatusDetails",
    "TextDelta",
    "TextDone",
    "TranscriptDelta",
    "TranscriptDone",
    "Unknown",
    "Usage",
    "convert_event",
    "decode_event",
    "ga_type",
    "wire_type",
]


class ErrorEvent(Event, frozen=True, tag="error"):
    """Something failed; the socket normally stays open."""

    error: ErrorDetail


class SessionCreated(Event, frozen=True, tag="session.created"):
    """First event of a session, with the server's defaults."""

    session: Session


class SessionUpdated(Event, frozen=True, tag="session.updated"):
    """The whole effective session after an accepted update."""

    session: Session


class RateLimitsUpdated(Event, frozen=True, tag="rate_limits.updated"):
    """What the account may still use, around each response."""

    rate_limits: tuple[RateLimit, ...] = ()


class ItemAdded(Event, frozen=True, tag="conversation.item.added"):
    """An item enters the conversation."""

    item: ItemState
    previous_item_id: Id | None = None


class ItemCreated(ItemAdded, frozen=True, tag="conversation.item.created"):
    """The beta's name, still in the published types."""


class ItemDone(Event, frozen=True, tag="conversation.item.done"):
    """An item is final; its content replaces what the deltas gave."""

    item: ItemState
    previous_item_id: Id | None = None


class ItemRetrieved(Event, frozen=True, tag="conversation.item.retrieved"):
    """The answer to conversation.item.retrieve."""

    item: ItemState


class ItemTruncated(Event, frozen=True, tag="conversation.item.truncated"):
    """The server forgot an item's audio after ``audio_end_ms``, and its transcript."""

    item_id: Id = ""
    audio_end_ms: Ms = 0
    content_index: int = 0


class ItemDeleted(Event, frozen=True, tag="conversation.item.deleted"):
    """An item left the conversation."""

    item_id: Id = ""


class CallerTranscriptDelta(Event, frozen=True, tag="conversation.item.input_audio_transcription.delta"):
    """More of what the caller said, as it is recognised."""

    item_id: Id = ""
    delta: str | None = None
    content_index: int = 0


class CallerTranscriptUpdated(Event, frozen=True, tag="conversation.item.input_audio_transcription.updated"):
    """All of what the caller said so far (xAI); replaces what came before."""

    item_id: Id = ""
    transcript: str = ""
    content_index: int = 0


class CallerTranscript(Event, frozen=True, tag="conversation.item.input_audio_transcription.completed"):
    """What the caller said; may come before its item, and again."""

    item_id: Id = ""
    transcript: str = ""
    content_index: int = 0
    usage: RecognitionUsage | None = None


class CallerTranscriptFailed(Event, frozen=True, tag="conversation.item.input_audio_transcription.failed"):
    """Recognition failed; the model still heard the audio."""

    item_id: Id = ""
    error: ErrorDetail | None = None
    content_index: int = 0


class SpeechStarted(Event, frozen=True, tag="input_audio_buffer.speech_started"):
    """The caller started to speak."""

    item_id: Id = ""
    audio_start_ms: Ms = 0
    """Offset in all audio ever appended in this session, prefix padding included."""


class SpeechStopped(Event, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """The caller stopped speaking, ``audio_end_ms`` into the appended audio."""

    item_id: Id = ""
    audio_end_ms: Ms = 0


class InputTimedOut(Event, frozen=True, tag="input_audio_buffer.timeout_triggered"):
    """The caller stayed silent for the idle timeout; this silence becomes a user item."""

    item_id: Id = ""
    audio_start_ms: Ms = 0
    audio_end_ms: Ms = 0


class InputCommitted(Event, frozen=True, tag="input_audio_buffer.committed"):
    """The input buffer became a user item."""

    item_id: Id = ""
    previous_item_id: Id | None = None


class InputCleared(Event, frozen=True, tag="input_audio_buffer.cleared"):
    """The input buffer was emptied, at our request."""


class McpListToolsFailed(Event, frozen=True, tag="mcp_list_tools.failed"):
    """A remote MCP server's tools could not be listed."""

    item_id: Id = ""


class Unknown(msgspec.Struct, frozen=True):
    """An event the gateway does not act on; applications still receive it raw."""

    type: Annotated[str, Meta(max_length=200)]


ServerEvent = (
    ErrorEvent | SessionCreated | SessionUpdated | RateLimitsUpdated
    | ItemAdded | ItemCreated | ItemDone | ItemRetrieved | ItemTruncated | ItemDeleted
    | CallerTranscriptDelta | CallerTranscriptUpdated | CallerTranscript | CallerTranscriptFailed
    | SpeechStarted | SpeechStopped | InputTimedOut | InputCommitted | InputCleared
    | ResponseCreated | ResponseDone | OutputItemAdded | OutputItemDone | ContentPartAdded | ContentPartDone
    | AudioDelta | AudioDone | TranscriptDelta | TranscriptDone | TextDelta | TextDone
    | BetaAudioDelta | BetaAudioDone | BetaTranscriptDelta | BetaTranscriptDone | BetaTextDelta | BetaTextDone
    | ArgumentsDelta | ArgumentsDone | McpListToolsFailed
)  # fmt: skip

# not strict: a server may write 100.0 or "100" where an integer is meant
_decoder: msgspec.json.Decoder[ServerEvent] = msgspec.json.Decoder(ServerEvent, strict=False)
_unknown_decoder = msgspec.json.Decoder(Unknown)
_wire_types: dict[type, str] = {cls: str(cls.__struct_config__.tag) for cls in ServerEvent.__args__}
_ga_types: dict[type, str] = {
    cls: _wire_types.get(cls.__base__ or cls, name) for cls, name in _wire_types.items()
}
_known_types = frozenset(_wire_types.values())
_FAULTS = (ValueError, TypeError, OverflowError, RecursionError)
_NULL_FAULT = "got `null`"
"""How msgspec says that a null stands where none may."""
_MEANT_NULLS = frozenset({"conversation_id"})
"""Null says something else here than nothing."""


def wire_type(event: ServerEvent | Unknown) -> str:
    """The event's ``type`` as the server wrote it."""
    return event.type if isinstance(event, Unknown) else _wire_types[type(event)]


def ga_type(event: ServerEvent | Unknown) -> str:
    """The event's GA name, which differs from `wire_type` where the server used an older one."""
    return event.type if isinstance(event, Unknown) else _ga_types[type(event)]


def decode_event(text: str | bytes) -> ServerEvent | Unknown:
    """Read one server event; an event of a kind not listed above is Unknown.

    Raises:
        RemoteProtocolError: the text is not JSON, or a known event's fields are of the wrong types.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        unknown = _unknown(text)
        if unknown is not None:
            return unknown
        if _NULL_FAULT in str(exc):
            with contextlib.suppress(*_FAULTS):
                return _without_nulls(msgspec.json.decode(text))
        raise RemoteProtocolError(f"not a server event: {_brief(exc)}") from None


def convert_event(event: dict[str, Any]) -> ServerEvent | Unknown:
    """Read a server event that is already a dict, as `decode_event` reads it from text.

    Raises:
        RemoteProtocolError: as `decode_event`.
    """
    try:
        if isinstance(kind := event.get("type"), str) and kind not in _known_types:
            return msgspec.convert(event, Unknown)
        converted: ServerEvent = msgspec.convert(event, ServerEvent, strict=False)
    except _FAULTS as exc:
        if _NULL_FAULT in str(exc):
            with contextlib.suppress(*_FAULTS):
                return _without_nulls(event)
        raise RemoteProtocolError(f"not a server event: {_brief(exc)}") from None
    return converted


def _without_nulls(event: Any) -> ServerEvent:
    """Read an event that has null where no null is meant: some servers write it for what they leave out."""
    converted: ServerEvent = msgspec.convert(_pruned(event), ServerEvent, strict=False)
    return converted


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _pruned(inner) for name, inner in value.items() if inner is not None or name in _MEANT_NULLS
        }
    return [_pruned(inner) for inner in value] if isinstance(value, list) else value


def _unknown(text: str | bytes) -> Unknown | None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = _unknown_decoder.decode(text)
        if event.type not in _known_types:
            return event
    return None


def _brief(exc: Exception) -> str:
    """Name the fault without quoting the event, which may hold audio or a caller's words."""
    return ascii(str(exc)[:120])[1:-1]
