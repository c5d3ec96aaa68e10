"""Random session settings, of every kind a GA server understands, and the providers they go to."""

from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from gateway.realtime import Provider, SessionConfig, provider_named
from gateway.realtime.known_providers import PROVIDER_NAMES
from gateway.realtime.session_fields import (
    ChosenFunction,
    ChosenMcp,
    CustomVoice,
    NoiseReduction,
    Reasoning,
    RetentionRatio,
    SemanticVad,
    ServerVad,
    TokenLimits,
    Tracing,
    Transcription,
)
from gateway.settings import AZURE

KEY = "sk-canary"
NAMES = sorted(PROVIDER_NAMES)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.text("abcdefgh_", min_size=1, max_size=8)
SCHEMAS = st.dictionaries(
    WORDS, st.recursive(TEXT | st.integers(0, 9), lambda inner: st.lists(inner, max_size=2))
)
FUNCTIONS = st.fixed_dictionaries(
    {"type": st.just("function"), "name": WORDS}, optional={"description": TEXT, "parameters": SCHEMAS}
)
MCP_TOOLS = st.fixed_dictionaries(
    {"type": st.just("mcp"), "server_label": WORDS, "server_url": st.just("https://tools.example.com")},
    optional={
        "allowed_tools": st.lists(WORDS, max_size=2),
        "require_approval": st.sampled_from(["always", "never"]),
    },
)


def known(name: str, **options: Any) -> Provider:
    """A provider as an operator with a key would have it."""
    if name in AZURE:
        options = {"url": "https://r.openai.azure.com", "model": "my deployment", **options}
    return provider_named(name, api_key=KEY, **options)


def or_unset(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return values | st.just(UNSET)


FRACTIONS = st.floats(0, 1)
VADS = st.builds(
    ServerVad,
    FRACTIONS,
    st.integers(0, 1000),
    st.integers(200, 6000),
    st.booleans(),
    st.booleans(),
    or_unset(st.integers(5_000, 30_000)),
) | st.builds(SemanticVad, st.sampled_from(["low", "medium", "high", "auto"]), st.booleans(), st.booleans())
TRANSCRIPTIONS = st.builds(
    Transcription,
    or_unset(TEXT),
    or_unset(st.just("en")),
    or_unset(st.just(("en", "fr"))),
    or_unset(TEXT),
    or_unset(st.lists(TEXT, max_size=2).map(tuple)),
    or_unset(st.sampled_from(["minimal", "xhigh"])),
)
TOOLS = st.lists(
    FUNCTIONS | MCP_TOOLS,
    max_size=3,
    unique_by=lambda tool: (tool["type"], tool.get("name", tool.get("server_label"))),
).map(tuple)
CONFIGS = st.builds(
    SessionConfig,
    instructions=TEXT,
    voice=st.none() | TEXT | st.builds(CustomVoice, TEXT),
    output_modalities=st.sampled_from([("audio",), ("text",)]),
    turn_detection=st.none() | VADS,
    transcription=or_unset(st.none() | TRANSCRIPTIONS),
    noise_reduction=st.none() | st.builds(NoiseReduction, st.just("far_field"), or_unset(FRACTIONS)),
    speed=or_unset(st.floats(0.25, 1.5)),
    tools=TOOLS,
    tool_choice=or_unset(
        st.sampled_from(["auto", "none", "required"])
        | st.builds(ChosenFunction, WORDS)
        | st.builds(ChosenMcp, WORDS, or_unset(WORDS))
    ),
    parallel_tool_calls=or_unset(st.booleans()),
    reasoning=or_unset(st.builds(Reasoning, st.sampled_from(["minimal", "low", "xhigh"]))),
    max_output_tokens=or_unset(st.integers(1, 4096) | st.just("inf")),
    truncation=or_unset(
        st.sampled_from(["auto", "disabled"])
        | st.builds(RetentionRatio, FRACTIONS, or_unset(st.builds(TokenLimits, st.integers(0, 30_000))))
    ),
    tracing=or_unset(
        st.none() | st.just("auto") | st.builds(Tracing, or_unset(TEXT), metadata=or_unset(SCHEMAS))
    ),
    include=or_unset(st.just(("item.input_audio_transcription.logprobs",))),
)
