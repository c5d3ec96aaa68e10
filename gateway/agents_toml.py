"""Agents and routes from TOML, read strictly: every mistake at once, with its line and a suggestion."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

import pydantic

from gateway.agent_limits import LimitsTable, PhrasesTable, TransferTarget
from gateway.agents import DEFAULT_AGENT, AgentConfig, Agents, Route, SemanticVadTable, ServerVadTable
from gateway.errors import SettingsError
from gateway.prices import Prices, price_of
from gateway.toml_lines import Place, find_lines, line_of

MAX_BYTES = 2**20
"""Of the text."""
MAX_AGENTS = 200
MAX_ROUTES = 1000
MAX_PRICES = 200
BUILT_IN_TOOLS = (
    "hang_up",
    "transfer_call",
    "send_digits",
    "pause_recording",
    "resume_recording",
    "order_status",
)
"""The tools that an agent may name."""

_MAX_MISTAKES = 50
_AGENT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DETECTIONS: Mapping[str, type[pydantic.BaseModel]] = {
    "server_vad": ServerVadTable,
    "semantic_vad": SemanticVadTable,
}
_INNER: Mapping[str | int, type[pydantic.BaseModel]] = {
    "limits": LimitsTable,
    "phrases": PhrasesTable,
    "transfers": TransferTarget,
}
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_BEGINNING = re.compile(r"^(?:Value error, )?(?:(?:Input|String|Value|Tuple) should )?(be |have |match )?")

_WORDS = {
    "missing": "is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "union_tag_invalid": 'must be "server_vad" or "semantic_vad"',
    "union_tag_not_found": 'must be "server_vad" or "semantic_vad"',
}

_Mistake = tuple[Place, str]
_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def parse_agents(data: bytes, *, name: str = "agents", tools: Collection[str] = BUILT_IN_TOOLS) -> Agents:
    """Read the bytes of a file of agents.

    Args:
        data: TOML in UTF-8, up to 1 MiB.
        name: Begins every line of a complaint, as ``name:line: key: what is wrong``.
        tools: What agents may name.

    Raises:
        SettingsError: there are mistakes, one line for each; without the line's number where it cannot be told.
    """
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{name}: is larger than {MAX_BYTES // 2**20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: is not UTF-8 text") from None
    document = _parse_toml(text, name)
    found: list[_Mistake] = []
    _check_keys(document, found)
    prices = _read_prices(document, found)
    agents = _read_agents(document, tools, found)
    if not any(place[0] == "prices" for place, _ in found):
        found += _unknown_prices(agents, prices)
    routes = _read_routes(document, found)
    if found:
        raise SettingsError("\n".join(_complaints(found, text, name)))
    return Agents(MappingProxyType(agents), routes, MappingProxyType(prices))


def _parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{name}: is not TOML that can be read: it is nested too deeply") from None
    except ValueError as exc:  # a number of thousands of digits is no TOMLDecodeError
        message = str(exc)
        at_line = _AT_LINE.search(message)
        place = f"{name}:{at_line[1]}" if at_line else name
        raise SettingsError(f"{place}: is not TOML: {_shown(_AT_LINE.sub('', message), 200)}") from None


def _check_keys(document: Mapping[str, Any], found: list[_Mistake]) -> None:
    known = ("agents", "routes", "prices")
    unknown = (key for key in document if key not in known)
    found += [((key,), _unknown("key", key, known)) for key in islice(unknown, _MAX_MISTAKES + 1)]


def _read_prices(document: Mapping[str, Any], found: list[_Mistake]) -> dict[str, Prices]:
    tables = document.get("prices", {})
    if not isinstance(tables, dict) or len(tables) > MAX_PRICES:
        found.append((("prices",), f'must be at most {MAX_PRICES} tables: [prices."MODEL"]'))
        return {}
    read = {model: _read_table(Prices, table, ("prices", model), found) for model, table in tables.items()}
    return {model: prices for model, prices in read.items() if prices is not None}


def _unknown_prices(agents: Mapping[str, AgentConfig], prices: Mapping[str, Prices]) -> Iterator[_Mistake]:
    """Find costs that cannot be watched. Which model an agent without one gets is not known here."""
    for name, agent in agents.items():
        if agent.limits.max_cost is not None and agent.model and price_of(agent.model, prices) is None:
            model = _shown(agent.model)
            message = f'the price of "{model}" is not known; tell it in [prices."{model}"]'
            yield ("agents", name, "limits", "max_cost"), message


def _read_agents(
    document: Mapping[str, Any], tools: Collection[str], found: list[_Mistake]
) -> dict[str, AgentConfig]:
    tables = document.get("agents")
    if not isinstance(tables, dict) or not tables:
        found.append((("agents",), "there must be at least one [agents.NAME]"))
        return {}
    if len(tables) > MAX_AGENTS:
        found.append((("agents",), f"there are more than {MAX_AGENTS}"))
        return {}
    if len(tables) > 1 and DEFAULT_AGENT not in tables:
        found.append(
            (("agents",), f'one of several must be named "{DEFAULT_AGENT}", for numbers without a route')
        )
    agents = {}
    for name, table in tables.items():
        if len(found) > _MAX_MISTAKES:
            break
        agent = _read_agent(name, table, tools, found)
        if agent is not None:
            agents[name] = agent
    return agents


def _read_agent(
    name: str, table: object, tools: Collection[str], found: list[_Mistake]
) -> AgentConfig | None:
    place = ("agents", name)
    if not _AGENT_NAME.fullmatch(name):
        found.append((place, "a name must be 1 to 64 letters, digits, - and _"))
    agent = _read_table(AgentConfig, table, place, found)
    unknown = [tool for tool in agent.tools if tool not in tools] if agent is not None else []
    found += [((*place, "tools"), _unknown("tool", tool, tools)) for tool in unknown]
    return agent


def _read_routes(document: Mapping[str, Any], found: list[_Mistake]) -> tuple[Route, ...]:
    tables = document.get("routes", [])
    if not isinstance(tables, list):
        found.append((("routes",), "must be an array of tables: [[routes]]"))
        return ()
    if len(tables) > MAX_ROUTES:
        found.append((("routes",), f"there are more than {MAX_ROUTES}"))
        return ()
    agents = document.get("agents")
    names = list(agents) if isinstance(agents, dict) else []
    routes: dict[str, Route] = {}
    for index, table in enumerate(tables):
        if len(found) > _MAX_MISTAKES:
            break
        place = ("routes", index)
        route = _read_table(Route, table, place, found)
        if route is None:
            continue
        if route.number in routes:
            found.append(((*place, "number"), f"there is a route for {route.number} already"))
        if route.agent not in names:
            found.append(((*place, "agent"), _unknown("agent", route.agent, names)))
        routes.setdefault(route.number, route)
    return tuple(routes.values())


def _read_table(model: type[_Model], table: object, place: Place, found: list[_Mistake]) -> _Model | None:
    if not isinstance(table, dict):
        found.append((place, "must be a table"))
        return None
    try:
        return model.model_validate(table)
    except pydantic.ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False)[: _MAX_MISTAKES + 1]:
            inner, message = _explained(model, error["loc"], error["type"], error["msg"])
            found.append(((*place, *inner), message))
        return None


def _explained(
    model: type[pydantic.BaseModel], location: Place, kind: str, message: str
) -> tuple[Place, str]:
    """Say in our words what pydantic found, and where; it puts the kind of turn detection into the place."""
    fields: Iterable[str] = model.model_fields
    if len(location) > 1 and location[0] == "turn_detection":
        fields = _DETECTIONS[str(location[1])].model_fields
        location = (location[0], *location[2:])
    elif len(location) > 1 and location[0] in _INNER:
        fields = _INNER[location[0]].model_fields
    if kind == "extra_forbidden":
        return location, _unknown("key", str(location[-1]), fields)
    if kind.startswith("union_tag"):
        location = (*location, "type")
    if kind == "tuple_type" and location == ("transfers",):
        return location, "must be an array of tables: [[agents.NAME.transfers]]"
    if kind in _WORDS:
        return location, _WORDS[kind]
    return location, _BEGINNING.sub(lambda match: f"must {match[1]}" if match[1] else "", message)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:100], list(known), 1)
    advice = f'; did you mean "{near[0]}"?' if near else ""
    return f"unknown key{advice}" if what == "key" else f'there is no {what} "{_shown(name)}"{advice}'


def _complaints(found: list[_Mistake], text: str, name: str) -> Iterator[str]:
    lines = find_lines(text)
    located = [(line_of(lines, place), place, message) for place, message in found]
    located.sort(key=lambda mistake: mistake[0] or 0)
    for line, place, message in located[:_MAX_MISTAKES]:
        yield f"{name}{f':{line}' if line else ''}: {_dotted(place)}: {message}"
    if len(located) > _MAX_MISTAKES:
        yield f"{name}: and more"


def _dotted(place: Place) -> str:
    """Write a place as one writes it in TOML; routes are counted from 1."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{_shown(part)}" for part in place]
    return "".join(parts).removeprefix(".")


def _shown(text: str, limit: int = 60) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
