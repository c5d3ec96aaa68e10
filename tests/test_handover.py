import json
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import handover
from gateway.handover import Histories

ITEMS = [
    {"id": "item_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
]


def left(path: Path) -> Histories:
    """What a process finds that another has left."""
    histories = Histories(path)
    histories.load()
    return histories


def test_what_one_process_leaves_the_next_takes_once(tmp_path: Path) -> None:
    path = tmp_path / "handover.json"
    Histories(path).save({"CA1": ITEMS, "CA2": []})

    histories = left(path)

    assert histories.take("CA1") == ITEMS
    assert histories.take("CA1") == histories.take("CA2") == histories.take("CA3") == []
    assert not path.exists()


def test_the_file_is_the_owners_alone_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "handover.json"
    for each in (path, tmp_path / "handover.json.new"):
        each.write_text("old")
        each.chmod(0o666)

    Histories(path).save({"CA1": ITEMS})

    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["handover.json"]


@pytest.mark.parametrize("age", [handover.MAX_AGE + 1, -5.0])
def test_what_is_too_old_or_from_the_future_is_forgotten(tmp_path: Path, age: float) -> None:
    path = tmp_path / "handover.json"
    path.write_text(json.dumps({"at": time.time() - age, "calls": {"CA1": ITEMS}}))

    assert left(path).take("CA1") == []
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": 1}', '{"at": 1, "calls": {"CA1": 5}}'])
def test_a_broken_file_is_logged_without_what_it_holds(tmp_path: Path, text: str) -> None:
    path = tmp_path / "handover.json"
    path.write_text(text)

    with capture_logs() as logs:
        histories = left(path)

    assert histories.take("CA1") == []
    assert [log["reason"] for log in logs] in (["DecodeError"], ["ValidationError"])
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Histories(tmp_path / "missing" / "handover.json").save({"CA1": ITEMS})

    assert [log["event"] for log in logs] == ["nothing left to the next process"]


def test_a_place_that_cannot_be_read_is_logged(tmp_path: Path) -> None:
    with capture_logs() as logs:
        left(tmp_path / ("x" * 300))

    assert [log["event"] for log in logs] == ["nothing taken over from the last process"]


def test_without_a_file_nothing_is_handed_over() -> None:
    histories = Histories(None)
    histories.save({"CA1": ITEMS})
    histories.load()

    assert histories.take("CA1") == []


def test_nothing_to_hand_over_leaves_no_file(tmp_path: Path) -> None:
    Histories(tmp_path / "handover.json").save({})

    assert list(tmp_path.iterdir()) == []
