"""Who answers which number: agents, and the routes from dialled numbers to them. Values; `agents_file` reads them.

Voice, turn detection, noise reduction and language: OpenAI Realtime API reference, session object.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import Field, ValidationInfo, field_validator

from gateway.agent_instructions import CallDetails, filled, template_mistakes
from gateway.agent_limits import (
    NUMBER,
    LimitsTable,
    PhoneNumber,
    PhrasesTable,
    Table,
    TransferTarget,
    matching,
)
from gateway.prices import Prices, price_of
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig
from gateway.realtime.session_fields import NoiseReduction, SemanticVad, ServerVad, Transcription

DEFAULT_AGENT = "default"
"""The name of the agent for numbers that no route takes."""
MAX_INSTRUCTIONS = 64 * 1024
"""Bytes of UTF-8."""
MAX_GREETING = 2000
"""Characters."""
MAX_VOICEMAIL = 1000
"""Characters."""

TRANSFER_TOOL = "transfer_call"
"""The tool that needs phones to put callers through to."""
MAX_TRANSFERS = 50

_TAKES_LANGUAGES = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
_PATTERN = r"\+([1-9][0-9]{0,13})?\*"

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Milliseconds = Annotated[int, Field(ge=0, le=60_000)]


class ServerVadTable(Table):
    """Turn detection by silence; what is None is left to the session's default."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: _Milliseconds | None = None
    silence_duration_ms: _Milliseconds | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None

    def detection(self) -> ServerVad:
        """Give it as the session has it."""
        return ServerVad(**self.model_dump(exclude={"type"}, exclude_none=True))


class SemanticVadTable(Table):
    """Turn detection by the sense of what was said."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"

    def detection(self) -> SemanticVad:
        """Give it as the session has it."""
        return SemanticVad(self.eagerness)


class AgentConfig(Table):
    """How one agent behaves on a call."""

    instructions: Annotated[str, Field(min_length=1)]
    """May use the placeholders of `agent_instructions`; at most 64 KiB."""
    greeting: Annotated[str, Field(max_length=MAX_GREETING)] = ""
    """What it says first, as it stands; empty leaves the first word to the caller."""
    voice: _Name | None = None
    """None for the provider's default."""
    model: _Name | None = None
    """None for the model of the settings."""
    language: Annotated[str, matching("[a-z]{2,3}", "a language such as en (ISO 639)")] | None = None
    """A hint for writing down the caller's words."""
    noise_reduction: Literal["near_field", "far_field", "off"] = "near_field"
    fallback_number: PhoneNumber | None = None
    """Phone that this agent's callers reach when it cannot answer; None for that of the settings."""
    tools: Annotated[tuple[_Name, ...], Field(strict=False, max_length=128)] = ("hang_up",)
    """Built-in tools, by name."""
    turn_detection: Annotated[ServerVadTable | SemanticVadTable, Field(discriminator="type")] | None = None
    resume_after_noise: bool = True
    """Whether it goes on where a noise of the caller's side, such as a cough, has cut it short."""
    keys_interrupt: bool = True
    """Whether a key that the caller presses cuts it short, as speech does."""
    mask_keys: bool = False
    """Whether logs and records show that keys were pressed, but not which."""
    record: bool = True
    """Whether its calls are recorded, where RECORDINGS_DIR says that calls are."""
    recording_notice: Annotated[str, Field(max_length=MAX_GREETING)] = "This call is recorded."
    """Said before the greeting of a recorded call; empty says nothing."""
    voicemail: Annotated[str, Field(max_length=MAX_VOICEMAIL)] = ""
    """Message for a machine that answers a call we place; empty hangs up on it."""
    limits: LimitsTable = LimitsTable()
    phrases: PhrasesTable = PhrasesTable()
    transfers: Annotated[
        tuple[TransferTarget, ...], Field(strict=False, max_length=MAX_TRANSFERS, validate_default=True)
    ] = ()
    """The only phones that its ``transfer_call`` puts callers through to."""

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

    @field_validator("transfers")
    @classmethod
    def _check_transfers(
        cls, value: tuple[TransferTarget, ...], info: ValidationInfo
    ) -> tuple[TransferTarget, ...]:
        if len({target.name.casefold() for target in value}) < len(value):
            raise ValueError("must have a name of its own for each number")
        tools = info.data.get("tools")  # None if they are a mistake themselves
        if tools is not None and value and TRANSFER_TOOL not in tools:
            raise ValueError(f'cannot be used: add "{TRANSFER_TOOL}" to tools')
        if tools is not None and not value and TRANSFER_TOOL in tools:
            raise ValueError(f'must have at least one number, or take "{TRANSFER_TOOL}" from tools')
        return value

    def of_recorded_calls(self) -> Self:
        """Give the agent as it is where calls are recorded: one that says so first, if it is to be said."""
        if not self.record or not self.recording_notice:
            return self
        return self.model_copy(update={"greeting": f"{self.recording_notice} {self.greeting}".rstrip()})

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


class Route(Table):
    """From a dialled number, or all that begin alike, to an agent."""

    number: Annotated[
        str, matching(f"{NUMBER}|{_PATTERN}", "a number such as +15551234567, or a pattern such as +1555*")
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
    prices: Mapping[str, Prices] = MappingProxyType({})
    """The operator's own, by model."""

    def price_of(self, model: str) -> Prices | None:
        """Find the prices of a model: the operator's own, or the known ones; None if there are none."""
        return price_of(model, self.prices)

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
