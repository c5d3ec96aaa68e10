"""What we ship for containers, systemd and Kubernetes, as far as it can be tried without them."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from gateway.cli import app
from gateway.server import ANSWER_TIMEOUT
from gateway.settings import Settings
from gateway.web.media_socket import CLOSE_TIMEOUT
from tests.deploy.proxies import shipped
from tests.gateways import run, running
from tests.test_server import free_port

ROOT = Path(__file__).parents[2]
DOCKERFILE = shipped("Dockerfile")
UNIT = shipped("gateway.service")
KUBERNETES = shipped("kubernetes.yaml")
DRAIN = float(Settings.model_fields["drain_timeout"].default)
AFTERWARDS = 2 * CLOSE_TIMEOUT + ANSWER_TIMEOUT + 2
"""Seconds from the end of the drain to the end of the process."""


def instructions(name: str) -> list[str]:
    """The arguments of a Dockerfile's instructions of one kind."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"(?m)^{name} +(.*)$", joined)


def number(pattern: str, text: str) -> float:
    (found,) = re.findall(pattern, text)
    return float(found)


def test_image_is_built_of_what_is_in_the_repository_and_sent_to_the_builder() -> None:
    sent = [line.removeprefix("!") for line in shipped("Dockerfile.dockerignore").splitlines()[1:-1]]
    copied = [name for each in instructions("COPY") if "--from" not in each for name in each.split()[:-1]]

    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)


def test_image_runs_a_command_of_ours_as_nobody_in_particular() -> None:
    (command,) = (json.loads(each) for each in instructions("CMD"))
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    assert command[0] == "gateway"
    assert command[1] in commands
    assert instructions("USER") == ["10001:10001"]


def test_image_is_healthy_while_the_gateway_answers() -> None:
    (check,) = instructions("HEALTHCHECK")
    words = json.loads(check.partition("CMD")[2])
    assert words[0] == "python"

    def code(port: int) -> int:
        environment = {**os.environ, "PORT": str(port)}
        command = [sys.executable, *words[1:]]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    async def scenario() -> int:
        async with running() as at:
            return await asyncio.to_thread(code, at.port)

    assert run(scenario()) == 0
    assert code(free_port()) != 0


def test_nobody_kills_the_process_before_its_calls_have_finished() -> None:
    assert number(r"TimeoutStopSec=(\d+)", UNIT) > DRAIN + AFTERWARDS
    assert number(r"--stop-timeout (\d+)", DOCKERFILE) > DRAIN + AFTERWARDS

    drain = number(r'DRAIN_TIMEOUT, value: "(\d+)"', KUBERNETES)
    before = number(r'command: \[sleep, "(\d+)"\]', KUBERNETES)
    assert number(r"terminationGracePeriodSeconds: (\d+)", KUBERNETES) > before + drain + AFTERWARDS


def test_probes_ask_paths_that_there_are() -> None:
    async def scenario() -> set[str]:
        async with running() as at:
            return {str(getattr(route, "path", "")) for route in at.gateway.app.routes}

    asked = set(re.findall(r"path: (/\S+),", KUBERNETES))
    assert asked == {"/healthz", "/readyz"}
    assert asked <= run(scenario())


def test_settings_that_the_files_name_are_settings() -> None:
    (environment,) = re.findall(r"(?m)^Environment=(.*)$", UNIT)
    named = {pair.split("=")[0] for pair in environment.split()}
    named |= set(re.findall(r"name: ([A-Z_]+)", KUBERNETES))
    named |= set(re.findall(r"\b([A-Z_]+)=", "".join(instructions("ENV")))) - {
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
    }

    assert named <= {name.upper() for name in Settings.model_fields}


def analysed(folder: Path, *arguments: str) -> str:
    """Have systemd look at our unit, without needing a gateway where the unit expects it; give what it says."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    file = folder / "gateway.service"
    file.write_text(UNIT.replace("/opt/gateway/bin/gateway serve", "/bin/true serve"))
    command = [program, *arguments, str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    assert analysed(tmp_path, "verify") == ""


def test_unit_is_confined(tmp_path: Path) -> None:
    said = analysed(tmp_path, "security", "--offline=true", "--no-pager")

    assert number(r"exposure level for \S+: ([\d.]+)", said) < 2.0
