"""Starts the gateway with its embedded realtime server on loopback, for load tests without a target."""

import contextlib
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from gateway.errors import SettingsError
from gateway.loadtest.messages import Serve

READY_TIMEOUT = 60.0
"""Seconds for the whole of its first answer: it loads the models that hear and speak."""
STOP_TIMEOUT = 10.0
SPARE_CALLS = 50
"""Beyond those wanted: a line's next call may come before the last one's end is noticed."""


@dataclass(frozen=True)
class OwnServer:
    """A server of ours that is up."""

    url: str
    auth_token: str
    pid: int


@contextlib.contextmanager
def own_server(n_calls: int) -> Iterator[OwnServer]:
    """Run one for so many calls at once; stop it in the end.

    Raises:
        SettingsError: it does not come up.
    """
    auth_token = secrets.token_hex(16)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.own_server_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # calls that end at Ctrl-C need it still
    )
    with process:
        try:
            yield OwnServer(_begun(process, auth_token, n_calls + SPARE_CALLS), auth_token, process.pid)
        finally:
            _stop(process)


def _begun(process: "subprocess.Popen[bytes]", auth_token: str, max_calls: int) -> str:
    """Tell it what to do and wait until it is ready; its address."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(msgspec.json.encode(Serve(auth_token, max_calls)) + b"\n")
    process.stdin.flush()
    url = process.stdout.readline().decode().strip()
    if not url:
        raise SettingsError("the gateway under test did not start")
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=READY_TIMEOUT):  # noqa: S310 - our own address
            return url
    except OSError as error:
        raise SettingsError(f"the gateway under test is not ready: {error}") from None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
