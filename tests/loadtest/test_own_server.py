"""The server that a load test without a target starts: two processes that end with whoever started them."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.observed_calls import read_observed
from gateway.loadtest.own_server import own_server
from gateway.loadtest.place import place_call
from tests.gateways import humming

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def is_running(pid: int) -> bool:
    return pid in psutil.pids() and bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def test_its_model_is_a_process_of_its_own_that_observes_the_calls() -> None:
    with own_server(1) as server:
        folder = Path(server.observed_dir)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        caller = RecordedCaller(
            humming(1.0), server.url, server.auth_token, identity=new_identity(), linger=0.5
        )
        asyncio.run(place_call(caller))
        (observed,) = read_observed(folder, caller.identity.call_sid, 10.0)
        children = psutil.Process().children()
        words = [" ".join(each.cmdline()) for each in children]

    assert observed.appends
    assert sorted("realtime" in each.partition("process")[0] for each in words) == [False, True]
    assert not any(server.auth_token in each for each in words)
    assert server.pid in {each.pid for each in children}
    assert not any(each.is_running() for each in children)
    assert not folder.exists()


def test_both_processes_and_the_folder_go_when_the_load_tester_is_killed() -> None:
    code = (
        "import time\nfrom gateway.loadtest.own_server import own_server\n"
        "with own_server(1) as server:\n    print(server.observed_dir, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        children = [each.pid for each in psutil.Process(process.pid).children()]
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while any(map(is_running, children)) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert len(children) == 2
    assert not any(map(is_running, children))
    assert not folder.exists()
