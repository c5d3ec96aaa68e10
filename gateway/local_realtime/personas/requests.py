"""What an order desk does with a request for one very answer, and with notes of the system."""

import itertools

import msgspec

from gateway.local_realtime.persona import Answer, Said, ToolOutput, Turn
from gateway.local_realtime.personas import phrases
from gateway.local_realtime.personas.calls import say_goodbye
from gateway.local_realtime.personas.facts import MAX_REQUEST, quoted_request
from gateway.local_realtime.personas.replies import greeting, reply
from gateway.local_realtime.personas.scene import Scene, read_scene
from gateway.local_realtime.personas.words import joined, words_of

_SHORT = 200
"""Characters of a request that is about one thing; a longer one is a way to behave."""
_SAME = 0.6
"""Part of a cut message that must come out again for the rest to be its rest."""
_KINDS = ("text", "tool")


def respond(scene: Scene) -> Answer:
    """Answer a turn: as it was requested, where that is understood, or as usual."""
    if scene.request:
        answer = _requested(scene)
        if answer is not None:
            return answer
    return reply(scene)


def _requested(scene: Scene) -> Answer | None:
    literal = quoted_request(scene.request)
    if literal:
        return Answer(literal)
    said = joined(words_of(scene.request[:MAX_REQUEST]))
    if " connection was lost " in said or " connection lost " in said:
        is_cut = " go on " in said or " continue " in said
        return _rest(scene) if is_cut else Answer(phrases.LINE_WAS_BAD)
    return _short_request(scene, said) if len(scene.request) <= _SHORT else None


def _short_request(scene: Scene, said: str) -> Answer | None:
    does_ask = " ask " in said
    if " greet " in said or " welcome the " in said or " say hello " in said:
        return Answer(greeting(scene))
    if " goodbye " in said or " hang up " in said:
        return say_goodbye(scene)
    if " anything else " in said:
        return Answer(phrases.ANYTHING_ELSE[0])
    if does_ask and " order number " in said:
        return Answer(phrases.WHAT_NUMBER)
    is_repetition = " repeat " in said or " again " in said
    text = phrases.NOT_CAUGHT[0] if does_ask else scene.past.last_said
    return Answer(text) if is_repetition and text else None


def _rest(scene: Scene) -> Answer:
    """Go on where the last message was cut: answer once more what it answered, and leave out what was heard."""
    history = list(scene.turn.history)
    while history and history[-1].by == "system":
        history.pop()
    heard = " ".join(history.pop().text.split()) if history and history[-1].by == "assistant" else ""
    before = _turn_before(scene.turn, tuple(history))
    whole = reply(read_scene(before, "", scene.guide))
    n_same = _n_same(whole.text, heard)
    if n_same < _SAME * len(heard):
        return whole
    if n_same < len(heard):  # another variant of the last sentence
        n_same = whole.text.rfind(" ", 0, n_same + 1) + 1
    rest = whole.text[n_same:].strip()
    return Answer(rest or phrases.ANYTHING_ELSE[0], whole.calls)


def _n_same(one: str, other: str) -> int:
    """Count the characters at the beginning that are the same."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _turn_before(turn: Turn, history: tuple[Said, ...]) -> Turn:
    """Make up the turn that a message answered."""
    outputs: list[ToolOutput] = []
    for said in reversed(history):
        if said.by == "function_call_output":
            outputs.insert(0, ToolOutput("", "", said.text))
        elif said.by not in {"function_call", "system"}:
            break
    last = next((said for said in reversed(history) if said.by in {"user", "function_call_output"}), None)
    if last is None:
        return msgspec.structs.replace(turn, kind="nothing", text="", history=history)
    kind = _KINDS[last.by == "function_call_output"]
    return msgspec.structs.replace(
        turn, kind=kind, text=last.text, history=history, tool_outputs=tuple(outputs)
    )
