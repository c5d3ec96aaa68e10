"""The tool calls an order desk makes."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.local_realtime.persona import Answer, ToolCall
from gateway.local_realtime.personas import phrases
from gateway.local_realtime.personas.phrases import varied
from gateway.local_realtime.personas.scene import Scene
from gateway.local_realtime.personas.schema_values import fill, fits, properties_of, required_of, types_of
from gateway.local_realtime.personas.spoken_numbers import spoken_number
from gateway.local_realtime.personas.tool_roles import asked_for, number_property
from gateway.local_realtime.personas.words import identifier_words, joined, read_out, words_of
from gateway.local_realtime.tools import OfferedTool

_REASON = frozenset(words_of("reason summary message note notes context explanation description"))
_PLACE = frozenset(words_of("destination target department queue extension team to"))
_NUMBER = frozenset(words_of("number id code no"))
_CAPITALISED = r"([A-Z][\w'-]{0,40}(?:[ ]+[A-Z][\w'-]{0,40}){0,3})"
_NAMED = re.compile(rf"\b(?:in|for|at|of|to|near|from|about|on|with)[ ]+{_CAPITALISED}")
_INSIDE = re.compile(rf"(?<=[a-z,][ ]){_CAPITALISED}")
_I = re.compile(r"I(?:'\w+)?\Z")


def look_up(scene: Scene, digits: str) -> Answer:
    """Look an order up, reading its number back."""
    tool = scene.lookup
    if tool is None:
        return Answer(phrases.CANNOT_LOOK_UP)
    call = _lookup_call(scene, tool, digits)
    if scene.past.is_pending and same_arguments(call.arguments, scene.past.last_arguments):
        return Answer(phrases.STILL_LOOKING)
    return Answer(f"Order {read_out(digits)}. {varied(phrases.ONE_MOMENT, scene.past.n_said)}", (call,))


def put_through(scene: Scene) -> Answer:
    """Put the caller through to a person, or say that it cannot be done."""
    if scene.transfer is None:
        return Answer(phrases.CANNOT_TRANSFER)
    return Answer(
        phrases.PUT_THROUGH, (_plain_call(scene.transfer, "The caller asked to speak to a person."),)
    )


def say_goodbye(scene: Scene, words: str = "") -> Answer:
    """Say goodbye and hang up, if there is a tool for it."""
    words = words or varied(phrases.GOODBYE, scene.past.n_said)
    calls = (_plain_call(scene.hang_up, "The conversation is over."),) if scene.hang_up else ()
    return Answer(words, calls)


def call_asked_for(scene: Scene) -> Answer | None:
    """Call another tool that the caller clearly asks for, if its arguments were said."""
    others = [each for each in scene.turn.tools if each not in (scene.lookup, scene.transfer, scene.hang_up)]
    tool = asked_for(others, scene.words)
    if tool is None:
        return None
    values = dict(_spoken_values(scene, tool))
    schemas = properties_of(tool)
    for name in required_of(tool):
        if name not in values and not schemas.get(name, {}).keys() & {"const", "default"}:
            return None
    call = fill(tool, lambda name, _: values.get(name))
    return Answer(varied(phrases.ONE_MOMENT, scene.past.n_said), (call,))


def with_required_call(scene: Scene, answer: Answer) -> Answer:
    """Make an answer call one of the tools that must be called, if there are any.

    A call is not made again right after its output, even if it must: a client that demands a call for every
    response would go round in circles.
    """
    required = [tool for tool in scene.turn.tools if tool.name in scene.turn.required_tools]
    kept = tuple(call for call in answer.calls if call.name in scene.turn.required_tools)
    if not required or kept:
        return Answer(answer.text, kept, answer.delay) if required else answer
    wanted = asked_for(required, scene.words)
    for tool in sorted(required, key=lambda tool: tool is not wanted):
        call = _required_call(scene, tool)
        if not _was_just_made(scene, call):
            return Answer(answer.text, (call,), answer.delay)
    return Answer(answer.text, (), answer.delay)


def same_arguments(one: str, other: str) -> bool:
    """Compare two calls' arguments as JSON."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return one == other


def _was_just_made(scene: Scene, call: ToolCall) -> bool:
    if scene.turn.kind != "tool":
        return False
    names = {output.name for output in scene.turn.tool_outputs}
    return call.name in names and same_arguments(call.arguments, scene.past.last_arguments)


def _required_call(scene: Scene, tool: OfferedTool) -> ToolCall:
    number = scene.number()
    if tool is scene.lookup:
        digits = number.digits if number else scene.past.last_number
        return _lookup_call(scene, tool, digits)
    values = dict(_spoken_values(scene, tool))
    plain = _plain_values(tool, "The client demands this call.")
    return fill(tool, lambda name, _: values.get(name, plain.get(name)))


def _lookup_call(scene: Scene, tool: OfferedTool, digits: str) -> ToolCall:
    name = number_property(tool)
    values = dict(_spoken_values(scene, tool))
    if name and digits:
        values[name] = digits
    return fill(tool, lambda each, _: values.get(each))


def _plain_call(tool: OfferedTool, reason: str) -> ToolCall:
    values = _plain_values(tool, reason)
    return fill(tool, lambda name, _: values.get(name))


def _plain_values(tool: OfferedTool, reason: str) -> dict[str, Any]:
    """Give values for a reason, and for a place that must be named."""
    values: dict[str, Any] = {}
    required = required_of(tool)
    for name, schema in properties_of(tool).items():
        words = set(identifier_words(name))
        if schema.keys() & {"const", "default"}:
            continue
        if words & _REASON:
            values[name] = reason
        elif words & _PLACE and name in required:
            values[name] = "operator"
    return values


def _spoken_values(scene: Scene, tool: OfferedTool) -> Iterator[tuple[str, Any]]:
    """Find values for a tool's arguments among the caller's words: choices, numbers, names."""
    if not scene.words:
        return
    names = _names(scene.turn.text)
    number = spoken_number(scene.words, wanted=scene.number_length)
    for name, schema in properties_of(tool).items():
        if isinstance(schema.get("enum"), list):
            value = _said_choice(schema, scene.words)
        elif set(types_of(schema)) & {"integer", "number"} or set(identifier_words(name)) & _NUMBER:
            value = number.digits if number else None
        elif "string" in types_of(schema):
            value = next((each for each in names if fits(each, schema)), None)
            names = [each for each in names if each != value]
        else:
            value = None
        if value is not None:
            yield name, value


def _said_choice(schema: Mapping[str, Any], words: tuple[str, ...]) -> str | None:
    said = joined(words)
    choices = (each for each in schema["enum"] if isinstance(each, str) and each)
    return next((each for each in choices if joined(identifier_words(each)) in said and words_of(each)), None)


def _names(text: str) -> list[str]:
    """Find capitalised words inside a sentence, those after a preposition first."""
    found = [*_NAMED.findall(text[:2000]), *_INSIDE.findall(text[:2000])]
    return [name for name in dict.fromkeys(found) if not _I.match(name)][:20]
