"""Load tests over several machines, as an operator starts them: each machine here has an address and a token of its own."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types

from gateway.loadtest.engine import LOCUSTFILE
from gateway.loadtest.line import Address
from gateway.loadtest.recording import default_recording
from gateway.loadtest.results import RunResult
from tests.loadtest.light_server import light_server
from tests.loadtest.wiretap import Wiretap, wiretap
from tests.test_server import free_port

TARGET = "http://voice.example.com"
pytestmark = pytest.mark.once

TOKENS = ["10" * 16, "20" * 16, "30" * 16]
"""Of the master and of the two workers; in life all have the same."""
SHORT = 25
"""Messages after which the server hangs up: half a second."""


def test_workers_place_calls_under_their_own_tokens_and_the_master_reports_all_of_them(
    tmp_path: Path,
) -> None:
    found = tmp_path / "run.json"

    async def whole() -> tuple[Wiretap, list[Wiretap]]:
        async with AsyncExitStack() as up:
            to = _address(up.enter_context(light_server(max_messages=SHORT)))
            port = free_port()
            chief = await up.enter_async_context(wiretap(("127.0.0.1", port)))
            taps = [await up.enter_async_context(wiretap(to)) for _ in range(2)]
            leading = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
            leading += ["--headless", "--expect-workers", "2", "--users", "6", "--spawn-rate", "10"]
            leading += ["--run-time", "3", "--run-json", str(found)]
            master = await up.enter_async_context(locust(leading, TOKENS[0], environment(to)))
            following = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(chief.address[1])]
            workers = [
                await up.enter_async_context(locust(following, token, environment(tap.address)))
                for tap, token in zip(taps, TOKENS[1:], strict=True)
            ]
            said = await asyncio.gather(*(each.communicate() for each in (master, *workers)))
            assert [each.returncode for each in (master, *workers)] == [0, 0, 0], said
        return chief, taps

    chief, taps = asyncio.run(asyncio.wait_for(whole(), 90))

    result = msgspec.json.decode(found.read_bytes(), type=RunResult)
    placed = [signed_calls(tap, token) for tap, token in zip(taps, TOKENS[1:], strict=True)]
    assert all(len(each) >= 3 for each in placed)
    assert sorted(call.call_sid for call in result.calls) == sorted(placed[0] | placed[1])
    assert not any(call.failed for call in result.calls)
    passed = b"".join(bytes(each.sent + each.answered) for each in chief.connections)
    assert result.calls[0].call_sid.encode() in passed  # it can be read
    assert not any(token.encode() in passed for token in TOKENS)


def test_worker_on_a_machine_without_the_recordings_says_so_and_leaves() -> None:
    async def whole() -> tuple[int | None, str]:
        port = str(free_port())
        leading = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        leading += ["--headless", "--expect-workers", "2"]
        following = ["--worker", "--master-port", port]
        nowhere = ("127.0.0.1", 9)
        async with (
            locust(leading, TOKENS[0], environment(nowhere)),
            locust(following, TOKENS[1], environment(nowhere, "elsewhere.wav")) as worker,
        ):
            said = (await worker.communicate())[1].decode()
            return worker.returncode, said

    code, said = asyncio.run(asyncio.wait_for(whole(), 60))

    assert code == 2
    assert "elsewhere.wav: there is no such file\n" in said


def test_master_that_has_lost_a_worker_reports_the_rest_and_fails(tmp_path: Path) -> None:
    found = tmp_path / "run.json"

    async def whole() -> tuple[int | None, str]:
        async with AsyncExitStack() as up:
            to = _address(up.enter_context(light_server(max_messages=SHORT)))
            port = str(free_port())
            leading = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            leading += ["--headless", "--expect-workers", "2", "--users", "4", "--spawn-rate", "10"]
            leading += ["--run-time", "8", "--run-json", str(found)]
            master = await up.enter_async_context(locust(leading, TOKENS[0], environment(to)))
            taps = [await up.enter_async_context(wiretap(to)) for _ in range(2)]
            following = ["--worker", "--master-port", port]
            workers = [
                await up.enter_async_context(locust(following, token, environment(tap.address)))
                for tap, token in zip(taps, TOKENS[1:], strict=True)
            ]
            while not all(tap.connections for tap in taps):  # noqa: ASYNC110 - taps tell nobody
                await asyncio.sleep(0.05)
            workers[1].kill()
            said = (await master.communicate())[1].decode()
            return master.returncode, said

    code, said = asyncio.run(asyncio.wait_for(whole(), 90))

    result = msgspec.json.decode(found.read_bytes(), type=RunResult)
    assert result.calls
    assert not any(call.failed for call in result.calls)
    assert code == 1
    assert "is gone; what it has not told of is missing" in said


def environment(via: Address, recordings: str = str(default_recording())) -> dict[str, str]:
    """What a machine has in its environment, beside the token; the target is met at an address of this one."""
    return {
        "LOCUST_HOST": TARGET,
        "LOADTEST_CONNECT_TO": f"{via[0]}:{via[1]}",
        "LOADTEST_RECORDINGS": recordings,
    }


@asynccontextmanager
async def locust(arguments: Sequence[str], token: str, others: dict[str, str]) -> AsyncIterator[Process]:
    """Run Locust on our file, as one machine does, and end it at last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments,
        env={**os.environ, **others, "TWILIO_AUTH_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def signed_calls(tap: Wiretap, token: str) -> set[str]:
    """The CallSids of the webhooks that passed, each signed with this token."""
    call_sids = set()
    for request in tap.requests():
        fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        (signature,) = request.header("x-twilio-signature")
        assert RequestValidator(token).validate(f"{TARGET}/twilio/voice", fields, signature)
        call_sids.add(fields["CallSid"])
    return call_sids


def _address(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
