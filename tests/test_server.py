"""The server process: limits that uvicorn lacks, and the drain."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from gateway.cli.listening import open_listener
from gateway.errors import SettingsError
from gateway.loadtest.line import Line
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.web import limited_http, media_socket
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running

OPENINGS = [
    b"",
    (
        b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nhalf"
    ),
    b"GET /twilio/media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Half: ",
]
UPGRADE = (
    b"GET /twilio/media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)


async def answer(at: Running, opening: bytes) -> bytes:
    """Send this and read until the server closes."""
    reader, writer = await asyncio.open_connection(*at.address)
    writer.write(opening)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("opening", OPENINGS)
def test_request_that_is_never_finished_is_cut_off(monkeypatch: pytest.MonkeyPatch, opening: bytes) -> None:
    monkeypatch.setattr(limited_http, "REQUEST_TIMEOUT", 0.2)
    monkeypatch.setattr(media_socket, "HANDSHAKE_TIMEOUT", 0.2)

    async def scenario() -> bytes:
        async with running() as at:
            return await answer(at, opening)

    assert run(scenario(), seconds=10) == b""


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"y" * 9000 + b"\r\n",
        b"".join(b"X-%d: y\r\n" % n for n in range(300)),
        b"X: " + b"y" * 70_000 + b"\r\n",
    ],
)
def test_handshake_with_an_oversized_head_is_answered_and_closed(headers: bytes) -> None:
    async def scenario() -> bytes:
        async with running() as at:
            return await answer(at, UPGRADE % headers)

    assert run(scenario(), seconds=10).startswith(b"HTTP/1.1 400")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def serve(port: int, **settings: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "PORT": str(port),
        "LOG_FORMAT": "json",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **settings,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )


async def up(port: int) -> None:
    """Wait until something listens there."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def test_sigterm_cuts_no_call_and_new_callers_hear_busy() -> None:
    async def scenario() -> tuple[Outcome, str, int]:
        port = free_port()
        async with FakeRealtimeServer() as model:
            process = serve(port, REALTIME_URL=model.url, DRAIN_TIMEOUT="20")
            try:
                await up(port)
                at = Running(None, port)  # type: ignore[arg-type]  # it is another process
                async with asyncio.TaskGroup() as tasks:
                    placed = tasks.create_task(place_call(at.caller(2.0), connect_to=at.address))
                    session = await model.session()
                    await session.wait_for("input_audio_buffer.append")
                    process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.3)
                    refused = await place_call(at.caller(1.0), connect_to=at.address)
                code = await asyncio.to_thread(process.wait, 10)
            finally:
                process.kill()
                process.communicate()
            return placed.result(), refused.end.reason, code

    outcome, refused, code = run(scenario())
    assert outcome.end.reason == "caller-hung-up"
    assert refused == "busy"
    assert code == 0


def test_call_that_outlives_the_drain_is_ended_in_order() -> None:
    async def scenario() -> tuple[str, float]:
        port = free_port()
        async with FakeRealtimeServer() as model:
            process = serve(port, REALTIME_URL=model.url, DRAIN_TIMEOUT="0.5")
            try:
                await up(port)
                at = Running(None, port)  # type: ignore[arg-type]  # it is another process
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(place_call(at.caller(8.0), connect_to=at.address))
                    session = await model.session()
                    await session.wait_for("input_audio_buffer.append")
                    process.send_signal(signal.SIGTERM)
                    began = time.monotonic()
                    await asyncio.to_thread(process.wait, 10)
                    took = time.monotonic() - began
            finally:
                process.kill()
                log = process.communicate()[1]
            return log, took

    log, took = run(scenario())
    assert '"reason": "drained"' in log
    assert took < 5
    assert AUTH_TOKEN not in log


@contextlib.asynccontextmanager
async def stopping(**settings: Any) -> AsyncIterator[tuple[Running, Callable[[], None]]]:
    """Run a gateway, and give what stops it; leave when it has stopped."""
    up: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    told = asyncio.Event()

    async def serve_until_told() -> None:
        async with running(**settings) as at:
            up.set_result(at)
            await told.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_until_told())
        yield await up, told.set
        told.set()


def test_a_stream_that_is_on_its_way_at_sigterm_still_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> Outcome:
        async with (
            FakeRealtimeServer() as model,
            stopping(realtime_url=model.url, drain_timeout=20.0) as (at, stop),
        ):
            opened = Line.open

            async def open_late(self: Line, step: StreamStep) -> ClientConnection | End:
                stop()
                await asyncio.sleep(0.3)  # uvicorn looks ten times a second
                return await opened(self, step)

            monkeypatch.setattr(Line, "open", open_late)
            return await place_call(at.caller(0.5), connect_to=at.address)

    assert run(scenario()).end.reason == "caller-hung-up"


def test_the_last_call_of_a_drain_is_told_how_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> Outcome:
        async with (
            FakeRealtimeServer() as model,
            stopping(realtime_url=model.url, drain_timeout=20.0) as (at, stop),
            asyncio.TaskGroup() as tasks,
        ):
            asked = Line.ask

            async def ask_late(self: Line, step: WebhookStep) -> Step:
                await at.gateway.active_calls.wait_empty()
                await asyncio.sleep(0.2)  # Twilio is not as near as we are
                return await asked(self, step)

            monkeypatch.setattr(Line, "ask", ask_late)
            placed = tasks.create_task(place_call(at.caller(8.0), connect_to=at.address))
            session = await model.session()
            await session.wait_for("input_audio_buffer.append")
            stop()
            await asyncio.sleep(0.3)
            await session.call_tool("item_1", "call_1", "hang_up", "{}")
        return placed.result()

    assert run(scenario()).end.reason == "gateway-hung-up"


def test_a_line_that_breaks_in_a_drain_is_taken_up_again() -> None:
    async def scenario() -> tuple[Outcome, int]:
        async with (
            FakeRealtimeServer() as model,
            stopping(realtime_url=model.url, drain_timeout=20.0) as (at, stop),
            asyncio.TaskGroup() as tasks,
        ):
            other = tasks.create_task(place_call(at.caller(3.0), connect_to=at.address))
            await model.session()
            breaks = at.caller(2.0, breaks_at=(1.0,))
            placed = tasks.create_task(place_call(breaks, connect_to=at.address))
            await (await model.session()).wait_for("input_audio_buffer.append")
            stop()
        assert other.result().end.reason == "caller-hung-up"
        return placed.result(), len(model.sessions)

    outcome, n_sessions = run(scenario())
    assert outcome.end.reason == "caller-hung-up"
    assert sum(event.kind == "stream-started" for event in outcome.timeline.events) == 2
    assert n_sessions == 2


def test_host_that_is_not_found_is_told_in_words() -> None:
    with pytest.raises(SettingsError) as caught:
        open_listener("nonsense.invalid", 8000)

    assert str(caught.value) == "cannot listen on nonsense.invalid, port 8000: there is no such address"


def test_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = serve(taken.getsockname()[1])
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert "cannot listen" in errors
