"""Tools as a session names them: functions of ours, and remote MCP servers that the provider calls itself."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.errors import LocalProtocolError

_FUNCTION_KEYS = frozenset({"type", "name", "description", "parameters"})


def check_tools(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return deep copies of the definitions, in order; one without a type is a function.

    Raises:
        LocalProtocolError: one lacks what it needs, or its name is taken.
    """
    checked: dict[tuple[str, str], dict[str, Any]] = {}
    for tool in tools:
        definition = {"type": "function", **copy.deepcopy(dict(tool))}
        name = _name(definition)
        if (definition["type"], name) in checked:
            raise LocalProtocolError(f'Tool "{name}" has already been defined')
        checked[definition["type"], name] = definition
    return list(checked.values())


def _name(definition: Mapping[str, Any]) -> str:
    """Check one definition; return what tells it from others of its type."""
    kind = definition["type"]
    if kind not in ("function", "mcp"):
        raise LocalProtocolError(f"tools: the type must be function or mcp, not {kind!r}")
    key = "name" if kind == "function" else "server_label"
    name = definition.get(key)
    if not isinstance(name, str) or not name:
        raise LocalProtocolError(f"tools: a {kind} tool needs a {key}")
    if kind == "function" and (unknown := sorted(set(definition) - _FUNCTION_KEYS)):
        raise LocalProtocolError(f'tools: "{name}" has an unknown key: {unknown[0]}')
    return name
