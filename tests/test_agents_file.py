from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.agents_file import AgentsFile, read_agents
from gateway.agents_toml import MAX_BYTES
from gateway.errors import GatewayError, SettingsError

GOOD = '[agents.{0}]\ninstructions = "Be kind."\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agents.toml"
    path.write_text(GOOD.format("one"))
    return path


def loaded(path: Path) -> AgentsFile:
    file = AgentsFile(path)
    file.load()
    return file


def name(file: AgentsFile) -> str:
    return file.current().agent_for("")[0]


def refreshed(file: AgentsFile, times: int = 1) -> tuple[list[bool], list[Any]]:
    with capture_logs() as logs:
        return [file.refresh() for _ in range(times)], [(log["log_level"], log) for log in logs]


def test_file_that_stays_is_not_read_again(path: Path) -> None:
    file = loaded(path)
    before = file.current()

    assert refreshed(file, 3) == ([False] * 3, [])
    assert file.current() is before


def test_changed_file_is_taken_over_once_and_said_so(path: Path) -> None:
    file = loaded(path)
    path.write_text(GOOD.format("another"))

    taken, [(level, log)] = refreshed(file, 2)

    assert (taken, name(file)) == ([True, False], "another")
    assert (level, log["agents"], log["routes"]) == ("info", 1, 0)


def test_file_put_in_its_place_is_taken_over(path: Path) -> None:
    file = loaded(path)
    new = path.with_suffix(".new")
    new.write_text(GOOD.format("two"))
    new.replace(path)

    assert refreshed(file)[0] == [True]
    assert name(file) == "two"


def test_broken_file_keeps_the_old_agents_and_warns_once_for_each_version(path: Path) -> None:
    file = loaded(path)
    path.write_text("[agents.two]\nvoise = 1\n")
    taken, [(level, log)] = refreshed(file, 3)

    assert (taken, name(file), level) == ([False] * 3, "one", "warning")
    assert log["mistakes"] == (
        f"{path}:1: agents.two.instructions: is required; "
        f'{path}:2: agents.two.voise: unknown key; did you mean "voice"?'
    )

    path.write_text("[agents")
    assert [level for level, _ in refreshed(file, 2)[1]] == ["warning"]
    path.write_text(GOOD.format("three"))
    assert refreshed(file)[0] == [True]
    assert name(file) == "three"


@pytest.mark.parametrize("written", [0, 5, 20, 30])
def test_half_written_file_is_taken_over_when_it_is_whole(path: Path, written: int) -> None:
    file = loaded(path)
    text = GOOD.format("two")
    path.write_text(text[:written])
    assert refreshed(file)[0] == [False]
    assert name(file) == "one"

    path.write_text(text)
    assert refreshed(file)[0] == [True]
    assert name(file) == "two"


def test_deleted_file_keeps_the_old_agents_until_it_is_back(path: Path) -> None:
    file = loaded(path)
    path.unlink()
    taken, [(level, log)] = refreshed(file, 3)

    assert (taken, name(file), level) == ([False] * 3, "one", "warning")
    assert log["mistakes"] == f"{path}: cannot be read: No such file or directory"

    path.write_text(GOOD.format("two"))
    assert refreshed(file)[0] == [True]


def test_unreadable_file_keeps_the_old_agents(path: Path) -> None:
    file = loaded(path)
    path.unlink()
    path.mkdir()

    taken, [(level, log)] = refreshed(file, 2)

    assert (taken, name(file), level) == ([False] * 2, "one", "warning")
    assert log["mistakes"] == f"{path}: cannot be read: Is a directory"


def test_start_with_a_broken_missing_or_odd_file_fails(path: Path) -> None:
    path.write_text("x = 1")

    for wrong in (path, path.parent / "none", path.parent, Path("a\0b")):
        with pytest.raises(SettingsError):
            AgentsFile(wrong).load()
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match="larger than 1 MiB"):
        read_agents(path)


def test_agents_before_the_file_was_loaded_are_an_error(path: Path) -> None:
    with pytest.raises(GatewayError, match="not been loaded"):
        AgentsFile(path).current()


def test_tools_that_agents_may_name_can_be_given(path: Path) -> None:
    path.write_text(GOOD.format("one") + 'tools = ["look_up"]')

    assert AgentsFile(path, tools=("look_up",)).load().agents["one"].tools == ("look_up",)
