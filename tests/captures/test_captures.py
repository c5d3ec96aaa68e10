import asyncio
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.captures import Captures
from gateway.captures import file as file_module
from gateway.captures.captured import OVERHEAD, Captured
from gateway.disk import Backlog
from gateway.disk.backlog import MAX_BYTES
from gateway.disk.writing import CLOSE_TIMEOUT
from gateway.errors import SettingsError
from gateway.metrics import Metrics
from tests.captures.messages import BEGUN, captured, from_twilio, uncaptured, unread_fifo
from tests.gateways import run
from tests.loadtest.captures import CALL_SID, key


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    with unread_fifo(tmp_path / "fifo") as path:
        yield path


def test_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"

    Captures(folder, Metrics())

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


def test_folder_that_cannot_be_had_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for folder in (
        tmp_path / "file",
        tmp_path / "file" / "folder",
        Path("/proc/captures"),
        tmp_path / "a\0b",
    ):
        with pytest.raises(SettingsError, match=r"\ACAPTURES_DIR: cannot be written \([^\n]+\)\Z"):
            Captures(folder, Metrics())


@pytest.mark.parametrize(
    ("call_sid", "end"), [(CALL_SID, CALL_SID[-8:]), ("CA../../../etc", "00000000"), ("", "00000000")]
)
def test_file_is_named_for_its_time_and_its_call_and_whole_when_we_have_closed(
    tmp_path: Path, call_sid: str, end: str
) -> None:
    async def scenario() -> None:
        async with Captures(tmp_path, Metrics()) as captures:
            capture = captures.new()
            for each in BEGUN:
                capture.take(each.sender, each.text, each.at)
            capture.begin(call_sid)
            capture.take("twilio", key("1").encode(), 2.0)
            capture.end()
            capture.take("twilio", key("2").encode(), 3.0)

    run(scenario())

    (path,) = tmp_path.iterdir()
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}\.\d{{6}}Z-{end}\.jsonl", path.name)
    assert captured(path)[2:] == from_twilio(key("1"))


def test_stream_that_has_not_shown_whose_it_is_leaves_no_file(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Captures(tmp_path, Metrics()) as captures:
            capture = captures.new()
            capture.take("twilio", BEGUN[0].text, 1.0)
            capture.end()

    run(scenario())

    assert list(tmp_path.iterdir()) == []


def test_disk_that_hangs_costs_messages_but_no_time_and_is_warned_of_once(
    tmp_path: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, text = Metrics(), key("1").encode()
    monkeypatch.setattr(file_module, "open_for_owner", lambda _path, _flags: os.open(fifo, os.O_WRONLY))

    async def scenario() -> tuple[float, float]:
        captures = Captures(tmp_path / "folder", metrics)
        await captures.__aenter__()
        capture = captures.new()
        for each in BEGUN:
            capture.take(each.sender, each.text, each.at)
        capture.begin(CALL_SID)
        longest = 0.0
        while not uncaptured(metrics):
            began = time.perf_counter()
            for _ in range(100):
                capture.take("twilio", text, 2.0)
            longest = max(longest, time.perf_counter() - began)
            await asyncio.sleep(0.001)
        for _ in range(MAX_BYTES // len(text)):
            capture.take("twilio", text, 3.0)
        began = time.perf_counter()
        await captures.__aexit__(None, None, None)
        return longest, time.perf_counter() - began

    with capture_logs() as logs:
        longest, closing = run(scenario())

    assert longest < 1.0  # for a hundred messages; the disk would have kept us for good
    assert closing < CLOSE_TIMEOUT + 1.0
    assert uncaptured(metrics).keys() == {"disk-slow"}
    assert [each["event"] for each in logs] == [
        "capture is not complete",
        "captures were not finished: the disk is too slow",
    ]
    assert CALL_SID not in str(logs)


def test_small_messages_take_room_too() -> None:
    backlog: Backlog[Captured] = Backlog()
    n_put = 0
    while Captured("gateway", b"", 1.0).wait_in(backlog):
        n_put += 1

    assert n_put == MAX_BYTES // OVERHEAD
