"""Who answers which number: agents, and the routes from dialled numbers to them. Values; `agents_file` reads them.

Voice, turn detection, noise reduction and language: OpenAI Realtime API reference, session object.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from gateway.agent_instructions import CallDetails, filled, template_mistakes
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig
from gateway.realtime.session_fields import NoiseReduction, SemanticVad, ServerVad, Transcription

DEFAULT_AGENT = "default"
"""The name of the agent for numbers that no route takes."""
MAX_INSTRUCTIONS = 64 * 1024
"""Bytes of UTF-8."""
MAX_GREETING = 2000
"""Characters."""

_TAKES_LANGUAGES = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
_NUMBER = r"\+[1-9][0-9]{6,14}"
_PATTERN = r"\+([1-9][0-9]{0,13})?\*"


def _matching(pattern: str, words: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(check)


PhoneNumber = Annotated[str, _matching(_NUMBER, "a number such as +15551234567 (E.164)")]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Milliseconds = Annotated[int, Field(ge=0, le=60_000)]


class _Table(BaseModel):
    """What all tables of the file share."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ServerVadTable(_Table):
    """Turn detection by silence; what is None is left to the session's default."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: _Milliseconds | None = None
    silence_duration_ms: _Milliseconds | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None

    def detection(self) -> ServerVad:
        """Give it as the session has it."""
        return ServerVad(**self.model_dump(exclude={"type"}, exclude_none=True))


class SemanticVadTable(_Table):
    """Turn detection by the sense of what was said."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"

    def detection(self) -> SemanticVad:
        """Give it as the session has it."""
        return SemanticVad(self.eagerness)


class AgentConfig(_Table):
    """How one agent behaves on a call."""

    instructions: Annotated[str, Field(min_length=1)]
    """May use the placeholders of `agent_instructions`; at most 64 KiB."""
    greeting: Annotated[str, Field(max_length=MAX_GREETING)] = ""
    """What it says first, as it stands; empty leaves the first word to the caller."""
    voice: _Name | None = None
    """None for the provider's default."""
    model: _Name | None = None
    """None for the model of the settings."""
    language: Annotated[str, _matching("[a-z]{2,3}", "a language such as en (ISO 639)")] | None = None
    """A hint for writing down the caller's words."""
    noise_reduction: Literal["near_field", "far_field", "off"] = "near_field"
    fallback_number: PhoneNumber | None = None
    """Phone that this agent's callers reach when it cannot answer; None for that of the settings."""
    tools: Annotated[tuple[_Name, ...], Field(strict=False, max_length=128)] = ("hang_up",)
    """Built-in tools, by name."""
    turn_detection: Annotated[ServerVadTable | SemanticVadTable, Field(discriminator="type")] | None = None

    @field_validator("instructions")
    @classmethod
    def _check_instructions(cls, value: str) -> str:
        if len(value.encode()) > MAX_INSTRUCTIONS:
            raise ValueError(f"must have at most {MAX_INSTRUCTIONS // 1024} KiB")
        mistakes = list(dict.fromkeys(template_mistakes(value)))
        if mistakes:
            raise ValueError("; ".join(mistakes[:5]))
        return value

    @field_validator("tools")
    @classmethod
    def _check_tools(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("must name each tool once")
        return value

    def instructions_for(self, call: CallDetails) -> str:
        """Give the instructions for one call, its details put in as data."""
        return filled(self.instructions, call)

    def session_config(self, instructions: str) -> SessionConfig:
        """Give the session that this agent wants, without tools; ``instructions`` are already filled."""
        settings: dict[str, Any] = {}
        if self.turn_detection is not None:
            settings["turn_detection"] = self.turn_detection.detection()
        reduction = None if self.noise_reduction == "off" else NoiseReduction(self.noise_reduction)
        return SessionConfig(
            instructions=instructions, voice=self.voice, noise_reduction=reduction, **settings
        )

    def provider(self, provider: Provider) -> Provider:
        """Give the provider with this agent's model, and its language for writing down the caller's words.

        The language goes with the provider's own default of what writes them down, where it has one.
        """
        changes: dict[str, Any] = {} if self.model is None else {"model": self.model}
        transcription = provider.default_transcription
        if self.language is not None and isinstance(transcription, Transcription):
            by_list = transcription.model in _TAKES_LANGUAGES
            hint: dict[str, Any] = {"languages": (self.language,)} if by_list else {"language": self.language}
            changes["default_transcription"] = msgspec.structs.replace(transcription, **hint)
        return replace(provider, **changes)


class Route(_Table):
    """From a dialled number, or all that begin alike, to an agent."""

    number: Annotated[
        str, _matching(f"{_NUMBER}|{_PATTERN}", "a number such as +15551234567, or a pattern such as +1555*")
    ]
    """E.164; a ``*`` at the end stands for any digits, or none."""
    agent: str

    @property
    def is_pattern(self) -> bool:
        """Whether it takes more than one number."""
        return self.number.endswith("*")

    def takes(self, number: str) -> bool:
        """Whether a dialled number goes this way."""
        return number.startswith(self.number[:-1]) if self.is_pattern else number == self.number


class Agents(msgspec.Struct, frozen=True):
    """All agents and routes: every route leads to an agent, and one is named default or is the only one."""

    agents: Mapping[str, AgentConfig]
    routes: tuple[Route, ...] = ()

    def agent_for(self, number: str) -> tuple[str, AgentConfig]:
        """Find who answers a dialled number, whatever it is: name and behaviour.

        The number's own route wins, then the longest pattern, then the agent named default or the only one.
        """
        fitting = [route for route in self.routes if route.takes(number)]
        best = max(fitting, key=lambda route: (not route.is_pattern, len(route.number)), default=None)
        if best is not None:
            return best.agent, self.agents[best.agent]
        name = DEFAULT_AGENT if DEFAULT_AGENT in self.agents else next(iter(self.agents))
        return name, self.agents[name]
