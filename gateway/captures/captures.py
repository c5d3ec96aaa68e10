"""All captures of one gateway: a folder, and the thread that writes to it."""

import asyncio
import re
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from gateway.captures.backlog import Backlog
from gateway.captures.capture import Capture
from gateway.captures.file import CaptureFile
from gateway.captures.losses import Losses
from gateway.errors import SettingsError
from gateway.metrics import Metrics

PERIOD = 0.1
"""Seconds from one look at what waits to the next."""
CLOSE_TIMEOUT = 2.0
"""Seconds that the disk gets for the last messages."""
SUFFIX = ".jsonl"

_log = structlog.get_logger()


class Captures:
    """Gives each media stream its capture; an async context manager, within which they are written.

    A disk that is slow or hangs costs messages, never time: no caller waits for it, and the end of the process not long.
    """

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        """Make the folder if it is missing, for its owner alone; blocks on the disk.

        Raises:
            SettingsError: it cannot be had, or not be written to.
        """
        self._folder = folder
        self._metrics = metrics
        self._files: list[CaptureFile] = []
        """Added to by the event loop, removed from by the thread."""
        self._closing = threading.Event()
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="captures", daemon=True)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SettingsError(f"CAPTURES_DIR: cannot be written ({reason})") from None

    def new(self) -> Capture:
        """Begin the capture of a media stream."""
        return Capture(self._begin, Losses(self._metrics))

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT)
        if self._thread.is_alive():
            _log.warning("captures were not finished: the disk is too slow")

    def _begin(self, call_sid: str, backlog: Backlog, losses: Losses) -> None:
        path = self._folder / _file_name(call_sid, datetime.now(UTC))
        self._files.append(CaptureFile(path, backlog, losses))

    def _run(self) -> None:
        is_closing = False
        while not is_closing:
            is_closing = self._closing.wait(PERIOD)
            for file in list(self._files):
                if not file.write_waiting():
                    self._files.remove(file)
        for file in self._files:
            file.close()


def _file_name(call_sid: str, began_at: datetime) -> str:
    """The time, to the microsecond, and the end of the SID, if it is one: a peer's words are no file name."""
    is_sid = re.fullmatch("CA[0-9a-fA-F]{32}", call_sid)
    return f"{began_at:%Y%m%dT%H%M%S.%fZ}-{call_sid[-8:] if is_sid else '0' * 8}{SUFFIX}"
