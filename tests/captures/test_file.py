import contextlib
import errno
import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.captures import file as file_module
from gateway.captures.captured import Captured
from gateway.captures.file import CaptureFile
from gateway.captures.losses import Losses
from gateway.disk import Backlog
from gateway.loadtest.capture import read_capture
from gateway.metrics import Metrics
from tests.captures.messages import BEGUN, captured, from_twilio, messages, uncaptured, waiting
from tests.loadtest.captures import frame, key, start, stop

A = b"\x01" * 160

Write = Callable[[Backlog[Captured]], tuple[bool, Metrics]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.jsonl"


@pytest.fixture
def write(path: Path) -> Iterator[Write]:
    """Write what waits to the file, once; whether there is more to come, and the metrics."""
    metrics, files = Metrics(), contextlib.ExitStack()

    def write(backlog: Backlog[Captured]) -> tuple[bool, Metrics]:
        file = CaptureFile(path, backlog, Losses(metrics))
        files.callback(file.close)
        return file.write_waiting(), metrics

    with files:
        yield write


def test_the_file_is_for_its_owner_alone_and_each_message_is_in_it_at_once(path: Path, write: Write) -> None:
    goes_on, metrics = write(waiting(*BEGUN, *messages(frame(0, A), key("5"))))

    assert goes_on
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert captured(path)[2:] == from_twilio(frame(0, A), key("5"))
    assert uncaptured(metrics) == {}


def test_a_stream_that_is_over_is_written_to_its_end(path: Path, write: Write) -> None:
    backlog = waiting(*BEGUN, *messages(*[frame(20 * n, A) for n in range(100)], stop()))
    backlog.is_over = True

    goes_on, _ = write(backlog)

    assert not goes_on
    assert len(read_capture(path).messages) == 101


def test_what_would_make_the_capture_unreadable_is_left_out_and_counted_without_a_warning(
    path: Path, write: Write
) -> None:
    wrong = [
        '{"event":"media","media":{}}',
        '{"event":"stop"}',
        "no message",
        start(token="again"),
        frame(20, A).replace("MZ", "XX"),
    ]
    odd = messages(frame(0, A), *wrong, frame(40, A), stop(), frame(60, A), '{"event":"news"}')
    odd.append(odd[0]._replace(text=b"\xff"))

    with capture_logs() as logs:
        _, metrics = write(waiting(*BEGUN, *odd))

    assert captured(path)[2:4] == from_twilio(frame(0, A), frame(40, A))
    assert len(read_capture(path).messages) == 3
    assert (uncaptured(metrics), logs) == ({"unfit": 8.0}, [])


def test_a_disk_that_is_full_in_the_middle_leaves_whole_lines_and_one_warning(
    path: Path, write: Write
) -> None:
    backlog = waiting(*BEGUN, *messages(*[frame(20 * n, A) for n in range(64)]))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with capture_logs() as logs:
            _, metrics = write(backlog)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    n_frames = len(read_capture(path).messages)
    assert 0 < n_frames < 64
    assert uncaptured(metrics) == {"disk-failed": 64.0 - n_frames}
    assert logs == [
        {
            "event": "capture is not complete",
            "log_level": "warning",
            "why": "disk-failed",
            "reason": os.strerror(errno.EFBIG),
        }
    ]


def test_a_disk_that_is_full_from_the_start_leaves_no_file_behind(
    path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(path: str, flags: int) -> int:
        Path(path).touch()
        return os.open("/dev/full", flags & ~(os.O_EXCL | os.O_CREAT))

    monkeypatch.setattr(file_module, "open_for_owner", open_full)

    _, metrics = write(waiting(*BEGUN, *messages(key("1"))))

    assert not path.exists()
    assert uncaptured(metrics) == {"disk-failed": 3.0}


def test_a_file_that_is_there_is_left_as_it_is(path: Path, write: Write) -> None:
    path.write_text("somebody's")

    with capture_logs() as logs:
        _, metrics = write(waiting(*BEGUN))

    assert path.read_text() == "somebody's"
    assert uncaptured(metrics) == {"disk-failed": 2.0}
    assert len(logs) == 1
