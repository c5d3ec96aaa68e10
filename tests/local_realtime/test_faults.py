import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.errors import SettingsError
from gateway.local_realtime import LocalRealtimeServer, RecordedVoice
from gateway.local_realtime.faults import NO_FAULTS, Faults, faults_of_file, faults_of_query
from tests.local_realtime.sessions import of_type, parse
from tests.local_realtime.test_server import Client


def run(server: LocalRealtimeServer, scenario: Callable[[str], Coroutine[Any, Any, Any]]) -> Any:
    async def running() -> Any:
        async with server, asyncio.timeout(10):
            return await scenario(server.url)

    return asyncio.run(running())


def refused(server: LocalRealtimeServer, query: str = "", **options: Any) -> InvalidStatus:
    async def scenario(url: str) -> InvalidStatus:
        with pytest.raises(InvalidStatus) as caught:
            await connect(url + query, **options)
        return caught.value

    answer: InvalidStatus = run(server, scenario)
    return answer


async def until_closed(socket: ClientConnection) -> list[str]:
    types = []
    try:
        while True:
            types.append(parse(await socket.recv())["type"])
    except ConnectionClosed:
        return types


# Faults


def test_a_query_is_read_as_faults() -> None:
    query = {"model": ["m"], "fault_close_after": ["2.5"], "fault_drop": ["session.updated,response.done"]}
    assert faults_of_query(query) == Faults(close_after=2.5, drop=("session.updated", "response.done"))
    assert faults_of_query({"model": ["m"]}) == NO_FAULTS


@pytest.mark.parametrize(
    "fault", ["colour", "close_after=x", "close_code=5", "close_code=1005", "refuse=200", "delay=nan"]
)
def test_a_query_with_a_mistake_is_refused(voice: RecordedVoice, fault: str) -> None:
    answer = refused(LocalRealtimeServer(voice=voice), f"?fault_{fault}{'' if '=' in fault else '=1'}")
    assert answer.response.status_code == 400
    assert b"faults are: refuse" in (answer.response.body or b"")


def test_a_handshake_can_be_refused(voice: RecordedVoice) -> None:
    assert refused(LocalRealtimeServer(voice=voice), "?fault_refuse=429").response.status_code == 429


@pytest.mark.parametrize(("code", "seen"), [(1011, 1011), (4000, 4000), (1006, 1006)])
def test_a_socket_can_be_closed_after_a_while(voice: RecordedVoice, code: int, seen: int) -> None:
    async def scenario(url: str) -> int | None:
        socket = await connect(f"{url}?fault_close_after=0.05&fault_close_code={code}")
        assert await until_closed(socket) == ["session.created"]
        return socket.close_code

    assert run(LocalRealtimeServer(voice=voice), scenario) == seen


def test_a_stalled_session_answers_nothing_not_even_pings(voice: RecordedVoice) -> None:
    async def scenario(url: str) -> None:
        async with connect(f"{url}?fault_stall_after=0", ping_interval=None) as socket:
            await socket.recv()
            # What was on its way when the session stalled may still be answered.
            while True:
                await socket.send('{"type": "input_audio_buffer.clear"}')
                pong = await socket.ping()
                try:
                    await asyncio.wait_for(pong, 0.3)
                except TimeoutError:
                    break
            socket.transport.abort()

    run(LocalRealtimeServer(voice=voice), scenario)


def test_events_can_be_dropped_and_answers_be_late(voice: RecordedVoice) -> None:
    async def scenario(url: str) -> float:
        now = asyncio.get_running_loop().time
        async with connect(f"{url}?fault_drop=session.updated&fault_delay=0.3", max_size=None) as socket:
            client = Client(socket)
            await client.until("session.created")
            await client.send("session.update", session={"type": "realtime", "instructions": "x"})
            asked_at = now()
            await client.send("response.create")
            events = await client.until("response.output_audio.delta")
            assert of_type(events, "session.updated") == []
            return now() - asked_at

    assert run(LocalRealtimeServer(voice=voice, first_delta_delay=0.0), scenario) >= 0.3


def test_a_control_file_is_read_anew_for_every_session(voice: RecordedVoice, tmp_path: Path) -> None:
    control = tmp_path / "faults.toml"
    control.write_text("")
    server = LocalRealtimeServer(voice=voice, faults_file=control)

    async def status(url: str) -> int:
        try:
            async with connect(url):
                return 101
        except InvalidStatus as exc:
            return exc.response.status_code

    async def scenario(url: str) -> list[int]:
        statuses = [await status(url)]
        for text in ("refuse = 503", "refuse = 7", ""):  # a broken file leaves the faults as they were
            control.write_text(text)
            statuses.append(await status(url))
        return statuses

    assert run(server, scenario) == [101, 503, 503, 101]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("refuse = 1", "refuse"),
        ("close = 1", "unknown field `close`"),
        ("refuse = [", "Invalid value"),
        ("x = '" + 70_000 * "x" + "'", "larger than"),
    ],
)
def test_a_control_file_with_a_mistake_is_told_in_a_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "faults.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint) as caught:
        faults_of_file(tmp_path / "faults.toml")
    assert "\n" not in str(caught.value)


def test_a_control_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        LocalRealtimeServer(faults_file=tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match="utf-8"):
        faults_of_file(tmp_path / "latin.toml")


# Keys


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"Authorization": "Bearer secret"}},
        {"subprotocols": [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.secret")]},
    ],
)
def test_a_key_is_taken_as_a_header_or_as_a_subprotocol(voice: RecordedVoice, options: Any) -> None:
    async def scenario(url: str) -> str | None:
        async with connect(url, **options) as socket:
            assert parse(await socket.recv())["type"] == "session.created"
            return socket.subprotocol

    chosen = run(LocalRealtimeServer(voice=voice, api_key="secret"), scenario)
    assert chosen == ("realtime" if "subprotocols" in options else None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer secre"}},
        {"additional_headers": {"Authorization": "Basic secret"}},
        {"subprotocols": [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.other")]},
    ],
)
def test_another_key_or_none_is_refused(voice: RecordedVoice, options: Any) -> None:
    answer = refused(LocalRealtimeServer(voice=voice, api_key="secret"), **options).response
    assert answer.status_code == 401
    assert b'"invalid_api_key"' in (answer.body or b"")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:9000", 101),
        ("http://localhost", 101),
        ("https://example.com", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_without_a_key_only_this_machines_pages_are_let_in(
    voice: RecordedVoice, origin: str, status: int
) -> None:
    server = LocalRealtimeServer(voice=voice)
    if status == 101:

        async def scenario(url: str) -> None:
            async with connect(url, origin=origin) as socket:  # type: ignore[arg-type]
                await socket.recv()

        run(server, scenario)
    else:
        assert refused(server, origin=origin).response.status_code == status
