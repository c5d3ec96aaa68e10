"""How the model should behave on a call. OpenAI Realtime API reference, session object."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.errors import LocalProtocolError
from gateway.realtime.session_fields import (
    ChosenFunction,
    ChosenMcp,
    CustomVoice,
    NoiseReduction,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    Tracing,
    Transcription,
    check_fields,
)
from gateway.realtime.tool_definitions import check_tools

DEFAULT_INSTRUCTIONS = (
    "You are speaking with a caller on the telephone. Be brief and friendly, one or two sentences at a time, "
    "and let the caller interrupt you. Ask when you did not understand."
)


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a session, under their GA names. A value: nothing given to it, or taken from it, is shared.

    Nested values may be given as the protocol's own dicts. A setting left UNSET is not sent: one that the model
    does not know would lose the whole update.

    Raises:
        LocalProtocolError: a value does not fit; one line that names the setting.
    """

    instructions: str = DEFAULT_INSTRUCTIONS
    """Empty for none at all."""
    voice: str | CustomVoice | None = None
    """None for the provider's default."""
    output_modalities: tuple[Literal["audio", "text"]] = ("audio",)
    """Speech with its transcript, or text alone; never both."""
    turn_detection: ServerVad | SemanticVad | None = ServerVad()
    """None leaves committing and answering to the application."""
    transcription: Transcription | UnsetType | None = UNSET
    """Of the caller's words: None for no transcript, UNSET for the provider's default."""
    noise_reduction: NoiseReduction | None = NoiseReduction()
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET
    """Of the model's speech, as a multiple."""
    tools: tuple[dict[str, Any], ...] = ()
    """Definitions of functions and of remote MCP servers."""
    tool_choice: Literal["auto", "none", "required"] | ChosenFunction | ChosenMcp | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    max_output_tokens: Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"] | UnsetType = UNSET
    """Of one answer, tool calls included."""
    truncation: Literal["auto", "disabled"] | RetentionRatio | UnsetType = UNSET
    """What becomes of a conversation that is too long for the model."""
    tracing: Literal["auto"] | Tracing | UnsetType | None = UNSET
    include: tuple[Literal["item.input_audio_transcription.logprobs"], ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_fields(self)
        check_tools(self.tools)


def changed(config: SessionConfig, **changes: object) -> SessionConfig:
    """Return the settings with these changes; nested values are replaced whole.

    Raises:
        LocalProtocolError: there is no such setting, or the value does not fit.
    """
    for name in changes:
        if name not in config.__struct_fields__:
            raise LocalProtocolError(f"{name}: there is no such setting of a session")
    return msgspec.structs.replace(config, **changes)
