"""The file of a scripted persona: TOML, read strictly.

``loop = true`` at the top starts the script again at its end. Each ``[[turn]]`` has

- ``says``: the words; may be empty.
- ``calls``: ``[{name = "...", arguments = {...}}]``, tools to call after the words.
- ``delay``: seconds from the response's creation to its first delta.
- ``hears``: a regular expression, upper and lower case alike, for what was said before.
- ``repeat = true``: a turn with ``hears`` that is not used up.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import SettingsError
from gateway.local_realtime.persona import Answer, ToolCall

MAX_BYTES = 2**20
"""Of a script."""
MAX_DELAY = 600.0
"""Seconds."""


class ScriptTurn(msgspec.Struct, frozen=True):
    """One ``[[turn]]``."""

    answer: Answer
    hears: re.Pattern[str] | None = None
    """What must have been said for this turn; None takes any word, in the order of the script."""
    repeats: bool = False


class Script(msgspec.Struct, frozen=True):
    """A whole script; may be shared by many sessions."""

    turns: tuple[ScriptTurn, ...]
    loops: bool = False


def read_script(path: Path) -> Script:
    """Read a script of up to 1 MiB.

    Raises:
        SettingsError: it cannot be read or has mistakes, one line for each.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SettingsError(f"{path}: is larger than {MAX_BYTES // 2**20} MiB")
        return parse_script(data.decode(), name=str(path))
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path}: is not UTF-8 text") from exc


def parse_script(text: str, *, name: str = "script") -> Script:
    """Read the text of a script; ``name`` begins every line of a complaint.

    Raises:
        SettingsError: it has mistakes, one line for each.
    """
    if len(text) > MAX_BYTES:
        raise SettingsError(f"{name}: is larger than {MAX_BYTES // 2**20} MiB")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise SettingsError(f"{name}: is not TOML: {exc}") from exc
    mistakes = list(_mistakes(document))
    if mistakes:
        raise SettingsError("\n".join(f"{name}: {mistake}" for mistake in mistakes))
    return Script(tuple(map(_turn, document["turn"])), document.get("loop", False))


def _turn(table: Mapping[str, Any]) -> ScriptTurn:
    calls = tuple(
        ToolCall(call["name"], json.dumps(call.get("arguments", {}), ensure_ascii=False))
        for call in table.get("calls", ())
    )
    delay = table.get("delay")
    hears = table.get("hears")
    return ScriptTurn(
        Answer(table.get("says", ""), calls, None if delay is None else float(delay)),
        None if hears is None else re.compile(hears, re.IGNORECASE),
        table.get("repeat", False),
    )


def _mistakes(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_keys(document, ("loop", "turn"))
    if not isinstance(document.get("loop", False), bool):
        yield "loop must be true or false"
    turns = document.get("turn")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        yield "there must be at least one [[turn]]"
        return
    for number, turn in enumerate(turns, 1):
        yield from (f"turn {number}: {mistake}" for mistake in _turn_mistakes(turn))


def _turn_mistakes(turn: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown_keys(turn, ("says", "calls", "delay", "hears", "repeat"))
    if not turn.keys() & {"says", "calls"}:
        yield 'has neither "says" nor "calls"; says = "" is silence'
    if not isinstance(turn.get("says", ""), str):
        yield "says must be text"
    delay = turn.get("delay", 0.0)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= MAX_DELAY:
        yield f"delay must be seconds, from 0 to {MAX_DELAY:g}"
    yield from _hears_mistakes(turn)
    calls = turn.get("calls", [])
    if not isinstance(calls, list):
        yield "calls must be a list of tables"
        return
    for number, call in enumerate(calls, 1):
        yield from (f"calls {number}: {mistake}" for mistake in _call_mistakes(call))


def _hears_mistakes(turn: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(turn.get("repeat", False), bool):
        yield "repeat must be true or false"
    elif turn.get("repeat") and "hears" not in turn:
        yield "repeat is for a turn with hears"
    hears = turn.get("hears", "")
    if not isinstance(hears, str):
        yield "hears must be a regular expression"
        return
    try:
        re.compile(hears, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as exc:
        yield f"hears is no regular expression: {exc}".replace("\n", " ")


def _call_mistakes(call: Any) -> Iterator[str]:
    if not isinstance(call, dict):
        yield "must be a table with name and arguments"
        return
    yield from _unknown_keys(call, ("name", "arguments"))
    if not isinstance(call.get("name"), str) or not call["name"]:
        yield "name must be the name of a tool"
    arguments = call.get("arguments", {})
    if not isinstance(arguments, dict):
        yield "arguments must be a table"
        return
    try:
        json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError):
        yield "arguments cannot be written as JSON"


def _unknown_keys(table: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"
            yield f'unknown key "{key[:40]}"; {hint}'.replace("\n", " ")
