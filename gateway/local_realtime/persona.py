"""What the embedded server answers."""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from gateway.local_realtime.conversation import Item
from gateway.local_realtime.tools import OfferedTools


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

    kind: Literal["nothing", "text", "speech", "silence", "tool"]
    """How the other side's last word came: not at all yet, typed, spoken, or as a tool's output."""
    text: str
    """The words; empty where they were only heard."""
    instructions: str
    """How the client wants the model to behave."""
    request: str = ""
    """What it wants of this very answer."""
    tools: tuple[str, ...] = ()
    """The functions that may be called, by name."""
    required_tools: tuple[str, ...] = ()
    """The functions of which one must be called; empty leaves it to the persona."""
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


class RecordedPersona:
    """Says the recorded prompts: a greeting first, then the answers in turn.

    ``texts`` are the prompts by name: ``hello``, ``text`` and ``answer_1``, ``answer_2``...
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        names = [name for name in texts if name.startswith("answer_")]
        self._answers = sorted(names, key=lambda name: (len(name), name))
        self._n_answered = 0

    def answer(self, turn: Turn) -> str:
        """Greet, acknowledge a text, or give the next answer."""
        match turn.kind:
            case "nothing":
                return self._texts["hello"]
            case "text":
                return self._texts["text"]
            case _:
                name = self._answers[self._n_answered % len(self._answers)]
                self._n_answered += 1
                return self._texts[name]


_NO_TOOLS = OfferedTools()


def turn_to_answer(
    items: Iterable[Item], instructions: str, tools: OfferedTools = _NO_TOOLS, request: str = ""
) -> Turn:
    """Find what a response to these items is about: the last thing that did not come from the model."""
    items = list(items)
    kind, text = _last_word(items)
    return Turn(
        kind,
        text,
        instructions,
        request,
        tools.names,
        tools.required,
        _tool_outputs(items),
        tuple(Said(item.role or item.state["type"], item.text()) for item in items),
    )


def _last_word(items: list[Item]) -> tuple[Literal["nothing", "text", "speech", "silence", "tool"], str]:
    for item in reversed(items):
        if item.state["type"] == "function_call_output":
            return "tool", item.text()
        if item.is_silence:
            return "silence", ""
        if item.role == "user":
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
