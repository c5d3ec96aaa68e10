"""Arguments that fit a tool's JSON schema."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.local_realtime.persona import ToolCall
from gateway.local_realtime.tools import OfferedTool

_MAX_DEPTH = 6
_MAX_LENGTH = 1000
"""Of a text or a list that a schema may make us write."""
_MISSING = object()

Value = Any
"""What JSON can hold."""
Chooser = Callable[[str, Mapping[str, Any]], Value | None]
"""Gives a value for the property of that name and schema, or None if it has none."""


def properties_of(tool: OfferedTool) -> dict[str, Mapping[str, Any]]:
    """Give the schemas of a tool's arguments by name, references resolved."""
    return _properties(tool.parameters, tool.parameters)


def required_of(tool: OfferedTool) -> list[str]:
    """Give the names of the arguments that must be there."""
    return _required(tool.parameters)


def fill(tool: OfferedTool, choose: Chooser) -> ToolCall:
    """Call a tool with its required arguments, and with those that ``choose`` has a value for.

    What it has no value for is filled from the schema: const, default, enum, example, or the plainest value of
    the type.
    """
    properties, required = properties_of(tool), required_of(tool)
    arguments = {}
    for name in [*required, *(name for name in properties if name not in required)]:
        schema = properties.get(name, {})
        value = choose(name, schema)
        fitted = _MISSING if value is None else fitting(value, schema)
        if fitted is not _MISSING:
            arguments[name] = fitted
        elif name in required:
            arguments[name] = _plainest(schema, tool.parameters, _MAX_DEPTH)
    return ToolCall(tool.name, json.dumps(arguments))


def fitting(value: Value, schema: Mapping[str, Any]) -> Value:
    """Give a value in a form that the schema allows; a marker that is no value if there is none."""
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(allowed, list):
        return next((each for each in allowed if str(each).casefold() == str(value).casefold()), _MISSING)
    for kind in types_of(schema):
        text = str(value)
        if kind == "string" and _length_fits(text, schema):
            return text
        if (
            kind in {"integer", "number"}
            and text.isascii()
            and text.isdigit()
            and _in_range(int(text), schema)
        ):
            return int(text)
    return _MISSING


def fits(value: Value, schema: Mapping[str, Any]) -> bool:
    """Say whether `fitting` has a form for it."""
    return fitting(value, schema) is not _MISSING


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """Give the types a schema allows; text, where it does not say."""
    kinds = schema.get("type", "string")
    options = schema.get("anyOf") or schema.get("oneOf")
    if "type" not in schema and isinstance(options, list):
        return [kind for option in options if isinstance(option, Mapping) for kind in types_of_option(option)]
    return [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)]


def types_of_option(schema: Mapping[str, Any]) -> list[str]:
    """Give the types of one alternative, which has none of its own alternatives."""
    kind = schema.get("type")
    plain = not schema.keys() & {"enum", "const", "minLength", "maxLength", "minimum", "maximum", "pattern"}
    return [kind] if isinstance(kind, str) and plain else []


def _length_fits(text: str, schema: Mapping[str, Any]) -> bool:
    return _whole(schema, "minLength", 0) <= len(text) <= _whole(schema, "maxLength", len(text))


def _in_range(value: int, schema: Mapping[str, Any]) -> bool:
    low, high = schema.get("minimum"), schema.get("maximum")
    return not (
        (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high)
    )


def _whole(schema: Mapping[str, Any], key: str, otherwise: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _properties(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {str(name): _resolved(each, root) for name, each in properties.items()}


def _required(schema: Mapping[str, Any]) -> list[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else []


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references inside the same schema."""
    for _ in range(_MAX_DEPTH):
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = root
        for step in reference[2:].split("/"):
            target = target.get(step) if isinstance(target, Mapping) else None
        schema = target
    return schema if isinstance(schema, Mapping) else {}


def _plainest(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Value:
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        values = schema.get(key)
        if isinstance(values, list) and values:
            return values[0]
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        if isinstance(options, list) and options and depth:
            return _plainest(_resolved(options[0], root), root, depth - 1)
    kinds = types_of(schema) if "type" in schema or not schema.get("properties") else ["object"]
    return _plainest_of_type(kinds[0] if kinds else "string", schema, root, depth)


def _plainest_of_type(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Value:
    match kind:
        case "integer" | "number":
            return _plainest_number(schema, whole=kind == "integer")
        case "boolean":
            return False
        case "null":
            return None
        case "array":
            item = _resolved(schema.get("items"), root)
            n_items = min(_whole(schema, "minItems", 0), _MAX_LENGTH) if depth else 0
            return [_plainest(item, root, depth - 1)] * min(n_items, 10)
        case "object":
            names = _required(schema) if depth else []
            properties = _properties(schema, root)
            return {name: _plainest(properties.get(name, {}), root, depth - 1) for name in names[:20]}
        case _:
            text = "unspecified"[: _whole(schema, "maxLength", _MAX_LENGTH)]
            return text.ljust(min(_whole(schema, "minLength", 0), _MAX_LENGTH), ".")


def _plainest_number(schema: Mapping[str, Any], *, whole: bool) -> float | int:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = above + 1 if isinstance(above, int | float) and not isinstance(above, bool) else low
    high = below - 1 if isinstance(below, int | float) and not isinstance(below, bool) else high
    value: float | int = 0
    if isinstance(low, int | float) and value < low:
        value = low
    if isinstance(high, int | float) and value > high:
        value = high
    return int(value) if whole else value
