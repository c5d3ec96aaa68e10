from typing import Any

import pytest

from gateway.errors import LocalProtocolError
from gateway.realtime import (
    NoiseReduction,
    Provider,
    Reasoning,
    SemanticVad,
    ServerVad,
    SessionConfig,
    Transcription,
    changed,
)

FUNCTION = {
    "type": "function",
    "name": "hang_up",
    "description": "Ends the call.",
    "parameters": {"type": "object"},
}
MCP = {
    "type": "mcp",
    "server_label": "crm",
    "server_url": "https://crm.example.com",
    "require_approval": "never",
}


def refusal(**changes: object) -> str:
    """The one line that says why these settings are refused."""
    with pytest.raises(LocalProtocolError) as caught:
        changed(SessionConfig(), **changes)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"temperature": 0.8}, "temperature: "),
        ({"voice": 3}, "voice: "),
        ({"output_modalities": ("audio", "text")}, "output_modalities: "),
        ({"output_modalities": ()}, "output_modalities: "),
        ({"output_modalities": ("video",)}, "output_modalities[0]: "),
        ({"turn_detection": {"type": "client_vad"}}, "turn_detection.type: "),
        ({"turn_detection": {"type": "server_vad", "threshold": 1.01}}, "turn_detection.threshold: "),
        (
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 4999}},
            "turn_detection.idle_timeout_ms: ",
        ),
        ({"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}, "turn_detection: "),
        ({"transcription": {"model": 1}}, "transcription.model: "),
        ({"noise_reduction": {"type": "loud"}}, "noise_reduction.type: "),
        ({"speed": 1.6}, "speed: "),
        ({"speed": float("nan")}, "speed: "),
        ({"tool_choice": "maybe"}, "tool_choice: "),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice: "),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls: "),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort: "),
        ({"max_output_tokens": 0}, "max_output_tokens: "),
        ({"max_output_tokens": "some"}, "max_output_tokens: "),
        ({"truncation": {"type": "retention_ratio", "retention_ratio": 2}}, "truncation.retention_ratio: "),
        ({"tracing": {"name": "x"}}, "tracing: "),
        ({"include": ("everything",)}, "include[0]: "),
        ({"instructions": "\ud800\n"}, "instructions: "),
        ({"tools": ({"name": object()},)}, "tools: "),
    ],
)
def test_setting_that_would_lose_the_update_is_refused_with_its_name(
    changes: dict[str, object], start: str
) -> None:
    assert refusal(**changes).startswith(start)


def test_nested_value_is_checked_when_it_is_made() -> None:
    with pytest.raises(LocalProtocolError, match="threshold: "):
        ServerVad(threshold=-0.1)


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({"type": "web_search", "name": "x"}, "function or mcp"),
        ({"type": "function"}, "needs a name"),
        ({"type": "function", "name": ""}, "needs a name"),
        ({"type": "mcp", "name": "x"}, "needs a server_label"),
        ({"name": "x", "strict": True}, "unknown key: strict"),
    ],
)
def test_tool_that_lacks_what_it_needs_is_refused(tool: dict[str, Any], words: str) -> None:
    assert words in refusal(tools=(tool,))


def test_tool_defined_twice_is_refused_by_name_wherever_the_definitions_stand() -> None:
    provider = Provider("wss://model.example.com", "m")
    config = SessionConfig(tools=(FUNCTION,))

    assert refusal(tools=(FUNCTION, {"name": "hang_up"})) == 'Tool "hang_up" has already been defined'
    with pytest.raises(LocalProtocolError, match=r'^Tool "hang_up" has already been defined$'):
        provider.session(config, tools=[FUNCTION])


def test_functions_and_mcp_servers_keep_their_type_and_order() -> None:
    provider = Provider("wss://model.example.com", "m")

    session = provider.session(SessionConfig(tools=(MCP,)), tools=[{"name": "hang_up"}])

    assert session["tools"] == [MCP, {"type": "function", "name": "hang_up"}]


def test_values_may_be_given_as_the_protocols_own_dicts() -> None:
    config = changed(
        SessionConfig(),
        turn_detection={"type": "semantic_vad", "eagerness": "low"},
        transcription={"model": "gpt-transcribe", "languages": ["en", "fr"]},
        noise_reduction={"type": "far_field"},
        reasoning={"effort": "low"},
    )

    assert config.turn_detection == SemanticVad("low")
    assert config.transcription == Transcription("gpt-transcribe", languages=("en", "fr"))
    assert config.noise_reduction == NoiseReduction("far_field")
    assert config.reasoning == Reasoning("low")


def test_change_leaves_the_settings_it_came_from_alone() -> None:
    config = SessionConfig(speed=1.5)

    assert changed(config, turn_detection=None, instructions="").turn_detection is None
    assert config == SessionConfig(speed=1.5)


def test_nothing_given_to_a_session_or_taken_from_it_changes_its_settings() -> None:
    tool: dict[str, Any] = {"type": "function", "name": "a", "parameters": {"type": "object"}}
    config = SessionConfig(tools=(tool,))
    provider = Provider("wss://model.example.com", "m")
    before = provider.session(config)

    tool["parameters"]["type"] = "changed"
    taken = provider.session(config)
    taken["tools"][0]["parameters"]["type"] = "changed"
    taken["audio"]["input"]["turn_detection"]["threshold"] = 0.0

    assert provider.session(config) == before
    assert before["tools"][0]["parameters"] == {"type": "object"}
