"""The end of a conversation, wherever it is asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime import Provider, RealtimeAPI, RealtimeClient, dispatch, live_session
from tests.fake_behaviour import PATIENCE
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import record, until_taken
from tests.realtime.recoveries import upcoming

END = ("close", {"code": "disconnected", "error": False})


@contextlib.asynccontextmanager
async def _client(*behaviours: Behaviour) -> AsyncIterator[tuple[RealtimeClient, FakeRealtimeServer]]:
    """A client that is not connected; at the end there is neither a fault nor a task left."""
    async with FakeRealtimeServer(behaviours) as server:
        yield RealtimeClient(Provider(server.url, "m")), server
    assert server.faults == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _connect_again(client: RealtimeClient, server: FakeRealtimeServer) -> None:
    """Show that the client is as good as new."""
    assert not client.is_connected()
    assert client.conversation.get_items() == []
    await client.connect()
    session = await server.session()
    await until_taken(client, session)
    await client.disconnect()
    await session.closed.wait()


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(handshake_delay=5.0), Behaviour(greets=False), Behaviour(confirms=False)],
    ids=["handshake", "created", "updated"],
)
def test_disconnecting_at_any_step_of_connecting_ends_it_with_an_error_and_leaves_nothing(
    behaviour: Behaviour,
) -> None:
    async def scenario() -> None:
        async with _client(behaviour, Behaviour()) as (client, server):
            closes = record(client, "close")
            connecting = asyncio.create_task(client.connect())
            if not behaviour.handshake_delay:
                session = await server.session()
            await asyncio.wait([connecting], timeout=0.05)
            await client.disconnect()
            with pytest.raises(RealtimeError, match="disconnected while connecting") as caught:
                await connecting
            assert caught.value.code == "not_connected"
            if not behaviour.handshake_delay:
                await session.closed.wait()
            assert closes == []
            assert not client.realtime.is_connected()

    run(scenario())


def test_socket_opened_for_an_api_that_was_disconnected_meanwhile_is_closed_and_that_is_an_error() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(handshake_delay=0.1)) as server:
            api = RealtimeAPI(Provider(server.url, "m"))
            connecting = asyncio.create_task(api.connect())
            await asyncio.sleep(0)
            await api.disconnect()
            again = asyncio.create_task(api.connect())
            await asyncio.sleep(0)
            with pytest.raises(LocalProtocolError, match="already connected"):
                await api.connect()
            with pytest.raises(RealtimeError, match="disconnected while connecting"):
                await connecting
            await again
            assert api.is_connected()
            await api.disconnect()
            assert not api.is_connected()
            for _ in range(2):
                await (await server.session()).closed.wait()
        assert server.faults == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario())


def test_tool_may_end_the_conversation_it_is_called_in() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            closes = record(client, "close")

            async def hang_up() -> str:
                await client.disconnect()
                return "never given"

            await client.add_tool(hang_up)
            await client.connect()
            session = await server.session()
            closed = upcoming(client, "close")
            await session.call_tool("item_c", "call_1", "hang_up", "{}")
            await closed
            await session.closed.wait()
            assert session.events("conversation.item.create") == []
            assert closes == [END]
            await _connect_again(client, server)
            assert closes == [END, END]

    run(scenario())


def test_handler_that_ends_the_conversation_goes_on_after_that() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            closes = record(client, "close")
            went_on = asyncio.Event()

            async def hang_up(_: Any) -> None:
                await client.disconnect()
                went_on.set()

            client.on_next("conversation.item.appended", hang_up)
            await client.connect()
            session = await server.session()
            await session.say("item_a", bytes(960), "Goodbye.")
            async with asyncio.timeout(PATIENCE):
                await went_on.wait()
            await session.closed.wait()
            assert closes == [END]
            await _connect_again(client, server)

    run(scenario())


def test_disconnecting_that_is_cancelled_comes_to_its_end_all_the_same() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            closes = record(client, "close")
            await client.connect()
            session = await server.session()
            closed = upcoming(client, "close")
            disconnecting = asyncio.create_task(client.disconnect())
            await asyncio.sleep(0)
            disconnecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await disconnecting
            assert not client.is_connected()
            await closed
            await session.closed.wait()
            assert closes == [END]
            await _connect_again(client, server)

    run(scenario())


def test_disconnecting_several_times_at_once_is_one_end_which_all_wait_for() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            closes = record(client, "close")
            await client.connect()
            session = await server.session()
            await asyncio.gather(*(client.disconnect() for _ in range(3)))
            assert closes == [END]
            await session.closed.wait()
            await client.disconnect()
            assert closes == [END]
            await _connect_again(client, server)

    run(scenario())


def test_connecting_waits_for_the_end_of_the_conversation_before() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            told = record(client, "close", "conversation.item.appended")
            await client.connect()
            first = await server.session()
            disconnecting = asyncio.create_task(client.disconnect())
            await asyncio.sleep(0)
            await client.connect()
            assert [name for name, _ in told] == ["close"]
            assert disconnecting.done()
            await first.closed.wait()
            second = await server.session()
            await until_taken(client, second)
            await client.disconnect()

    run(scenario())


def test_disconnecting_while_connecting_waits_for_an_earlier_end_opens_no_socket_for_nothing() -> None:
    async def scenario() -> None:
        async with _client() as (client, server):
            closes = record(client, "close")
            await client.connect()
            await server.session()
            first_end = asyncio.create_task(client.disconnect())
            await asyncio.sleep(0)
            connecting = asyncio.create_task(client.connect())
            await asyncio.sleep(0)
            await client.disconnect()
            assert first_end.done()
            with pytest.raises(RealtimeError, match="disconnected while connecting"):
                await connecting
            assert len(server.attempts) == 1
            assert closes == [END]
            await _connect_again(client, server)

    run(scenario())


def test_tool_that_takes_no_notice_of_its_end_holds_up_nobody_and_says_nothing_to_the_next_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_session, "CLOSE_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with _client() as (client, server):
            begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def stubborn() -> str:
                begun.set()
                while not may_end.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await may_end.wait()
                ended.set()
                return "at last"

            await client.add_tool(stubborn)
            await client.connect()
            session = await server.session()
            await session.call_tool("item_c", "call_1", "stubborn", "{}")
            await begun.wait()
            async with asyncio.timeout(PATIENCE):
                await client.disconnect()
            await client.connect()
            second = await server.session()
            may_end.set()
            await ended.wait()
            await until_taken(client, second)
            assert [received.event["type"] for received in second.received] == [
                "session.update",
                "response.cancel",
            ]
            await client.disconnect()

    with capture_logs() as logs:
        run(scenario())
    assert "a tool does not end when it is cancelled" in [entry["event"] for entry in logs]


def test_handler_that_takes_no_notice_of_its_end_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "STOP_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with _client() as (client, server):
            begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def stubborn(_: Any) -> None:
                begun.set()
                while not may_end.is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await may_end.wait()
                ended.set()

            client.on_next("conversation.item.appended", stubborn)
            await client.connect()
            session = await server.session()
            await session.say("item_a", bytes(960), "Hello.")
            await begun.wait()
            async with asyncio.timeout(PATIENCE):
                await client.disconnect()
            await _connect_again(client, server)
            may_end.set()
            await ended.wait()

    with capture_logs() as logs:
        run(scenario())
    assert "a handler does not end when it is cancelled" in [entry["event"] for entry in logs]
