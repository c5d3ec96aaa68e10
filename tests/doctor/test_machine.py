import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor import machine
from gateway.doctor.check import Check, Finding, Outcome, ok
from gateway.doctor.examination import examine
from gateway.settings import Settings
from tests.gateways import run


def settings(**given: Any) -> Settings:
    given = {"public_url": "https://voice.example.com", "twilio_auth_token": "x", **given}
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]  # pydantic-settings takes it


@pytest.mark.parametrize(
    ("limit", "outcome"), [(299, "ok"), (1024, "ok"), (-1, "ok"), (219, "failed"), (220, "ok")]
)
def test_the_limit_of_open_files_must_do_for_all_calls(limit: int, outcome: Outcome) -> None:
    of_a_provider = settings(max_calls=10, realtime_api_key="k")

    assert machine.files_wanted(of_a_provider) == 220
    assert machine.files_judged(of_a_provider, limit).outcome == outcome


def test_captures_and_the_embedded_server_want_more_files() -> None:
    assert machine.files_wanted(settings(max_calls=10)) == 240
    assert machine.files_wanted(settings(max_calls=10, captures_dir=Path("x"))) == 250


def test_a_limit_that_is_too_low_tells_which_would_do() -> None:
    finding = machine.files_judged(settings(max_calls=1000, realtime_api_key="k"), 1024)

    assert "MAX_CALLS=1000 wants 2200" in finding.what
    assert "LimitNOFILE=2200" in finding.advice


def test_this_machines_limit_is_looked_at() -> None:
    assert run(machine.check_open_files(settings(max_calls=1))).outcome in {"ok", "failed"}
    assert run(machine.check_open_files(settings(max_calls=10**9))).outcome == "failed"


@pytest.mark.parametrize(
    ("free", "outcome"), [(0, "failed"), (99 << 20, "failed"), (500 << 20, "warning"), (2 << 30, "ok")]
)
def test_little_space_is_a_warning_and_next_to_none_a_failure(free: int, outcome: Outcome) -> None:
    assert machine.space_judged("CAPTURES_DIR", Path("captures"), free).outcome == outcome


def test_folders_are_written_to_and_left_as_they_were(tmp_path: Path) -> None:
    named = settings(
        captures_dir=tmp_path, handover_file=tmp_path / "handover.json", agents_file=Path("/none")
    )
    finding = run(machine.check_disk(named))

    assert "free in" in finding.what
    assert "AGENTS_FILE" not in finding.what
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_the_gateways_to_make(tmp_path: Path) -> None:
    finding = run(machine.check_disk(settings(captures_dir=tmp_path / "a" / "b")))

    assert finding.outcome in {"ok", "warning"}
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = run(machine.check_disk(settings(captures_dir=tmp_path / "file" / "captures")))

    assert finding.outcome == "failed"
    assert "CAPTURES_DIR" in finding.what


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert run(machine.check_disk(settings(captures_dir=tmp_path))).outcome == "failed"


def test_a_folder_of_the_system_that_nobody_writes_to_fails() -> None:
    finding = run(machine.check_disk(settings(captures_dir=Path("/proc"))))

    assert finding.outcome == "failed"
    assert "CAPTURES_DIR: /proc cannot be written" in finding.what


def test_without_files_and_folders_there_is_nothing_to_look_at() -> None:
    assert run(machine.check_disk(settings())).outcome == "skipped"


def test_a_disk_that_hangs_costs_its_own_check_alone(tmp_path: Path) -> None:
    fifo = tmp_path / "hangs"
    os.mkfifo(fifo)

    def hang() -> Finding:
        with fifo.open("rb"):  # nobody ever writes to it
            return ok("")

    begun = time.monotonic()
    check = Check("disk", lambda: machine._in_thread(hang), timeout=0.2)
    found = asyncio.run(examine([check], lambda *_: None))

    assert found["disk"].outcome == "failed"
    assert time.monotonic() - begun < 5.0
    fifo.open("wb").close()
