"""Starts the gateway, and the embedded realtime server beside it, on loopback, for load tests without a target.

Each is a process: the gateway's CPU and memory are its own, and both cores of a small machine are used. Both end when
their standard input does, and so with us, however we end.
"""

import contextlib
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import msgspec

from gateway.errors import SettingsError
from gateway.loadtest.messages import Serve

READY_TIMEOUT = 60.0
"""Seconds for the gateway's first answer."""
STOP_TIMEOUT = 10.0
SPARE_CALLS = 50
"""Beyond those wanted: a line's next call may come before the last one's end is noticed."""


@dataclass(frozen=True)
class OwnServer:
    """A server of ours that is up."""

    url: str
    auth_token: str
    pid: int
    """The gateway's."""
    observed_dir: str
    """Where the realtime server leaves what it observes; a private folder that goes away with it."""


@contextlib.contextmanager
def own_server(n_calls: int) -> Iterator[OwnServer]:
    """Run one for so many calls at once; stop it in the end.

    Raises:
        SettingsError: it does not come up.
    """
    auth_token = secrets.token_hex(16)
    order = msgspec.json.encode(Serve(auth_token, n_calls + SPARE_CALLS)) + b"\n"
    with _process("gateway.cli.own_realtime_process") as realtime:
        realtime_url, observed_dir = _line(realtime), _line(realtime)
        with _process("gateway.cli.own_server_process", realtime_url) as gateway:
            orders = _pipe(gateway.stdin)
            orders.write(order)
            orders.flush()
            url = _line(gateway)
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=READY_TIMEOUT):  # noqa: S310 - our own address
                    pass
            except OSError as error:
                raise SettingsError(f"the gateway under test is not ready: {error}") from None
            yield OwnServer(url, auth_token, gateway.pid, observed_dir)


@contextlib.contextmanager
def _process(module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # calls that end at Ctrl-C need it still
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(BrokenPipeError):  # it is gone already
                _pipe(process.stdin).close()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()


def _line(process: "subprocess.Popen[bytes]") -> str:
    line = _pipe(process.stdout).readline().decode().strip()
    if not line:
        raise SettingsError("the server under test did not start")
    return line


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None  # noqa: S101 - it was asked for
    return end
