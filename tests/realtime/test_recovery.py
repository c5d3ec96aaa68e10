"""RealtimeClient when its session is lost: what it tells, and what it sends again."""

import asyncio
from typing import Any

import pytest

from gateway.realtime import opening
from tests.fakes import Behaviour
from tests.gateways import run
from tests.realtime.recoveries import SECOND, heard_of, sessions, upcoming


def test_loss_and_restoring_are_told_in_that_order_with_the_gap_and_the_number_of_items() -> None:
    async def scenario() -> list[tuple[str, Any]]:
        async with sessions(Behaviour(), Behaviour(update_delay=0.1)) as (client, server, session):
            told = heard_of(client, "session.lost", "session.restored", "close")
            await client.send_user_message_content([{"type": "text", "text": "Hello."}])
            await session.wait_for("response.create")
            restored = upcoming(client, "session.restored")
            await session.close(1011)
            await restored
            await server.session()
            return told

    lost, restored, closed = run(scenario())
    assert closed == ("close", {"code": "disconnected", "error": False})
    assert lost == ("session.lost", {"code": "closed_1011"})
    assert restored[0] == "session.restored"
    assert restored[1]["n_items"] == 1
    assert 90 <= restored[1]["gap_ms"] < 2000


def test_answer_that_was_asked_for_and_had_not_begun_is_asked_for_again() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "Hello."}])
            await session.wait_for("response.create")
            session.drop()
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text() == "user: Hello."
            assert len(second.events("response.create")) == 1

    run(scenario())


def test_text_that_was_sent_into_a_dying_socket_reaches_the_next_session() -> None:
    async def scenario() -> None:
        silent = Behaviour(silent_items=lambda _: True)
        async with sessions(silent, Behaviour()) as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "Are you there?"}])
            await session.wait_for("response.create")
            appended = upcoming(client, "conversation.item.appended")
            session.drop()
            second = await server.session()
            item = (await appended)["item"]
            await second.wait_for("response.create")
            assert item.formatted.text == "Are you there?"
            assert second.history_text() == "user: Are you there?"

    run(scenario())


def test_text_given_while_there_is_no_session_waits_for_the_next() -> None:
    async def scenario() -> None:
        async with sessions(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost
            await client.send_user_message_content([{"type": "text", "text": "Hello?"}])
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text() == "user: Hello?"

    run(scenario())


def test_tool_that_runs_through_the_loss_is_answered_in_the_next_session_with_its_call() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            go_on = asyncio.Event()

            async def look_up(order: int) -> str:
                """Look up an order."""
                await go_on.wait()
                return f"order {order} is on its way"

            await client.add_tool(look_up)
            await session.call_tool("item_c", "call_1", "look_up", '{"order": 7}')
            restored = upcoming(client, "session.restored")
            session.drop()
            await restored
            second = await server.session()
            assert second.items == []  # a call without its output is not replayed
            go_on.set()
            await second.wait_for("response.create")
            assert second.history_text().splitlines() == [
                'call call_1: look_up {"order": 7}',
                "output call_1: order 7 is on its way",
            ]
            assert len(second.events("response.create")) == 1

    run(scenario())


def test_tool_that_ends_while_there_is_no_session_is_answered_in_the_next() -> None:
    async def scenario() -> None:
        async with sessions(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            go_on = asyncio.Event()

            async def look_up() -> str:
                await go_on.wait()
                return "found"

            await client.add_tool(look_up)
            await session.call_tool("item_c", "call_1", "look_up", "")
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost
            go_on.set()
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text().splitlines() == [
                "call call_1: look_up ",
                "output call_1: found",
            ] or (second.history_text().splitlines() == ["call call_1: look_up {}", "output call_1: found"])

    run(scenario())


def test_answered_tool_call_is_replayed_with_its_output_and_spoken_of_once() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await client.add_tool({"name": "look_up", "description": "Look up."}, lambda _: "found")
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await session.wait_for("response.create")
            session.drop()
            second = await server.session()
            await second.wait_for("response.create")
            assert second.orphan_calls() == []
            await second.say("item_a", SECOND, "It was found.")
            assert len(second.events("response.create")) == 1

    run(scenario())


def test_history_is_replayed_again_when_the_next_session_is_lost_too() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "One."}])
            await session.wait_for("response.create")
            await session.say("item_a", SECOND, "Two.")
            completed = upcoming(client, "session.restored")
            session.drop()
            await completed
            second = await server.session()
            completed = upcoming(client, "session.restored")
            second.drop()
            await completed
            third = await server.session()
            assert third.history_text() == "user: One.\nassistant: Two."
            assert [item.id for item in client.conversation.get_items()][-1] == "item_a"
            assert len(client.conversation.get_items()) == 2

    run(scenario())


