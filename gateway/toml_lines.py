"""Where in a TOML file something stands: the parser of the standard library tells it for syntax errors alone."""

import re
from collections.abc import Mapping
from itertools import islice

Place = tuple[str | int, ...]
"""Keys from the top; a table of an array has its index, counted from 0."""

_MAX_KEYS = 8
"""Of a dotted key; what is deeper counts as its beginning."""
_QUOTED = r"\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'"
_HIDDEN = re.compile(rf"(\"\"\"(?:\\[\s\S]|[^\\])*?\"{{3,5}}|'''[\s\S]*?'{{3,5}})|({_QUOTED})|#[^\n]*")
_KEY = rf"(?:[\w-]+|{_QUOTED})"
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?[ \t]*")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")


def find_lines(text: str) -> Mapping[Place, int]:
    """Find the lines, from 1, on which tables and keys of a valid document begin.

    Keys within inline tables and keys written with odd characters are not found.
    """
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    depth = 0
    for number, line in enumerate(_HIDDEN.sub(_hide, text).split("\n"), 1):
        begin = depth == 0
        header = _HEADER.fullmatch(line.rstrip("\r")) if begin else None
        if header is not None:
            table = _table(header, counts)
            _note(found, table, 0, number)
            continue
        if begin and (pair := _PAIR.match(line)):
            _note(found, (*table, *_keys(pair[1])), len(table), number)
        depth += len(re.findall(r"[\[{]", line)) - len(re.findall(r"[\]}]", line))
    return found


def line_of(lines: Mapping[Place, int], place: Place) -> int | None:
    """Give the line of a place, or of the nearest thing round it that was found."""
    return next(
        (lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), None
    )


def _hide(match: re.Match[str]) -> str:
    """Take away what only looks like TOML, but no line break; a short text may be a key and stays."""
    if match[1] is not None:
        return '""' + "\n" * match[1].count("\n")
    if match[2] is not None:
        return '""' if re.search(r"[\[\]{}=.#\\]", match[2]) else match[2]
    return ""


def _note(found: dict[Place, int], place: Place, begin: int, number: int) -> None:
    for length in range(begin + 1, len(place) + 1):
        found.setdefault(place[:length], number)


def _table(header: re.Match[str], counts: dict[Place, int]) -> Place:
    """Give the place of a header, each array of tables on the way with the index of its latest table."""
    place: Place = ()
    keys = _keys(header[2])
    for position, key in enumerate(keys, 1):
        place = (*place, key)
        if header[1] == "[[" and position == len(keys):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(key[0].strip("\"'") for key in islice(re.finditer(_KEY, dotted), _MAX_KEYS))
