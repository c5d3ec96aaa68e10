"""What server events are made of: sessions, items, responses, usage, errors.

Shapes: OpenAI Realtime API reference, server events; fields that only other servers send say so. Nearly everything
is optional, because servers leave out, or send as null, what does not apply.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

Id = Annotated[str, Meta(max_length=512)]
"""An id or another short word, such as a status. They are kept, so they are bounded."""
Ms = int | float
"""Milliseconds as servers write them: 100, 100.0 or 100.5."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """What went wrong, in the server's words."""

    message: str = ""
    type: str = ""
    code: str | None = None
    event_id: str | None = None
    """The client event that caused it, if the server knows."""
    param: str | None = None


class FormatEcho(msgspec.Struct, frozen=True):
    """An audio format as the server confirms it. G.711 formats carry no rate."""

    type: str = ""
    rate: int | None = None


class AudioDirection(msgspec.Struct, frozen=True):
    """The part of a session that is about one direction of audio."""

    format: FormatEcho | None = None
    turn_detection: dict[str, Any] | None = None
    voice: str | dict[str, Any] | None = None


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
    model: str | None = None
    input_audio_format: str | dict[str, Any] | None = None
    """The beta's flat session; so are the fields below, of which xAI sends voice and turn_detection too."""
    output_audio_format: str | dict[str, Any] | None = None
    turn_detection: dict[str, Any] | None = None
    voice: str | dict[str, Any] | None = None


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message; the type says which of the texts it has."""

    type: Id = ""
    text: str | None = None
    transcript: str | None = None


class ItemState(msgspec.Struct, frozen=True):
    """An item as the server describes it: a message, a function call or its output."""

    id: Id = ""
    """Empty from servers that leave it out (xAI)."""
    type: Id = "message"
    role: Id | None = None
    status: Id | None = None
    content: list[ContentPart] | None = None
    name: Id | None = None
    call_id: Id | None = None
    arguments: str | None = None
    output: str | None = None


class CachedTokens(msgspec.Struct, frozen=True):
    """Input tokens that were cached already, by kind. Null counts as 0, here and below."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class InputTokens(msgspec.Struct, frozen=True):
    """Input tokens by kind; the cached ones are among them."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: CachedTokens | None = None


class OutputTokens(msgspec.Struct, frozen=True):
    """Output tokens by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one response."""

    total_tokens: int | None = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    input_token_details: InputTokens | None = None
    output_token_details: OutputTokens | None = None


class RecognitionUsage(msgspec.Struct, frozen=True):
    """What recognising a caller's words cost: tokens or, by type, a duration."""

    type: str | None = None
    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None


class StatusDetails(msgspec.Struct, frozen=True):
    """Why a response ended as it did."""

    reason: Id | None = None
    error: ErrorDetail | None = None
    type: Id | None = None


class ResponseState(msgspec.Struct, frozen=True):
    """A response as the server describes it."""

    id: Id = ""
    status: Id = ""
    status_details: StatusDetails | None = None
    usage: Usage | None = None
    conversation_id: Id | UnsetType | None = UNSET
    """None if the response is out of band, outside the conversation; unset where servers do not say."""
    metadata: dict[str, Any] | None = None
    output: list[ItemState] | None = None


class RateLimit(msgspec.Struct, frozen=True):
    """How much of one limit is left, and when it is whole again."""

    name: str = ""
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


class Event(msgspec.Struct, frozen=True, tag_field="type"):
    """What all server events share."""
