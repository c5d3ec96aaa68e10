"""Which of the client's tools a response may call, and which it must."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.local_realtime.errors import ClientEventError


class OfferedTools(msgspec.Struct, frozen=True):
    """The function tools of one response, by name."""

    names: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    """One of these must be called; empty leaves it to the model."""


def offered_tools(
    tools: Sequence[Mapping[str, Any]], choice: str | Mapping[str, Any], *, where: str
) -> OfferedTools:
    """Read ``tools`` and ``tool_choice`` as the wire has them; ``where`` is the object that holds them.

    Remote (MCP) tools are never called here, so choosing one offers nothing.

    Raises:
        ClientEventError: the choice demands a tool that is not there.
    """
    functions = tuple(str(tool["name"]) for tool in tools if tool["type"] == "function")
    match choice:
        case "auto":
            return OfferedTools(functions)
        case "none":
            return OfferedTools()
        case "required" if tools:
            return OfferedTools(functions, functions)
        case {"type": "function", "name": name} if name in functions:
            return OfferedTools(functions, (name,))
        case {"type": "mcp", "server_label": label} if any(
            tool.get("server_label") == label for tool in tools
        ):
            return OfferedTools()
    wanted = "a tool" if choice == "required" else f"{_chosen(choice)!r}"
    raise ClientEventError(
        f"Tool choice demands {wanted}, which is not among the tools.", param=f"{where}.tool_choice"
    )


def _chosen(choice: str | Mapping[str, Any]) -> str:
    return choice if isinstance(choice, str) else str(choice.get("server_label", choice.get("name")))
