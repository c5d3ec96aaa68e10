"""Items over several sessions: their order, their ids, and those that are gone."""

import asyncio

import pytest

from gateway.realtime import opening
from tests.fakes import Behaviour
from tests.gateways import run
from tests.realtime.clients import record, until_handled, until_taken
from tests.realtime.recoveries import SECOND, lose, sessions

OWN_IDS = Behaviour(own_ids=True)


def test_tool_that_answers_late_leaves_the_same_order_everywhere() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            go_on = asyncio.Event()

            async def look_up() -> str:
                await go_on.wait()
                return "found"

            await client.add_tool(look_up)
            await session.say("item_a", SECOND, "Hello.")
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await until_handled(client, session)
            second = await lose(client, server, session)
            await second.say("item_b", SECOND, "One moment.")
            await until_handled(client, second)
            go_on.set()
            await second.wait_for("response.create")
            await second.say("item_d", SECOND, "It was found.")
            await until_taken(client, second)
            assert second.history_text().splitlines() == [
                "assistant: Hello.",
                "assistant: One moment.",
                "call call_1: look_up {}",
                "output call_1: found",
                "assistant: It was found.",
            ]
            items = client.conversation.get_items()
            assert [item.id for item in items] == [item["id"] for item in second.items]
            third = await lose(client, server, second)
            assert third.history_text() == second.history_text()
            assert [item["id"] for item in third.items] == [item["id"] for item in second.items]
            assert [item.id for item in client.conversation.get_items()] == [item.id for item in items]

    run(scenario())


def test_server_that_gives_items_ids_of_its_own_is_told_everything_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "RESTORE_TIMEOUT", 60.0)  # so that waiting for it would be noticed

    async def scenario() -> None:
        async with sessions(OWN_IDS) as (client, server, session):
            await client.add_tool({"name": "look_up"}, lambda _: "found")
            await client.send_user_message_content([{"type": "text", "text": "One."}])
            await session.wait_for("response.create")
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await session.wait_for("response.create")
            await session.say("item_a", SECOND, "Two.")
            await until_taken(client, session)
            told = session.history_text()
            assert len(told.splitlines()) == 4
            last = session
            for _ in range(3):
                last = await lose(client, server, last)
                await until_taken(client, last)
                assert last.history_text() == told
                assert len(client.conversation.get_items()) == 4

    run(scenario())


def test_item_restored_under_another_id_is_deleted_and_cut_under_that() -> None:
    async def scenario() -> None:
        async with sessions(OWN_IDS) as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            await session.say("item_b", 4 * SECOND, "two three four five")
            await session.say("item_c", SECOND, "Six.")
            await until_handled(client, session)
            second = await lose(client, server, session)
            await client.delete_item("item_a")
            client.truncate_item_nowait("item_b", 2000)
            await until_taken(client, second)
            assert second.history_text() == "assistant: two three\nassistant: Six."
            assert [item.id for item in client.conversation.get_items()] == ["item_b", "item_c"]

    run(scenario())


def test_item_that_was_being_deleted_when_the_session_was_lost_is_never_told_again() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            await session.say("item_b", SECOND, "Two.")
            await until_handled(client, session)
            session.stop_reading()
            await client.delete_item("item_a")
            last = session
            for _ in range(2):
                last = await lose(client, server, last)
                await until_taken(client, last)
                assert last.history_text() == "assistant: Two."

    run(scenario())


def test_message_that_was_deleted_before_the_server_had_taken_it_is_never_told() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            created = record(client.realtime, "client.conversation.item.create")
            session.stop_reading()
            await client.send_user_message_content([{"type": "text", "text": "Forget this."}])
            await client.delete_item(created[0][1]["item"]["id"])
            second = await lose(client, server, session)
            await until_taken(client, second)
            assert second.items == []

    run(scenario())
