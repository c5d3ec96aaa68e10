import threading
import time
from pathlib import Path

import msgspec
import pytest

from gateway.loadtest.observed_calls import read_observed
from gateway.observed import Observed
from tests.loadtest.sessions import item, session

CALL = "CA" + "1" * 32


def leave(folder: Path, what: Observed, call_sid: str = CALL) -> Path:
    path = folder / f"{call_sid}-{what.session_id}.observed"
    path.write_bytes(msgspec.msgpack.encode(what))
    return path


def test_all_sessions_of_the_call_are_read_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    first = session(item("a", (101.0, 200), chunks=[b"abc"]), session_id="sess_z")
    second = session(appends=[(105.0, 480)], truncated=[("a", 5, 106.0)], session_id="sess_a")
    leave(tmp_path, second)
    leave(tmp_path, first)
    leave(tmp_path, session(session_id="sess_b"), "CA" + "2" * 32)

    assert read_observed(tmp_path, CALL, 0.0) == [first, second]
    assert len(list(tmp_path.iterdir())) == 3


def test_files_can_be_removed_once_they_are_read(tmp_path: Path) -> None:
    leave(tmp_path, session())
    other = leave(tmp_path, session(), "CA" + "2" * 32)

    assert read_observed(tmp_path, CALL, 0.0, remove=True) == [session()]
    assert list(tmp_path.iterdir()) == [other]


def test_a_file_that_cannot_be_removed_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, session())

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)  # who runs the tests may be allowed everything

    assert read_observed(tmp_path, CALL, 0.0, remove=True) == [session()]


def test_a_call_without_observation_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    began_at = time.monotonic()

    assert read_observed(tmp_path, CALL, 0.2) == []
    assert 0.2 <= time.monotonic() - began_at < 5
    assert read_observed(tmp_path / "nowhere", CALL, 0.0) == []


def test_a_session_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    leave(tmp_path, session())
    unfinished = tmp_path / f"{CALL}-sess_2.observing"
    unfinished.touch()

    def end() -> None:
        leave(tmp_path, session(session_id="sess_2"))
        unfinished.unlink()

    ending = threading.Timer(0.2, end)
    ending.start()
    found = read_observed(tmp_path, CALL, 20.0)
    ending.join()

    assert [each.session_id for each in found] == ["sess_1", "sess_2"]


@pytest.mark.parametrize("call_sid", ["", "*", "../CA1", "CA1/x", "CA?", "C" * 65])
def test_what_names_no_call_reads_nothing(tmp_path: Path, call_sid: str) -> None:
    leave(tmp_path, session(), "CA1")

    assert read_observed(tmp_path, call_sid, 0.0) == []


def test_what_is_no_file_of_ours_is_left_out(tmp_path: Path) -> None:
    leave(tmp_path, session())
    leave(tmp_path, msgspec.structs.replace(session(session_id="sess_2"), version=2))
    (tmp_path / f"{CALL}-sess_3.observed").write_bytes(b"\xc1")
    (tmp_path / f"{CALL}-sess_4.observed").write_bytes(msgspec.msgpack.encode({"version": 1}))
    (tmp_path / f"{CALL}-sess_5.observed").mkdir()

    assert read_observed(tmp_path, CALL, 0.0) == [session()]
