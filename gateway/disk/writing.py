"""The thread that writes what waits for the disk, and what its files have in common."""

import asyncio
import os
import tempfile
import threading
from pathlib import Path
from typing import Protocol, Self

import structlog

from gateway.errors import SettingsError

CLOSE_TIMEOUT = 2.0
"""Seconds that the disk gets for what waits at the end."""

_log = structlog.get_logger()


class WaitingFile(Protocol):
    """A file for which something waits. Everything here blocks on the disk."""

    def write_waiting(self) -> bool:
        """Write everything that waits; False once that was the last, and the file is closed."""

    def close(self) -> None:
        """Close the file, whatever waits."""


class WritingThread:
    """Looks after files; an async context manager, within which they are written.

    A disk that is slow or hangs costs what cannot wait, never time: nobody waits for it, and the end of the process not
    long.
    """

    def __init__(self, name: str, period: float) -> None:
        """Look every ``period`` seconds at what waits."""
        self._name = name
        self._period = period
        self._files: list[WaitingFile] = []
        """Added to by the event loop, removed from by the thread."""
        self._closing = threading.Event()
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def add(self, file: WaitingFile) -> None:
        """Look after another file."""
        self._files.append(file)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT)
        if self._thread.is_alive():
            _log.warning(f"{self._name} were not finished: the disk is too slow")

    def _run(self) -> None:
        is_closing = False
        while not is_closing:
            is_closing = self._closing.wait(self._period)
            for file in list(self._files):
                if not file.write_waiting():
                    self._files.remove(file)
        for file in self._files:
            file.close()


def owned_folder(folder: Path, setting: str) -> None:
    """Make a folder for its owner alone, unless it is there, and try to write to it; this blocks.

    Raises:
        SettingsError: it cannot be had, or not be written to; ``setting`` is what named it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{setting}: cannot be written ({reason})") from None


def open_for_owner(path: str, flags: int) -> int:
    """Open a file that nobody but its owner may read."""
    return os.open(path, flags, 0o600)
