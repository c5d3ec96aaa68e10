"""The file of one capture. Everything here blocks on the disk."""

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

from gateway.captures.captured import Captured
from gateway.captures.losses import Losses
from gateway.disk import Backlog, open_for_owner
from gateway.errors import RemoteProtocolError
from gateway.twilio.capture_writer import CaptureWriter
from gateway.twilio.stream import MediaStreamProtocol, State

BATCH = 16
"""Messages in one write. The system call lets the event loop have the interpreter."""


class CaptureFile:
    """Writes what waits of one media stream, line by line, so that what is there can be read whenever we stop.

    What our side of the stream refuses is left out. A file that the disk refuses is given up for good, and ends with
    the last whole line.
    """

    def __init__(self, path: Path, backlog: Backlog[Captured], losses: Losses) -> None:
        self._path = path
        self._backlog = backlog
        self._losses = losses
        self._writer = CaptureWriter()
        self._stream = MediaStreamProtocol()
        self._file: io.FileIO | None = None
        self._n_bytes = 0
        """Of whole lines."""
        self._is_begun = False

    def write_waiting(self) -> bool:
        """Write everything that waits; False once that was the last, and the file is closed."""
        is_over = self._backlog.is_over  # asked before the look at what waits, to which nothing is added then
        if not self._is_begun:
            self._begin()
        while batch := self._backlog.take(BATCH):
            self._write(batch)
        if is_over:
            self.close()
        return not is_over

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:  # where the disk is another machine's, it may be full as late as that
                self._losses.add(0, "disk-failed", error.strerror or "")

    def _begin(self) -> None:
        self._is_begun = True
        try:
            self._file = io.FileIO(self._path, "x", opener=open_for_owner)
            self._append([self._writer.header()])
        except OSError as error:
            self._give_up(error, 0)

    def _write(self, batch: Sequence[Captured]) -> None:
        if self._file is None:
            self._losses.add(len(batch), "disk-failed")
            return
        lines = [line for each in batch if (line := self._line(each))]
        self._losses.add(len(batch) - len(lines), "unfit")
        try:
            self._append(lines)
        except OSError as error:
            self._give_up(error, len(lines))

    def _line(self, message: Captured) -> str:
        """The line of a message; nothing for one that makes a capture unreadable."""
        try:
            if message.sender == "twilio":
                if self._stream.state is State.STOPPED:
                    return ""
                self._stream.receive_text(message.text)
            return self._writer.line(message.sender, message.text.decode(), message.at)
        except (RemoteProtocolError, UnicodeDecodeError):
            return ""

    def _append(self, lines: Sequence[str]) -> None:
        assert self._file is not None  # noqa: S101 - asked before
        data = memoryview("".join(lines).encode())
        n_bytes = self._n_bytes + len(data)
        while data:
            data = data[os.write(self._file.fileno(), data) :]
        self._n_bytes = n_bytes

    def _give_up(self, error: OSError, n_lost: int) -> None:
        self._losses.add(n_lost, "disk-failed", error.strerror or "")
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.truncate(self._n_bytes)
        self.close()
        if self._n_bytes == 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
