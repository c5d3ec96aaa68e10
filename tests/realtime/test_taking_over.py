"""Clients that go on with the conversation of another: what they are given, and what they tell of it."""

import asyncio
from typing import Any

from gateway.realtime import Provider, RealtimeClient
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import run
from tests.realtime.clients import connected, next_event, until_handled, until_taken
from tests.realtime.recoveries import SECOND, lose, sessions


def client_after(server: FakeRealtimeServer, earlier: list[dict[str, Any]]) -> RealtimeClient:
    return RealtimeClient(Provider(server.url, "m", "sk-test"), earlier=earlier)


async def a_turn(client: RealtimeClient, session: FakeSession) -> None:
    """The caller asks, and hears half of the answer."""
    await session.speech_started(0, item_id="item_q")
    await session.speech_stopped(500, "When do you open?", item_id="item_q")
    await session.say("item_a", 2 * SECOND, "We open at nine and close at five.")
    await until_handled(client, session)
    client.truncate_item_nowait("item_a", 1000)
    await until_taken(client, session)


async def left_behind() -> list[dict[str, Any]]:
    """What another client, of which nothing is left, has heard and said."""
    async with sessions() as (client, _, session):
        await a_turn(client, session)
        return client.history()


def test_conversation_is_gone_on_with_by_another_client_as_far_as_it_was_heard() -> None:
    async def scenario() -> None:
        earlier = await left_behind()
        async with FakeRealtimeServer() as server:
            client = client_after(server, earlier)
            await client.connect()
            session = await server.session()
            assert session.history_text() == "user: When do you open?\nassistant: We open at nine"
            assert session.events("response.create") == []
            assert client.history() == earlier
            await client.disconnect()
            assert server.faults == []

    run(scenario())


def test_what_a_client_was_given_outlives_its_sessions_and_is_told_once() -> None:
    async def scenario() -> None:
        earlier = await left_behind()
        async with FakeRealtimeServer() as server:
            client = client_after(server, earlier)
            await client.connect()
            session = await server.session()
            await session.say("item_b", SECOND, "Anything else?")
            await until_handled(client, session)
            second = await lose(client, server, session)
            told = "user: When do you open?\nassistant: We open at nine\nassistant: Anything else?"
            assert second.history_text() == told
            assert [item["content"][0]["text"] for item in client.history()][1:] == [
                "We open at nine",
                "Anything else?",
            ]
            await client.disconnect()
            assert server.faults == []

    run(scenario())


def test_changing_what_was_given_or_told_changes_nothing_of_the_conversation() -> None:
    async def scenario() -> None:
        earlier = await left_behind()
        async with FakeRealtimeServer() as server:
            client = client_after(server, earlier)
            earlier.clear()
            await client.connect()
            client.history().clear()
            assert len((await server.session()).items) == 2
            await client.disconnect()

    run(scenario())


def test_client_without_a_session_has_no_history_and_answers_nothing() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.session.say("item_a", SECOND, "Hello.")
            await until_handled(each.client, each.session)
            assert each.client.history() != []
        assert each.client.history() == []
        assert not each.client.is_answering

    run(scenario())


def test_client_is_answering_from_the_wish_for_an_answer_to_its_end() -> None:
    async def scenario() -> None:
        async with connected() as each:
            client, session = each.client, each.session
            assert not client.is_answering
            await client.create_response()
            assert client.is_answering  # it was asked for
            await session.wait_for("response.create")
            await session.begin("item_a")
            await until_handled(client, session)
            assert client.is_answering
            await session.speak("item_a", SECOND)
            await session.finish("item_a", "Hello.")
            await until_handled(client, session)
            assert not client.is_answering

    run(scenario())


def test_client_is_answering_while_a_tool_runs() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def look_up() -> str:
        """Look something up."""
        begun.set()
        await may_end.wait()
        return "found"

    async def scenario() -> None:
        async with connected(None, None, look_up) as each:
            client, session = each.client, each.session
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await until_handled(client, session)
            await begun.wait()
            assert client.is_answering
            appended = asyncio.ensure_future(next_event(client, "conversation.item.completed"))
            may_end.set()
            await appended
            await session.wait_for("response.create")
            await session.say("item_a", SECOND, "Found.")
            await until_handled(client, session)
            assert not client.is_answering

    run(scenario())
