"""All recordings of one gateway: a folder, and the thread that writes to it."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from gateway.call_recordings.file import SUFFIX, Piece, RecordingFile, repair
from gateway.call_recordings.pausing import Pausing
from gateway.call_recordings.recording import BYTES_PER_SECOND, Recording
from gateway.disk import Backlog, WritingThread, owned_folder
from gateway.metrics import Metrics

PERIOD = 0.01
"""Seconds from one look at what waits to the next: what a crash may cost, beside the frame that is on its way."""

_log = structlog.get_logger()


class Recordings:
    """Gives each media stream its recording; an async context manager, within which they are written."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        """Make the folder if it is missing, for its owner alone; blocks on the disk.

        Raises:
            SettingsError: it cannot be had, or not be written to.
        """
        owned_folder(folder, "RECORDINGS_DIR")
        self.folder = folder
        self._metrics = metrics
        self._thread = WritingThread("recordings", PERIOD)

    def new(self, call_sid: str, pausing: Pausing) -> Recording:
        """Begin the recording of a call's media stream."""
        backlog: Backlog[Piece] = Backlog()
        path = self.folder / _file_name(call_sid, datetime.now(UTC))
        self._thread.add(RecordingFile(path, backlog, self._lose))
        return Recording(backlog, self._metrics, pausing)

    def of_call(self, call_sid: str) -> list[Path]:
        """Find the finished recordings of a call, oldest first; this blocks on the disk."""
        return sorted(self.folder.glob(f"*-{call_sid}{SUFFIX}")) if _is_sid(call_sid) else []

    async def __aenter__(self) -> Self:
        n_repaired = await asyncio.to_thread(repair, self.folder)
        if n_repaired:
            _log.info("recordings that had not been finished were repaired", n=n_repaired)
        await self._thread.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._thread.__aexit__()

    def _lose(self, n_bytes: int, why: str) -> None:
        self._metrics.unrecorded_audio.labels(why).inc(n_bytes / BYTES_PER_SECOND)


def _file_name(call_sid: str, began_at: datetime) -> str:
    """The time, to the microsecond, and the CallSid, if it is one: a peer's words are no file name."""
    name = call_sid if _is_sid(call_sid) else "CA" + "0" * 32
    return f"{began_at:%Y%m%dT%H%M%S.%fZ}-{name}{SUFFIX}"


def _is_sid(call_sid: str) -> bool:
    return re.fullmatch("CA[0-9a-fA-F]{32}", call_sid) is not None
