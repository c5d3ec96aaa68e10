"""Which of the client's tools a response may call, and which it must."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.local_realtime.errors import ClientEventError


class OfferedTool(msgspec.Struct, frozen=True):
    """A function of the client's that may be called."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = {}
    """The JSON schema of its arguments, as the client wrote it."""


class OfferedTools(msgspec.Struct, frozen=True):
    """The function tools of one response."""

    tools: tuple[OfferedTool, ...] = ()
    required: tuple[str, ...] = ()
    """One of these must be called, by name; empty leaves it to the model."""


def offered_tools(
    tools: Sequence[Mapping[str, Any]], choice: str | Mapping[str, Any], *, where: str
) -> OfferedTools:
    """Read ``tools`` and ``tool_choice`` as the wire has them; ``where`` is the object that holds them.

    Remote (MCP) tools are never called here, so choosing one offers nothing.

    Raises:
        ClientEventError: the choice demands a tool that is not there.
    """
    functions = tuple(_offered(tool) for tool in tools if tool["type"] == "function")
    names = tuple(tool.name for tool in functions)
    match choice:
        case "auto":
            return OfferedTools(functions)
        case "none":
            return OfferedTools()
        case "required" if tools:
            return OfferedTools(functions, names)
        case {"type": "function", "name": name} if name in names:
            return OfferedTools(functions, (name,))
        case {"type": "mcp", "server_label": label} if any(
            tool.get("server_label") == label for tool in tools
        ):
            return OfferedTools()
    wanted = "a tool" if choice == "required" else f"{_chosen(choice)!r}"
    raise ClientEventError(
        f"Tool choice demands {wanted}, which is not among the tools.", param=f"{where}.tool_choice"
    )


def _offered(tool: Mapping[str, Any]) -> OfferedTool:
    return OfferedTool(str(tool["name"]), tool.get("description") or "", tool.get("parameters") or {})


def _chosen(choice: str | Mapping[str, Any]) -> str:
    return choice if isinstance(choice, str) else str(choice.get("server_label", choice.get("name")))
