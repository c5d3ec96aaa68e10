from pathlib import Path

import msgspec
import pytest

from gateway.loadtest import baseline
from gateway.loadtest.baseline import BaselineError, read_baseline
from gateway.loadtest.results import CallAudio, Event, Trace
from tests.loadtest.runs import call, run


def test_run_that_was_written_is_read_again(tmp_path: Path) -> None:
    trace = Trace(40, b"\x00\xff", b"", (Event(-5, "webhook-sent"),))
    written = run([call(trace=trace)], audio=(CallAudio("CA1", b"fLaC\x00"),))
    path = tmp_path / "run.json"
    path.write_bytes(msgspec.json.encode(written))

    assert read_baseline(str(path)) == written


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no load test's JSON"),
        (b"[" * 100_000, "is no load test's JSON"),
        (b'{"schema_version": 1}', "is no load test's JSON"),
        (b'{"schema_version": 2}', "has schema version 2; this program reads version 1"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)

    with pytest.raises(BaselineError, match=says) as error:
        read_baseline(str(path))
    assert "\n" not in str(error.value)


def test_missing_file_is_told() -> None:
    with pytest.raises(BaselineError, match=r"nowhere\.json: cannot be read \(No such file or directory\)"):
        read_baseline("nowhere.json")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file here that never ends")
def test_file_that_never_ends_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MAX_BYTES", 1000)

    with pytest.raises(BaselineError, match="too large"):
        read_baseline("/dev/zero")
