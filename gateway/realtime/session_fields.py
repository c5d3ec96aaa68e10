"""The nested values of a session, each checked when it is made. OpenAI Realtime API reference, session object.

What is UNSET is left out of the update, so that the server keeps its own default.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.errors import LocalProtocolError

Effort = Literal["minimal", "low", "medium", "high", "xhigh"]


def check_fields(struct: msgspec.Struct) -> None:
    """Replace each field by a checked deep copy; to be called from ``__post_init__``.

    Raises:
        LocalProtocolError: a value does not fit; one line that names the field.
    """
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value is UNSET and field.default is UNSET:
            continue
        try:
            checked = msgspec.json.decode(msgspec.json.encode(value), type=field.type)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as exc:
            raise LocalProtocolError(_line(field.name, str(exc))) from None
        msgspec.structs.force_setattr(struct, field.name, checked)


def _line(name: str, message: str) -> str:
    """Name the field that msgspec means by its path, such as ``$.threshold``."""
    found = re.search(r" - at `\$(.*)`$", message)
    path, text = (found[1], message[: found.start()]) if found else ("", message)
    return f"{name}{path}: {' '.join(text.split())[:200]}"


class _Checked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all values of a session share."""

    def __post_init__(self) -> None:
        check_fields(self)


class ServerVad(_Checked, frozen=True, tag_field="type", tag="server_vad"):
    """A turn of the caller ends after a fixed silence."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """From 0 to 1; the higher, the louder the caller must be."""
    prefix_padding_ms: Annotated[int, Meta(ge=0)] = 300
    """Audio taken along from before the speech."""
    silence_duration_ms: Annotated[int, Meta(ge=0)] = 500
    create_response: bool = True
    """Whether the model answers by itself when a turn ends."""
    interrupt_response: bool = True
    """Whether the server cancels its answer when the caller starts to speak."""
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | UnsetType = UNSET
    """Silence after the model's speech until it speaks again unasked."""


class SemanticVad(_Checked, frozen=True, tag_field="type", tag="semantic_vad"):
    """A turn of the caller ends when the sentence seems to be finished."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """Waits up to 8, 4 or 2 seconds; auto is medium."""
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = ServerVad | SemanticVad


class Transcription(_Checked, frozen=True):
    """What writes down the caller's words; a model of its own beside the one that answers."""

    model: str | UnsetType = UNSET
    """On Azure the name of a deployment."""
    language: str | UnsetType = UNSET
    """ISO 639-1."""
    languages: tuple[str, ...] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    keywords: tuple[str, ...] | UnsetType = UNSET
    delay: Effort | UnsetType = UNSET
    """For gpt-realtime-whisper only."""


class NoiseReduction(_Checked, frozen=True):
    """A filter on the caller's audio, ahead of turn detection and model."""

    type: Literal["near_field", "far_field"] = "near_field"
    strength: Annotated[float, Meta(ge=0)] | UnsetType = UNSET


class CustomVoice(_Checked, frozen=True):
    """A voice that the account's owner has made."""

    id: str


class ChosenFunction(_Checked, frozen=True, tag_field="type", tag="function"):
    """The one function the model must call."""

    name: str


class ChosenMcp(_Checked, frozen=True, tag_field="type", tag="mcp"):
    """The one remote tool server, or tool of it, the model must call."""

    server_label: str
    name: str | UnsetType = UNSET


class Reasoning(_Checked, frozen=True):
    """How hard to think. Models that do not reason refuse it, and the whole update with it."""

    effort: Effort


class TokenLimits(_Checked, frozen=True):
    """How much of a conversation the model is given."""

    post_instructions: Annotated[int, Meta(ge=0)]
    """Tokens after the instructions and tools."""


class RetentionRatio(_Checked, frozen=True, tag_field="type", tag="retention_ratio"):
    """How much of a full conversation is kept: fewer, bigger cuts keep the server's cache warm."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | UnsetType = UNSET


class Tracing(_Checked, frozen=True):
    """Under what name the provider keeps traces."""

    workflow_name: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
