"""Instructions with places for what is known of a call. The caller's own words are data: they never become a place.

``{caller}``, ``{number}``, ``{caller_name}`` and ``{parameters.NAME}`` are the places; ``{{`` and ``}}`` are braces.
"""

import difflib
import re
from collections.abc import Iterator, Mapping

import msgspec

MAX_VALUE = 200
"""Characters of one value."""
MAX_PLACES = 100
"""Places in one text, so that a filled one stays within a few times its size."""
UNKNOWN = "unknown"
"""What stands for a value that is not there, or has nothing that can be shown."""

_NAMES = ("caller", "number", "caller_name")
_PARAMETER = "parameters."
_BRACE = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CallDetails(msgspec.Struct, frozen=True):
    """What is known of a call before it is answered, as Twilio gave it: not checked, and in part the caller's."""

    from_number: str = ""
    """Empty or a word such as ``anonymous`` where the caller withholds it."""
    to_number: str = ""
    """The dialled number."""
    caller_name: str = ""
    parameters: Mapping[str, str] = {}
    """The other fields of Twilio's webhook, and these too."""

    def __repr__(self) -> str:
        """Show whose call it is to nobody who reads a log."""
        return "CallDetails(…)"


def template_mistakes(template: str) -> Iterator[str]:
    """Say what keeps a text from being filled; nothing if it can be."""
    n_places = 0
    for match in _BRACE.finditer(template):
        if match[1] is not None:
            n_places += 1
            yield from _place_mistakes(match[1])
        elif match[0] in ("{", "}"):
            yield f'has a lone "{match[0]}": a brace is written "{match[0] * 2}"'
    if n_places > MAX_PLACES:
        yield f"has more than {MAX_PLACES} placeholders"


def filled(template: str, call: CallDetails) -> str:
    """Put a call's values in their places, in one pass: a value that looks like a place stays as it is.

    Each value is one line of at most 200 printable characters, or ``unknown``. The template has no mistakes.
    """

    def replacement(match: re.Match[str]) -> str:
        return match[0][0] if match[1] is None else shown(_value(match[1], call))

    return _BRACE.sub(replacement, template)


def shown(value: str) -> str:
    """Make one line of a value: line breaks and all that cannot be printed become spaces, and spaces one."""
    printable = "".join(c if c.isprintable() else " " for c in value[: 10 * MAX_VALUE])
    return " ".join(printable.split())[:MAX_VALUE].rstrip() or UNKNOWN


def _value(place: str, call: CallDetails) -> str:
    if place.startswith(_PARAMETER):
        return call.parameters.get(place.removeprefix(_PARAMETER), "")
    values = {"caller": call.from_number, "number": call.to_number, "caller_name": call.caller_name}
    return values[place]


def _place_mistakes(place: str) -> Iterator[str]:
    if place in _NAMES:
        return
    prefix, dot, name = place.partition(".")
    if prefix + dot == _PARAMETER and _PARAMETER_NAME.fullmatch(name):
        return
    known = [*_NAMES, f"parameters.{name}" if _PARAMETER_NAME.fullmatch(name) else "parameters.NAME"]
    near = difflib.get_close_matches(place[:100], known, 1)
    advice = f"did you mean {{{near[0]}}}?" if near else 'a brace is written "{{"'
    yield f"there is no placeholder {{{place[:40]}}}; {advice}"
