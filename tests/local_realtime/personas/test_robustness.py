"""Whatever comes, the order desk answers, in time, and calls what it was offered."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local_realtime import Answer, OrderDesk, Said, ToolOutput, Turn
from gateway.local_realtime.persona import TurnKind
from gateway.local_realtime.tools import OfferedTool
from gateway.realtime.resumption import ANSWER_WAS_CUT
from tests.local_realtime.personas.phone import TOOLS

LONG = 100_000
SPOKEN = st.lists(
    st.sampled_from(
        [
            "four",
            "seven",
            "won",
            "to",
            "for",
            "double",
            "47",
            "4712",
            "#",
            "hundred",
            "thousand",
            "order",
            "status",
            "my",
            "it",
            "no",
            "yes",
            "not",
            "thanks",
            "goodbye",
            "human",
            "again",
            "open",
            "when",
            "Paris",
            "weather",
            "get",
            "cancel",
            "not",
            "found",
            "stop",
            "so",
            "far",
            "I",
            "have",
            "4",
            "7",
            "please",
            "number",
            "?",
        ]
    )
).map(" ".join)
TEXT = st.one_of(
    SPOKEN, st.text(max_size=60), st.just(ANSWER_WAS_CUT), st.just("I have 4 7 so far. Please go on.")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
OUTPUT = st.one_of(
    TEXT, JSON.map(json.dumps), st.sampled_from(['{"status": "shipped"}', '{"found": false}', "[[["])
)
KEYWORDS = [
    "type",
    "enum",
    "const",
    "default",
    "anyOf",
    "required",
    "properties",
    "items",
    "minLength",
    "maximum",
    "$ref",
    "minItems",
]
PROPERTY = st.one_of(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"enum": ["a", "4712"]}, {"$ref": "#"}]),
    st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=4),
)
NAME = st.sampled_from(["order_number", "city", "reason", "destination", "x"])
PARAMETERS = st.one_of(
    st.fixed_dictionaries(
        {"properties": st.dictionaries(NAME, PROPERTY, max_size=3), "required": st.lists(NAME, max_size=3)}
    ),
    st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=4),
)
TOOL_NAMES = st.sampled_from(
    ["order_status", "track", "transfer_call", "hang_up", "get_weather", "cancel_order", "x"]
)
OFFERED = st.lists(
    st.builds(OfferedTool, TOOL_NAMES, TEXT, PARAMETERS), max_size=4, unique_by=lambda tool: tool.name
)
ROLES = st.sampled_from(["user", "assistant", "system", "function_call", "function_call_output", "mcp_call"])
HISTORY = st.lists(st.builds(Said, ROLES, st.one_of(TEXT, OUTPUT)), max_size=12).map(tuple)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    tools = tuple(draw(OFFERED))
    names = [tool.name for tool in tools]
    required = draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
    kinds: list[TurnKind] = ["nothing", "text", "speech", "silence", "tool"]
    return Turn(
        kind=draw(st.sampled_from(kinds)),
        text=draw(TEXT),
        instructions=draw(TEXT),
        request=draw(st.just("") | TEXT),
        tools=tools,
        required_tools=tuple(required),
        tool_outputs=tuple(
            draw(st.lists(st.builds(ToolOutput, st.just("c"), TOOL_NAMES, OUTPUT), max_size=3))
        ),
        history=draw(HISTORY),
    )


def check_calls(turn: Turn, answer: Answer) -> None:
    tools = {tool.name: tool for tool in turn.tools}
    for call in answer.calls:
        arguments: Any = json.loads(call.arguments)
        assert isinstance(arguments, dict)
        required = tools[call.name].parameters.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        assert set(names) <= arguments.keys()
        assert "NaN" not in call.arguments
    if turn.required_tools:
        assert {call.name for call in answer.calls} <= set(turn.required_tools)
        assert answer.calls or turn.kind == "tool"


@given(st.lists(turns(), min_size=1, max_size=3))
def test_any_turn_is_answered_with_offered_calls_and_valid_arguments(said: list[Turn]) -> None:
    desk = OrderDesk()
    for turn in said:
        check_calls(turn, desk.answer(turn))


@given(turns())
def test_the_same_turn_has_the_same_answer(turn: Turn) -> None:
    assert OrderDesk().answer(turn) == OrderDesk().answer(turn)


def best_of(turn: Turn, n: int = 5) -> float:
    """Seconds of the quickest of some answers, all but the first with the instructions known."""
    desk = OrderDesk()
    took = []
    for _ in range(n + 1):
        started = time.perf_counter()
        desk.answer(turn)
        took.append(time.perf_counter() - started)
    return min(took)


def test_an_answer_with_a_long_history_takes_less_than_a_millisecond() -> None:
    history = (
        Said("assistant", "Is there anything else?"),
        Said("user", "What about order four seven one three?"),
        Said("assistant", "Order 4 7 1 3. One moment, please."),
        Said("function_call", '{"order_number": "4713"}'),
        Said("function_call_output", '{"order_number": "4713", "status": "shipped", "carrier": "DHL"}'),
    ) * 40
    turn = Turn("speech", "And what about order number five oh two oh?", "", tools=TOOLS, history=history)
    assert best_of(turn, 20) < 0.001


@pytest.mark.parametrize(
    "piece",
    ["four to ", "a", "1", "say ", 'say "', "A ", "You are the ", "Topic: x\n", "if say ", "in A", "double ", "'", "[", " ", "I have 4 "],
)  # fmt: skip
def test_endless_text_is_no_trouble(piece: str) -> None:
    text = piece * (LONG // len(piece))
    history = tuple(Said(by, text) for by in ("user", "assistant", "function_call", "function_call_output"))
    for kind in ("speech", "tool", "nothing"):
        turn = Turn(kind, text, text, text, TOOLS, (), (ToolOutput("c", "order_status", text),), history)
        started = time.perf_counter()
        OrderDesk().answer(turn)
        assert time.perf_counter() - started < 0.5
