"""What one response is made with: the session's settings under those of its ``response.create``."""

from typing import Any

import msgspec
from msgspec import UNSET

from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.formats import AudioFormat
from gateway.local_realtime.protocol import ResponseOutput, ResponseParams
from gateway.local_realtime.tools import OfferedTools, offered_tools

MOST_TOKENS = 4096
"""Of one response that has no limit of its own: 200 s of speech."""


class ResponseSettings(msgspec.Struct, frozen=True):
    """The settings of one response."""

    modality: str
    """``"audio"`` or ``"text"``."""
    audio_format: AudioFormat
    voice: Any
    speed: float
    """1 is the voice's own."""
    max_output_tokens: int | str
    metadata: dict[str, str] | None
    instructions: str
    """The session's, or this response's own in their place."""
    request: str
    """The response's own instructions; empty without any."""
    tools: OfferedTools

    @property
    def most_tokens(self) -> int:
        """How many tokens it may generate at most."""
        return MOST_TOKENS if isinstance(self.max_output_tokens, str) else self.max_output_tokens

    @property
    def audible(self) -> bool:
        """Whether the words are spoken."""
        return self.modality == "audio"


def response_settings(params: ResponseParams, configuration: Configuration) -> ResponseSettings:
    """Settle what a response is made with.

    Raises:
        ClientEventError: its tool choice demands a tool it does not have.
    """
    state = configuration.state
    output = (
        ResponseOutput() if params.audio is UNSET or params.audio.output is UNSET else params.audio.output
    )
    tools = msgspec.to_builtins(_either(params.tools, state["tools"]))
    tool_choice = msgspec.to_builtins(_either(params.tool_choice, state["tool_choice"]))
    return ResponseSettings(
        modality=_either(params.output_modalities, state["output_modalities"])[0],
        audio_format=_either(output.format, configuration.output_format),
        voice=_either(output.voice, state["audio"]["output"]["voice"]),
        speed=state["audio"]["output"]["speed"],
        max_output_tokens=_either(params.max_output_tokens, state["max_output_tokens"]),
        metadata=params.metadata,
        instructions=_either(params.instructions, state["instructions"]),
        request=_either(params.instructions, ""),
        tools=offered_tools(tools, tool_choice, where="response"),
    )


def _either(asked: Any, otherwise: Any) -> Any:
    return otherwise if asked is UNSET else asked
