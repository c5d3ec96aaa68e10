"""Sessions that do not come about, or do not last, over real sockets."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from gateway.errors import RealtimeError
from gateway.realtime import Provider, RealtimeAPI, RealtimeClient, connection, live_session, model_socket
from gateway.realtime.connection import ModelConnection, Receiver, open_connection
from gateway.realtime.dialogue import Dialogue
from gateway.realtime.dispatch import RealtimeEventHandler
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import connected, next_event, opened_api, record


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    accept = hashlib.sha1((key.split(": ")[1] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n")
    await writer.drain()


async def _accept_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _accept(reader, writer)
    writer.write(b"\x88\x02\x03\xe8")
    writer.close()
    await writer.wait_closed()


def test_disconnecting_while_connecting_ends_both_at_once_and_leaves_nothing_open() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(confirms=False)) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            connecting = asyncio.ensure_future(client.connect())
            session = await server.session()
            await session.wait_for("session.update")
            await client.disconnect()
            with pytest.raises(RealtimeError, match="disconnected while connecting"):
                await connecting
            await session.closed.wait()
            assert not client.is_connected()
            assert not client.realtime.is_connected()
            assert len(server.attempts) == 1

    run(scenario())


def test_cancelled_connecting_leaves_nothing_open() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer([Behaviour(confirms=False), Behaviour()]) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            connecting = asyncio.ensure_future(client.connect())
            session = await server.session()
            await session.wait_for("session.update")
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await session.closed.wait()
            await client.connect()
            assert client.is_connected()
            await client.disconnect()

    run(scenario())


def test_fault_of_our_own_ends_the_session_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "close")
            monkeypatch.setattr(Dialogue, "tick", lambda *_: 1 / 0)
            await each.session.closed.wait()
            assert seen == [("close", {"code": "bug", "error": True})]
            assert not each.client.is_connected()
            assert not each.client.realtime.is_connected()

    with capture_logs() as logs:
        run(scenario())
    assert "the model leg failed" in [entry["event"] for entry in logs]


def test_connecting_may_be_cancelled_while_it_is_ended_by_disconnecting() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(confirms=False)) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            connecting = asyncio.ensure_future(client.connect())
            session = await server.session()
            await session.wait_for("session.update")
            closing = asyncio.ensure_future(client.disconnect())
            await asyncio.sleep(0)
            connecting.cancel()
            await closing
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert not client.is_connected()

    run(scenario())


def test_session_whose_server_stops_taking_audio_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_session, "STALL_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with FakeRealtimeServer(receive_buffer=16 * 1024) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            await client.connect()
            session = await server.session()
            seen = record(client, "session.lost", "session.restored", "close")
            restored = asyncio.ensure_future(next_event(client, "session.restored"))
            session.stop_reading()
            while client.n_dropped_ms == 0:
                client.append_input_audio_nowait(bytes(48_000))
                await asyncio.sleep(0)
            await restored
            assert [name for name, _ in seen] == ["session.lost", "session.restored"]
            assert seen[0][1] == {"code": "stalled"}
            again = await server.session()
            await again.wait_for_audio(24_000)
            await client.disconnect()

    run(scenario())


def test_session_that_has_expired_is_replaced_by_another() -> None:
    async def scenario() -> None:
        async with connected() as each:
            restored = asyncio.ensure_future(next_event(each.client, "session.restored"))
            await asyncio.sleep(0)
            await each.session.error("session_expired")
            assert (await restored)["n_items"] == 0
            assert each.client.n_sessions == 2

    run(scenario())


def test_event_is_lost_without_an_error_if_a_handler_gives_up_the_socket_before_it_is_written() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            api.on("client.*", lambda _: api.drop("by a handler"))
            closes = record(api, "close")
            assert await api.send("input_audio_buffer.clear")
            await session.closed.wait()
            assert session.received == []
            assert closes == [("close", {"code": 1006, "reason": "by a handler", "error": True})]
            api.drop("again")
            assert len(closes) == 1

    run(scenario())


def test_message_in_several_fragments_is_one_event() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            arrived = asyncio.ensure_future(next_event(api, "server.new"))
            await asyncio.sleep(0)
            await session._connection.send(['{"type": ', '"new", "text": ', '"caf\u00e9"}'])
            assert (await arrived)["text"] == "caf\u00e9"

    run(scenario())


def test_socket_that_is_not_open_sends_nothing() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, _):
            socket = api.new_socket(None)
            assert not socket.is_open
            with pytest.raises(RealtimeError, match="not connected"):
                socket.send("response.create")
            socket.abort()
            await socket.close()
            await socket.open()
            await socket.close()
            with pytest.raises(RealtimeError):
                socket.send("response.create")

    run(scenario())


def test_socket_that_is_replaced_is_handed_back_and_says_nothing_to_us_any_more() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, server, session):
            socket = api.new_socket(None)
            await socket.open()
            second = await server.session()
            seen = record(api, "close")
            former = api.use(socket)
            assert former is not None
            await session.close()
            await session.closed.wait()
            await former.close()
            await api.send("input_audio_buffer.clear")
            await second.wait_for("input_audio_buffer.clear")
            assert seen == []
            assert api.is_connected()

    run(scenario())


def test_server_that_does_not_answer_the_handshake_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OPEN_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(handshake_delay=5.0)) as server:
            with pytest.raises(RealtimeError, match=r"did not answer in 0\.1 s") as caught:
                await RealtimeAPI(Provider(server.url, "m")).connect()
            assert caught.value.code == "timeout"

    run(scenario())


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n"])
def test_server_that_speaks_something_else_is_unreachable(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def scenario() -> str:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            with pytest.raises(RealtimeError) as caught:
                await RealtimeAPI(Provider(f"ws://{host}:{port}", "m")).connect()
        return caught.value.code

    assert run(scenario()) == "unreachable"


def test_address_where_nobody_listens_is_unreachable() -> None:
    async def scenario() -> str:
        async with FakeRealtimeServer() as server:
            url = server.url
        with pytest.raises(RealtimeError) as caught:
            await RealtimeAPI(Provider(url, "m")).connect()
        return caught.value.code

    assert run(scenario()) == "unreachable"


@pytest.mark.parametrize(
    ("status", "code"), [(403, "forbidden"), (404, "model_not_found"), (418, "refused"), (429, "unavailable")]
)
def test_refusal_of_the_handshake_says_whether_another_try_makes_sense(status: int, code: str) -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(handshake_status=status, retry_after=7)) as server:
            with pytest.raises(RealtimeError) as caught:
                await RealtimeAPI(Provider(server.url, "m")).connect()
            assert (caught.value.code, caught.value.retry_after) == (code, 7.0)

    run(scenario())


@pytest.mark.parametrize("late", [False, True])
def test_server_that_accepts_and_closes_at_once_is_an_error_of_connecting(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    async def open_late(url: str, headers: Mapping[str, str], receiver: Receiver) -> ModelConnection:
        opened = await open_connection(url, headers, receiver)
        await opened.wait_closed()
        return opened

    if late:
        monkeypatch.setattr(model_socket, "open_connection", open_late)

    async def scenario() -> str:
        server = await asyncio.start_server(_accept_and_close, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            api = RealtimeAPI(Provider(f"ws://{host}:{port}", "m"))
            with pytest.raises(RealtimeError, match="closed at once") as caught:
                await api.connect()
            assert not api.is_connected()
            return caught.value.code

    assert run(scenario()).startswith("closed_")


def test_connection_that_was_closed_takes_no_message() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(greets=False)) as server:
            strays = model_socket.Strays()
            receiver = model_socket.ModelSocket(Provider(server.url, "m"), RealtimeEventHandler(), strays)
            opened = await open_connection(server.url + "?model=m", {}, receiver)
            assert opened.write_text(b"{}")
            await opened.close()
            assert not opened.write_text(b"{}")

    run(scenario())


def test_server_that_sends_a_close_frame_and_nothing_more_is_taken_to_be_gone_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 60.0)

    is_connected = asyncio.Event()

    async def accept_and_say_goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _accept(reader, writer)
        await is_connected.wait()
        writer.write(b"\x88\x02\x03\xf3")  # 1011
        await reader.read()  # until the client ends the connection, which the server never does
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(accept_and_say_goodbye, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            api = RealtimeAPI(Provider(f"ws://{host}:{port}", "m"))
            closed = asyncio.create_task(next_event(api, "close"))
            await api.connect()
            is_connected.set()
            assert (await closed)["code"] == 1011
            assert not api.is_connected()

    run(scenario())


def test_server_that_does_not_read_holds_up_nobody_who_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            session.stop_reading()
            for _ in range(100):
                await api.send("input_audio_buffer.append", {"audio": bytes(150_000)})
            assert api.is_connected()

    run(scenario())
