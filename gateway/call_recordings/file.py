"""The file of one recording. Everything here blocks on the disk."""

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.call_recordings.wav import header, whole_bytes
from gateway.disk import Backlog, open_for_owner
from voice_codecs import MULAW_SILENCE

SUFFIX = ".wav"
UNFINISHED = ".wav.part"
"""Until the call is over, or until the next process has found what a crash has left."""
BATCH = 64
"""Pieces in one write."""
_SILENCE = MULAW_SILENCE * 65536

Piece = bytes | int
"""Interleaved mu-law, or so many bytes of silence."""

_log = structlog.get_logger()

if os.name == "posix":
    import fcntl

    def is_ours(file: io.FileIO) -> bool:
        """Take a file for this process; False if another one writes to it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
else:

    def is_ours(file: io.FileIO) -> bool:
        """Take a file for this process: here, no other can have it open."""
        return not file.closed


class RecordingFile:
    """Writes what waits of one recording. What the disk has taken can be played whenever we stop, once repaired."""

    def __init__(self, path: Path, backlog: Backlog[Piece], on_lost: Callable[[int, str], None]) -> None:
        """``path`` is the finished file; ``on_lost`` is told of bytes that are not in it, and why."""
        self._path = path
        self._part = path.with_suffix(UNFINISHED)
        self._backlog = backlog
        self._on_lost = on_lost
        self._file: io.FileIO | None = None
        self._n_bytes = 0
        self._is_begun = False

    def write_waiting(self) -> bool:
        """Write everything that waits; False once that was the last, and the file is finished."""
        is_over = self._backlog.is_over  # asked before the look at what waits, to which nothing is added then
        if not self._is_begun:
            self._begin()
        while batch := self._backlog.take(BATCH):
            self._write(b"".join(map(_sound, batch)))
        if is_over:
            self.close()
        return not is_over

    def close(self) -> None:
        """Finish the file: its header tells its length, and it gets its name."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with file:
                _finish(file, self._part, self._path)
        except OSError as error:
            self._complain(error)

    def _begin(self) -> None:
        self._is_begun = True
        try:
            self._file = io.FileIO(self._part, "x", opener=open_for_owner)
            is_ours(self._file)  # so that another process, which starts meanwhile, leaves it alone
            _append(self._file, header(0))
        except OSError as error:
            self._give_up(error)

    def _write(self, audio: bytes) -> None:
        if self._file is None:
            self._on_lost(len(audio), "disk-failed")
            return
        try:
            _append(self._file, audio)
        except OSError as error:
            self._on_lost(len(audio), "disk-failed")
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Keep what is there."""
        self._complain(error)
        self.close()

    def _complain(self, error: OSError) -> None:
        _log.warning("recording is not complete", reason=error.strerror)


def repair(folder: Path) -> int:
    """Finish what a process that is gone has left unfinished; tell how many files that was."""
    n_repaired = 0
    for part in sorted(folder.glob(f"*{UNFINISHED}")):
        with contextlib.suppress(OSError), io.FileIO(part, "r+") as file:
            if is_ours(file):
                _finish(file, part, Path(str(part).removesuffix(UNFINISHED) + SUFFIX))
                n_repaired += 1
    return n_repaired


def _finish(file: io.FileIO, part: Path, path: Path) -> None:
    n_bytes = whole_bytes(os.fstat(file.fileno()).st_size)
    file.seek(0)
    _append(file, header(n_bytes))
    file.truncate(len(header(0)) + n_bytes)
    part.replace(path)


def _append(file: io.FileIO, audio: bytes) -> None:
    rest = memoryview(audio)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _sound(piece: Piece) -> bytes:
    return _SILENCE[:piece] if isinstance(piece, int) else piece
