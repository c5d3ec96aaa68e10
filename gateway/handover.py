"""Conversations that one process leaves to the next, for calls that outlive it: a file between two runs.

It holds what callers said, so it is for the owner alone, is deleted when it has been read, and counts for a minute.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

MAX_AGE = 60.0
"""Seconds after which a caller will not be back."""
MAX_BYTES = 64 * 1024 * 1024

_log = structlog.get_logger()


class _Handover(msgspec.Struct):
    at: float
    """By the wall clock, which both processes share."""
    calls: dict[str, list[dict[str, Any]]]


class Histories:
    """Conversations by CallSid, each given once. ``path`` is None where nothing is handed over."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._histories: dict[str, list[dict[str, Any]]] = {}

    def load(self) -> None:
        """Take over what the last process has left; blocks on the disk. What cannot be read is gone, and logged."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES)
            self._path.unlink()
            handover = msgspec.json.decode(data, type=_Handover)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as exc:
            _log.warning("nothing taken over from the last process", reason=type(exc).__name__)
            return
        if 0 <= time.time() - handover.at <= MAX_AGE:
            self._histories = handover.calls
            _log.info("taken over from the last process", calls=len(handover.calls))

    def save(self, calls: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        """Leave conversations to the next process; blocks on the disk. What cannot be written is logged."""
        if self._path is None or not calls:
            return
        data = msgspec.json.encode(_Handover(time.time(), {sid: list(items) for sid, items in calls.items()}))
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
            new.replace(self._path)
        except OSError as exc:
            _log.warning("nothing left to the next process", reason=exc.strerror)

    def take(self, call_sid: str) -> list[dict[str, Any]]:
        """Give the conversation of a call, if one was left; empty otherwise."""
        return self._histories.pop(call_sid, [])
