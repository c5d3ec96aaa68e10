"""How servers of the Realtime family want to be asked: where each setting goes, and what its values are called.

A server loses a whole update over one key that it does not know, so each dialect lists what it knows.
GA and beta: OpenAI Realtime API reference and its guide from beta to GA. The others: xAI, "Voice Agent API";
Alibaba Model Studio, "Qwen-Omni-Realtime client events"; Zhipu, "GLM-Realtime"; StepFun, "Realtime".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from voice_codecs.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMU_8K, AudioFormat

FormatNames = Mapping[AudioFormat, tuple[str, ...]]
"""What a format is called: first as we say it, then what else the server may confirm it as."""
VAD_KEYS = frozenset(
    {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "create_response", "interrupt_response"}
)


@dataclass(frozen=True, eq=False)
class Dialect:
    """What one kind of server understands. A setting without a place is left out."""

    name: str
    session: Mapping[str, str]
    """Where the settings of a session go, as paths with dots."""
    response: Mapping[str, str]
    """Where the parameters of a response go."""
    input_formats: FormatNames
    output_formats: FormatNames
    vad: frozenset[str]
    """The keys of turn detection; with ``eagerness`` it may be semantic."""
    transcription: frozenset[str] = frozenset({"model", "language", "prompt"})
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Numbers that are held to a narrower range than OpenAI's."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What every update carries."""
    is_flat: bool = True
    """Whether formats are plain names, and the rest is as it was in the beta."""
    confirms_formats: bool = False
    """Whether session.updated is known to name both audio formats."""
    has_mcp: bool = False
    has_text_answers: bool = True
    nests_tools: bool = False
    """Whether a function's definition stands under ``function``."""
    no_detection: Mapping[str, Any] | None = None
    """How turn detection is switched off."""


def _at_top(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _only(places: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: places[name] for name in names}


_GA_SESSION = {
    "input_format": "audio.input.format",
    "noise_reduction": "audio.input.noise_reduction",
    "transcription": "audio.input.transcription",
    "turn_detection": "audio.input.turn_detection",
    "output_format": "audio.output.format",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
    **_at_top("output_modalities", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
              "max_output_tokens", "truncation", "tracing", "include"),
}  # fmt: skip
_GA_RESPONSE = {
    **_only(_GA_SESSION, "output_format", "voice"),
    **_at_top("conversation", "input", "instructions", "max_output_tokens", "metadata", "output_modalities",
              "parallel_tool_calls", "prompt", "reasoning", "tool_choice", "tools"),
}  # fmt: skip
_FLAT_SESSION = {
    "output_modalities": "modalities",
    "input_format": "input_audio_format",
    "output_format": "output_audio_format",
    "transcription": "input_audio_transcription",
    "noise_reduction": "input_audio_noise_reduction",
    "max_output_tokens": "max_response_output_tokens",
    **_at_top("turn_detection", "voice", "speed", "tool_choice", "instructions", "tools", "tracing"),
}
_FLAT_RESPONSE = {
    **_only(_FLAT_SESSION, "output_modalities", "output_format", "max_output_tokens"),
    **_at_top("voice", "tool_choice", "instructions", "tools", "conversation", "input", "metadata"),
}
_FLAT_NAMES: FormatNames = {PCM16_24K: ("pcm16",), PCMU_8K: ("g711_ulaw",)}
_GA_NAMES: FormatNames = {PCM16_24K: ("audio/pcm",), PCMU_8K: ("audio/pcmu",)}

GA = Dialect(
    name="ga",
    session=_GA_SESSION,
    response=_GA_RESPONSE,
    input_formats=_GA_NAMES,
    output_formats=_GA_NAMES,
    vad=VAD_KEYS | {"eagerness", "idle_timeout_ms"},
    transcription=frozenset({"model", "language", "languages", "prompt", "keywords", "delay"}),
    fixed={"type": "realtime"},
    is_flat=False,
    confirms_formats=True,
    has_mcp=True,
)
BETA = Dialect(
    name="beta",
    session=_FLAT_SESSION,
    response=_FLAT_RESPONSE,
    input_formats=_FLAT_NAMES,
    output_formats=_FLAT_NAMES,
    vad=VAD_KEYS | {"eagerness"},
    confirms_formats=True,
)
_XAI_NAMES: FormatNames = {**_GA_NAMES, PCM16_16K: ("audio/pcm",), PCM16_8K: ("audio/pcm",)}
XAI = replace(
    GA,
    name="xai",
    confirms_formats=False,
    session={
        **_only(_GA_SESSION, "input_format", "output_format", "speed", "instructions", "tools"),
        **_at_top("voice", "turn_detection"),
    },
    response=_only(_GA_RESPONSE, "conversation", "input", "instructions", "metadata", "tools", "tool_choice"),
    input_formats=_XAI_NAMES,
    output_formats=_XAI_NAMES,
    vad=VAD_KEYS,
    limits={"threshold": (0.1, 0.9), "speed": (0.7, 1.5)},
    fixed={},
    has_text_answers=False,
)
_CLONE_SESSION = _only(
    _FLAT_SESSION,
    "output_modalities",
    "input_format",
    "output_format",
    "turn_detection",
    "instructions",
    "tools",
)
STEPFUN = replace(
    BETA,
    name="stepfun",
    confirms_formats=False,
    session={**_CLONE_SESSION, "voice": "voice"},
    response={},
    input_formats={PCM16_24K: ("pcm16",)},
    output_formats={PCM16_24K: ("pcm16",)},
    vad=frozenset({"type", "prefix_padding_ms", "silence_duration_ms"}),
    has_text_answers=False,
)
QWEN = replace(
    BETA,
    name="qwen",
    confirms_formats=False,
    session={**_CLONE_SESSION, "voice": "voice", "transcription": "input_audio_transcription"},
    response=_only(_FLAT_RESPONSE, "output_modalities", "instructions"),
    input_formats={PCM16_16K: ("pcm", "pcm16")},
    output_formats={PCM16_24K: ("pcm", "pcm24")},
    vad=VAD_KEYS - {"prefix_padding_ms"},
    transcription=frozenset({"model"}),
    limits={"silence_duration_ms": (200, 6000)},
    nests_tools=True,
)
GLM = replace(
    BETA,
    name="glm",
    confirms_formats=False,
    session={**_CLONE_SESSION, "voice": "voice", "model": "model"},
    response={},
    input_formats={PCM16_24K: ("pcm24",), PCM16_16K: ("pcm16",)},  # the number is the rate in kHz
    output_formats={PCM16_24K: ("pcm",)},
    vad=frozenset({"type"}),
    fixed={"beta_fields": {"chat_mode": "audio", "tts_source": "e2e", "auto_search": False}},
    no_detection={"type": "client_vad"},
)
