"""What the embedded server answers."""

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from gateway.local_realtime.conversation import Item
from gateway.local_realtime.tools import OfferedTool, OfferedTools

TurnKind = Literal["nothing", "text", "speech", "silence", "tool"]
"""``silence``: the idle timeout ran out."""


class ToolOutput(msgspec.Struct, frozen=True):
    """What a tool of the client's answered."""

    call_id: str
    name: str
    """The tool's; empty where the conversation does not hold the call."""
    output: str


class Said(msgspec.Struct, frozen=True):
    """One item of the conversation."""

    by: str
    """The role of a message (``user``, ``assistant``, ``system``), or the type of what is no message."""
    text: str
    """Its words, the call's arguments or the tool's output; empty where speech was only heard."""


class Turn(msgspec.Struct, frozen=True):
    """What is to be answered."""

    kind: TurnKind
    """How the other side's last word came: not at all yet, typed, spoken, as a tool's output, or not in time."""
    text: str
    """The words; empty where speech was not understood."""
    instructions: str
    """How the client wants the model to behave, in the whole session."""
    request: str = ""
    """What the client wants of this very answer; a model would obey."""
    tools: tuple[OfferedTool, ...] = ()
    """The functions that may be called."""
    required_tools: tuple[str, ...] = ()
    """The functions of which one must be called, by name; empty leaves it to the persona."""
    tool_outputs: tuple[ToolOutput, ...] = ()
    """All outputs since the model's last message."""
    history: tuple[Said, ...] = ()
    """The whole conversation, restored items included, oldest first."""


class ToolCall(msgspec.Struct, frozen=True):
    """A wish to have a tool called; passed on as it is, for a model may also get it wrong."""

    name: str
    arguments: str
    """JSON text."""


class Answer(msgspec.Struct, frozen=True):
    """Words, then calls; either may be missing."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    delay: float | None = None
    """Seconds from the response's creation to its first delta; None leaves it to the server's pace."""


class Persona(Protocol):
    """Decides what to say and which tools to call. One instance per session."""

    def answer(self, turn: Turn) -> Answer | str:
        """Give the answer; a string is one of words alone."""


_NO_TOOLS = OfferedTools()


def turn_to_answer(
    items: Iterable[Item], instructions: str, tools: OfferedTools = _NO_TOOLS, request: str = ""
) -> Turn:
    """Find what a response to these items is about: the last thing that did not come from the model."""
    items = list(items)
    kind, text = _last_word(items)
    return Turn(
        kind=kind,
        text=text,
        instructions=instructions,
        request=request,
        tools=tools.tools,
        required_tools=tools.required,
        tool_outputs=_tool_outputs(items),
        history=tuple(Said(item.role or item.state["type"], item.text()) for item in items),
    )


def _last_word(items: list[Item]) -> tuple[TurnKind, str]:
    for item in reversed(items):
        if item.state["type"] == "function_call_output":
            return "tool", item.text()
        if item.role == "user":
            if item.is_silence:
                return "silence", ""
            spoken = any(part["type"] == "input_audio" for part in item.state["content"])
            return "speech" if spoken else "text", item.text()
    return "nothing", ""


def _tool_outputs(items: list[Item]) -> tuple[ToolOutput, ...]:
    names: dict[str | None, str] = {}
    outputs: list[ToolOutput] = []
    for item in items:
        state = item.state
        if item.role == "assistant":
            outputs.clear()
        elif state["type"] == "function_call":
            names[state["call_id"]] = state["name"]
        elif state["type"] == "function_call_output":
            call_id = state["call_id"]
            outputs.append(ToolOutput(call_id, names.get(call_id, ""), state["output"]))
    return tuple(outputs)
