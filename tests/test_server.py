"""The server process: limits that uvicorn lacks, and the drain."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from gateway.loadtest.place import Outcome, place_call
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


def test_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = serve(taken.getsockname()[1])
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert "cannot listen" in errors
