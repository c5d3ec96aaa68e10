import os
from pathlib import Path

from gateway.loadtest.writable import is_writable, is_writable_folder


def test_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("of an earlier run")

    assert is_writable(file)
    assert file.read_text() == "of an earlier run"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    assert is_writable(tmp_path / "run.json")
    assert is_writable_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_is_no_file_and_its_absence_no_place(tmp_path: Path) -> None:
    assert not is_writable(tmp_path)
    assert not is_writable(tmp_path / "nowhere" / "run.json")
    assert not is_writable_folder(tmp_path / "nowhere")


def test_device_can_be_written() -> None:
    assert is_writable(os.devnull)
