"""What a model is given of a tool's result: always text, never too long. No I/O."""

import json
from typing import Any

from pydantic_core import from_json, to_json

MAX_OUTPUT = 8000
"""Bytes of UTF-8 that one call's output may have; the rest is cut, and the output says so."""
MAX_ERROR = 1000
"""Characters of an error's message. JSON takes at most six bytes for each, so an error is never cut open."""


def output_text(result: Any) -> str:
    """The text of a result. The function has done its work, so this never fails."""
    return _cut(result if isinstance(result, str) else _json(result))


def _json(result: Any) -> str:
    try:
        written = from_json(to_json(result, fallback=_str))  # a model may insist on NaN: only here it goes
        return to_json(written, inf_nan_mode="null").decode()
    except Exception:  # bytes that are no text, cycles, properties that raise
        return json.dumps(_str(result))


def _str(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # somebody else's __str__
        return f"<{type(value).__name__}>"


def error_text(message: str) -> str:
    """The output that tells the model of a failure."""
    return _cut(json.dumps({"error": message[:MAX_ERROR]}, ensure_ascii=False))


def _cut(text: str) -> str:
    encoded = text.encode(errors="replace")  # a lone surrogate has no UTF-8
    if len(encoded) <= MAX_OUTPUT:
        return encoded.decode()
    note = f" [cut: {len(encoded)} bytes were too long]"
    return encoded[: MAX_OUTPUT - len(note)].decode(errors="ignore") + note