def test_item_that_a_new_session_refuses_is_left_out_and_the_rest_restored() -> None:
    async def scenario() -> None:
        picky = Behaviour(refuses_items=lambda item: "Two" in str(item))
        async with sessions(Behaviour(), picky) as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            await session.say("item_b", SECOND, "Two.")
            await session.say("item_c", SECOND, "Three.")
            restored = upcoming(client, "session.restored")
            session.drop()
            assert (await restored)["n_items"] == 2
            second = await server.session()
            assert second.history_text() == "assistant: One.\nassistant: Three."

    run(scenario())


def test_session_that_never_acknowledges_the_history_is_used_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "RESTORE_TIMEOUT", 0.2)

    async def scenario() -> None:
        silent = Behaviour(silent_items=lambda _: True)
        async with sessions(Behaviour(), silent) as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            restored = upcoming(client, "session.restored")
            session.drop()
            assert (await restored)["n_items"] == 0
            second = await server.session()
            await client.append_input_audio(SECOND)
            await second.wait_for_audio(24_000)

    run(scenario())


def test_item_that_was_cut_is_replayed_as_far_as_it_was_heard() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.say("item_a", 4 * SECOND, "one two three four five six seven eight")
            done = upcoming(client, "response.completed")
            await done
            client.truncate_item_nowait("item_a", 2000)
            await session.wait_for("conversation.item.truncate")
            session.drop()
            second = await server.session()
            await second.wait_for_item(lambda _: True)
            assert second.history_text() == "assistant: one two three four"

    run(scenario())


def test_item_of_the_lost_session_that_is_cut_during_the_gap_is_replayed_as_far_as_it_was_heard() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            done = upcoming(client, "response.completed")
            await session.say("item_a", 4 * SECOND, "one two three four five six seven eight")
            await done
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost
            client.truncate_item_nowait("item_a", 1000)
            client.cancel_response_nowait()
            second = await server.session()
            await second.wait_for_item(lambda _: True)
            assert second.history_text() == "assistant: one two"

    run(scenario())


def test_restored_item_that_is_cut_to_nothing_is_deleted() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            done = upcoming(client, "response.completed")
            await session.say("item_a", SECOND, "Hello there.")
            await done
            restored = upcoming(client, "session.restored")
            session.drop()
            await restored
            second = await server.session()
            client.truncate_item_nowait("item_a", 0)
            await second.wait_for("conversation.item.delete")
            await client.send_user_message_content([{"type": "text", "text": "What?"}])
            await second.wait_for("response.create")
            assert second.history_text() == "user: What?"
            item = client.conversation.get_item("item_a")
            assert item is not None
            assert item.heard_ms == 0

    run(scenario())


def test_restored_item_can_be_deleted_by_its_old_id_however_long_that_is() -> None:
    async def scenario() -> None:
        name = "item_with_a_very_long_id_of_another_provider"
        async with sessions() as (client, server, session):
            done = upcoming(client, "response.completed")
            await session.say(name, SECOND, "Hello there.")
            await done
            restored = upcoming(client, "session.restored")
            session.drop()
            await restored
            second = await server.session()
            assert second.history_text() == "assistant: Hello there."
            await client.delete_item(name)
            await second.wait_for("conversation.item.delete")
            await client.send_user_message_content([{"type": "text", "text": "What?"}])
            await client.wait_for_next_item(timeout=5)
            assert client.conversation.get_item(name) is None
            assert second.history_text() == "user: What?"

    run(scenario())


def test_unfinished_item_of_the_lost_session_is_told_to_be_incomplete() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            incomplete = asyncio.ensure_future(
                client.wait_for_next("conversation.item.incomplete", timeout=5)
            )
            await session.begin("item_a")
            await client.wait_for_next("conversation.item.appended", timeout=5)
            session.drop()
            assert (await incomplete)["item"].id == "item_a"
            await server.session()

    run(scenario())
