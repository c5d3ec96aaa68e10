"""All captures of one gateway: a folder, and the thread that writes to it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from gateway.captures.capture import Capture
from gateway.captures.captured import Captured
from gateway.captures.file import CaptureFile
from gateway.captures.losses import Losses
from gateway.disk import Backlog, WritingThread, owned_folder
from gateway.metrics import Metrics

PERIOD = 0.1
"""Seconds from one look at what waits to the next."""
SUFFIX = ".jsonl"


class Captures:
    """Gives each media stream its capture; an async context manager, within which they are written."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        """Make the folder if it is missing, for its owner alone; blocks on the disk.

        Raises:
            SettingsError: it cannot be had, or not be written to.
        """
        owned_folder(folder, "CAPTURES_DIR")
        self._folder = folder
        self._metrics = metrics
        self._thread = WritingThread("captures", PERIOD)

    def new(self) -> Capture:
        """Begin the capture of a media stream."""
        return Capture(self._begin, Losses(self._metrics))

    async def __aenter__(self) -> Self:
        await self._thread.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._thread.__aexit__()

    def _begin(self, call_sid: str, backlog: Backlog[Captured], losses: Losses) -> None:
        path = self._folder / _file_name(call_sid, datetime.now(UTC))
        self._thread.add(CaptureFile(path, backlog, losses))


def _file_name(call_sid: str, began_at: datetime) -> str:
    """The time, to the microsecond, and the end of the SID, if it is one: a peer's words are no file name."""
    is_sid = re.fullmatch("CA[0-9a-fA-F]{32}", call_sid)
    return f"{began_at:%Y%m%dT%H%M%S.%fZ}-{call_sid[-8:] if is_sid else '0' * 8}{SUFFIX}"
