"""What ``session.update`` may say: every field of a GA voice session, all of them optional but ``type``.

Shapes: OpenAI Realtime API reference, session object. A field left out stays as it is.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.local_realtime.formats import AudioFormat

Modalities = Annotated[list[Literal["audio", "text"]], Meta(min_length=1, max_length=1)]
"""Speech with its transcript, or text alone; never both."""
MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]


class NoiseReduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accepted; the detector used here needs none."""

    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET


class Transcription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for the caller's words. The model's name is not looked at."""

    model: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    languages: list[str] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    keywords: list[str] | UnsetType = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType = UNSET


class ServerVad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="server_vad"):
    """Turns end after a fixed silence."""

    threshold: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=10_000)] | UnsetType = UNSET
    silence_duration_ms: Annotated[int, Meta(ge=0, le=60_000)] | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | UnsetType | None = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class SemanticVad(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="semantic_vad"
):
    """Turns end when the caller seems to have finished."""

    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class VoiceId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A voice made by the account's owner."""

    id: str


class AudioInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The caller's direction."""

    format: AudioFormat | UnsetType = UNSET
    noise_reduction: NoiseReduction | UnsetType | None = UNSET
    transcription: Transcription | UnsetType | None = UNSET
    turn_detection: ServerVad | SemanticVad | UnsetType | None = UNSET


class AudioOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model's direction."""

    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET


class Audio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both directions."""

    input: AudioInput | UnsetType = UNSET
    output: AudioOutput | UnsetType = UNSET


class FunctionTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"):
    """A function of the client's that the model may call."""

    name: str
    description: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET


class McpTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="mcp"):
    """A remote tool server; accepted and never called."""

    server_label: str
    server_url: str | UnsetType = UNSET
    connector_id: str | UnsetType = UNSET
    tunnel_id: str | UnsetType = UNSET
    server_description: str | UnsetType = UNSET
    authorization: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    allowed_tools: list[str] | dict[str, Any] | UnsetType | None = UNSET
    allowed_callers: list[Literal["direct", "programmatic"]] | UnsetType = UNSET
    require_approval: Literal["always", "never"] | dict[str, Any] | UnsetType | None = UNSET
    defer_loading: bool | UnsetType = UNSET


class ChosenFunction(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function"
):
    """The one function the model must call."""

    name: str


class ChosenMcp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="mcp"):
    """The one remote tool the model must call."""

    server_label: str
    name: str | UnsetType | None = UNSET


Tools = list[FunctionTool | McpTool]
ToolChoice = Literal["auto", "none", "required"] | ChosenFunction | ChosenMcp


class Reasoning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hard to think; nobody thinks here."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType = UNSET


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stored prompt."""

    id: str
    version: str | UnsetType | None = UNSET
    variables: dict[str, Any] | UnsetType | None = UNSET


class Tracing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where traces would go."""

    workflow_name: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class TokenLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the conversation a model may be given."""

    post_instructions: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class RetentionRatio(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="retention_ratio"
):
    """How much of a full conversation to keep."""

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | UnsetType = UNSET


class SessionPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``session`` of a ``session.update``."""

    type: Literal["realtime"]
    model: str | UnsetType = UNSET
    output_modalities: Modalities | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: Audio | UnsetType = UNSET
    tools: Tools | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | RetentionRatio | UnsetType = UNSET
    tracing: Literal["auto"] | Tracing | UnsetType | None = UNSET
    prompt: Prompt | UnsetType | None = UNSET
    include: list[Literal["item.input_audio_transcription.logprobs"]] | UnsetType | None = UNSET
