"""What the embedded server answers."""

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from gateway.local_realtime.conversation import Item


class Turn(msgspec.Struct, frozen=True):
    """What is to be answered."""

    kind: Literal["nothing", "text", "speech", "tool"]
    """How the other side's last word came: not at all yet, typed, spoken, or as a tool's output."""
    text: str
    """The words; empty where they were only heard."""
    instructions: str
    """How the client wants the model to behave."""


class Persona(Protocol):
    """Decides what to say. One instance per session."""

    def answer(self, turn: Turn) -> str:
        """Give the text of the answer."""


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


def turn_to_answer(items: Iterable[Item], instructions: str) -> Turn:
    """Find what a response to these items is about: the last thing that did not come from the model."""
    turn = Turn("nothing", "", instructions)
    for item in items:
        if item.state["type"] == "function_call_output":
            turn = Turn("tool", item.text(), instructions)
        elif item.role == "user":
            spoken = any(part["type"] == "input_audio" for part in item.state["content"])
            turn = Turn("speech" if spoken else "text", item.text(), instructions)
    return turn
