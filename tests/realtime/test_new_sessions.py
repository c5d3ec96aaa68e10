"""Sessions that are being opened: what changes meanwhile, what is said meanwhile, and how they fail."""

import asyncio
import time
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime import Provider, RealtimeClient, SessionConfig, leg, live_session, opening, retry
from tests.fake_behaviour import Event
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import record, until_handled, until_taken
from tests.realtime.recoveries import SECOND, lose, sessions, upcoming

HELLO = [{"type": "text", "text": "Hello?"}]
NEWS = {"type": "rate_limits.updated", "rate_limits": []}


def get_hours() -> str:
    return "9 to 5"


# Changes


def test_changes_made_while_the_first_session_is_opened_reach_the_server() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(update_delay=0.1)) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            connecting = asyncio.create_task(client.connect())
            session = await server.session()
            await session.wait_for("session.update")
            await asyncio.gather(client.update_session(instructions="Be brief."), client.add_tool(get_hours))
            await connecting
            assert session.effective["instructions"] == "Be brief."
            assert [tool["name"] for tool in session.effective["tools"]] == ["get_hours"]
            assert len(session.events("session.update")) == 2
            await client.disconnect()
        assert server.faults == []

    run(scenario())


def test_changes_made_while_a_lost_session_is_replaced_reach_the_new_one() -> None:
    async def scenario() -> None:
        async with sessions(Behaviour(), Behaviour(update_delay=0.1)) as (client, server, session):
            session.drop()
            second = await server.session()
            await second.wait_for("session.update")
            await asyncio.gather(client.update_session(instructions="Be brief."), client.add_tool(get_hours))
            assert second.effective["instructions"] == "Be brief."
            assert [tool["name"] for tool in second.effective["tools"]] == ["get_hours"]
            assert client.config.instructions == "Be brief."

    run(scenario())


def test_change_made_while_connecting_and_refused_then_is_undone() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(update_delay=0.1)) as server:
            client = RealtimeClient(Provider(server.url, "m"), SessionConfig(instructions="a"))
            connecting = asyncio.create_task(client.connect())
            session = await server.session()
            await session.wait_for("session.update")
            session.behaviour = Behaviour(update_error="unknown_parameter")
            with pytest.raises(RealtimeError, match="refused"):
                await client.update_session(instructions="b")
            await connecting
            assert client.config.instructions == "a"
            await client.disconnect()

    run(scenario())


def test_refused_change_goes_back_to_what_was_agreed_although_another_was_confirmed_before() -> None:
    async def scenario() -> None:
        async with sessions(config=SessionConfig(instructions="a")) as (client, _, session):
            session.behaviour = Behaviour(confirms=False)
            first = asyncio.create_task(client.update_session(speed=1.5))
            await session.wait_for("session.update")
            await session.wait_for("session.update")
            second = asyncio.create_task(client.update_session(instructions="b"))
            await session.wait_for("session.update")
            confirmed = {"type": "session.updated", "session": session.effective}
            await session.send(confirmed)
            await first
            await session.error("invalid_value")  # which names no event
            with pytest.raises(RealtimeError, match="refused") as caught:
                await second
            assert caught.value.code == "invalid_value"
            assert client.config == SessionConfig(instructions="a", speed=1.5)

    run(scenario())


def test_change_of_a_client_without_a_session_that_its_provider_cannot_make_is_undone() -> None:
    async def scenario() -> None:
        client = RealtimeClient(Provider("ws://127.0.0.1", "m"))
        former = client.config
        await client.add_tool(get_hours)
        clash = {"type": "function", "name": "get_hours"}
        with pytest.raises(LocalProtocolError, match="get_hours"):
            await client.update_session(tools=(clash,))
        assert client.config == former

    run(scenario())


# Losses


def test_nothing_said_while_another_session_was_opened_in_advance_is_lost_with_the_present_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.0)
    monkeypatch.setattr(leg, "TICK", 0.01)

    async def scenario() -> None:
        behaviours = Behaviour(), Behaviour(confirms=False), Behaviour()
        async with sessions(*behaviours) as (client, server, session):
            early = await server.session()
            await early.wait_for("session.update")
            await client.send_user_message_content(HELLO)
            await session.wait_for("response.create")
            restored = upcoming(client, "session.restored")
            session.drop()
            await early.closed.wait()
            assert (await restored)["n_items"] == 1
            third = await server.session()
            await third.wait_for("response.create")
            assert third.history_text() == "user: Hello?"
            await third.say("item_a", SECOND, "Hello.")

    run(scenario())


@pytest.mark.parametrize("how", ["noticed", "unnoticed"])
def test_text_that_waits_through_two_losses_in_a_row_is_said_once_there_is_a_session(how: str) -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            told = record(client, "session.lost", "session.restored")
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost

            def lose_again(_: Any) -> None:
                if how == "noticed":
                    client.realtime.drop("again")
                else:
                    server.sessions[-1].drop()

            client.on_next("session.restored", lose_again)
            await client.send_user_message_content(HELLO)
            await server.session()
            third = await server.session()
            await third.wait_for("response.create")
            assert third.history_text() == "user: Hello?"
            assert [name for name, _ in told] == ["session.lost", "session.restored"] * 2

    run(scenario())


def test_session_that_expires_among_its_first_events_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RESTORE_TIMEOUT", 0.1)

    async def scenario() -> None:
        silent = Behaviour(silent_items=lambda _: True)
        async with sessions(Behaviour(), silent, Behaviour()) as (client, server, session):
            told = record(client, "session.lost", "session.restored")
            restored = upcoming(client, "session.restored")
            await session.say("item_a", SECOND, "Hello.")
            await until_handled(client, session)
            session.drop()
            second = await server.session()
            await second.wait_for("conversation.item.create")
            await second.error("session_expired")
            await second.error("session_expired")
            await restored
            third = await server.session()
            assert third.history_text() == "assistant: Hello."
            assert told[:2] == [
                ("session.lost", {"code": "closed_1006"}),
                ("session.lost", {"code": "session_expired"}),
            ]
            assert [name for name, _ in told[2:]] == ["session.restored"]
            await second.closed.wait()

    run(scenario())


def test_session_that_is_lost_between_an_event_and_the_answer_to_it_is_replaced() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await client.create_response(instructions="a")
            await session.wait_for("response.create")
            await session.begin("item_a")
            await client.create_response(instructions="b")
            await until_handled(client, session)
            response = {"id": "resp_item_a", "object": "realtime.response", "status": "completed"}
            done: Event = {**response, "conversation_id": "conv_1", "output": [], "usage": None}
            await session.close_behind({"type": "response.done", "response": done})
            second = await server.session()
            event = (await second.wait_for("response.create")).event
            assert event["response"] == {"instructions": "b"}

    run(scenario())


def test_error_about_the_account_does_not_explain_a_close_much_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "EXPLAINS_FOR", 0.0)

    async def scenario() -> None:
        async with sessions() as (client, server, session):
            lost, restored = upcoming(client, "session.lost"), upcoming(client, "session.restored")
            await session.error("insufficient_quota")
            await session.close(1000)
            assert await lost == {"code": "closed_1000"}
            await restored
            await server.session()

    run(scenario())


# Trouble


def test_session_that_is_not_confirmed_in_time_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "ATTEMPT_TIMEOUT", 0.2)

    async def scenario() -> None:
        async with sessions(Behaviour(confirms=False), Behaviour()) as (client, server, first):
            second = await server.session()
            await until_taken(client, second)
            await first.closed.wait()

    run(scenario())


@pytest.mark.parametrize("n_items", [0, 1])
def test_session_that_the_server_confirms_and_closes_is_tried_again(n_items: int) -> None:
    async def scenario() -> None:
        behaviours = Behaviour(), Behaviour(confirms=False), Behaviour()
        async with sessions(*behaviours) as (client, server, session):
            for number in range(n_items):
                await session.say(f"item_{number}", SECOND, "Hello.")
            await until_handled(client, session)
            restored = upcoming(client, "session.restored")
            session.drop()
            second = await server.session()
            await second.wait_for("session.update")
            await second.close_behind({"type": "session.updated", "session": second.effective})
            third = await server.session()
            await restored
            assert len(third.items) == n_items

    run(scenario())


def test_session_that_the_server_restores_and_closes_is_tried_again() -> None:
    async def scenario() -> None:
        silent = Behaviour(silent_items=lambda _: True)
        async with sessions(Behaviour(), silent, Behaviour()) as (client, server, session):
            await session.say("item_a", SECOND, "Hello.")
            await until_handled(client, session)
            restored = upcoming(client, "session.restored")
            session.drop()
            second = await server.session()
            item = await second.wait_for_item(lambda _: True)
            for event in ({"type": "session.updated", "session": second.effective}, NEWS):
                await second.send(event)
            await second.close_behind(
                {"type": "conversation.item.added", "previous_item_id": None, "item": item}
            )
            third = await server.session()
            await restored
            assert third.history_text() == "assistant: Hello."

    run(scenario())


def test_output_of_a_tool_that_ends_as_the_server_closes_is_given_to_the_next_session() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            begun, go_on = asyncio.Event(), asyncio.Event()

            async def look_up() -> str:
                begun.set()
                await go_on.wait()
                return "found"

            await client.add_tool(look_up)
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await begun.wait()
            client.realtime.on_next("server.rate_limits.updated", lambda _: go_on.set())
            await session.close_behind(NEWS)
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text().splitlines() == ["call call_1: look_up {}", "output call_1: found"]

    run(scenario())


def test_server_that_wants_to_be_left_alone_for_longer_than_there_is_time_is_given_up_at_once() -> None:
    async def scenario() -> tuple[RealtimeError, float]:
        async with FakeRealtimeServer(Behaviour(handshake_status=429, retry_after=60)) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            begun = time.monotonic()
            with pytest.raises(RealtimeError) as caught:
                await client.connect()
            assert len(server.attempts) == 1
            return caught.value, time.monotonic() - begun

    error, seconds = run(scenario())
    assert error.code == "unavailable"
    assert error.retry_after == 60.0
    assert seconds < 4.0


def test_first_session_that_is_lost_five_times_within_a_minute_is_given_up() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            closed = upcoming(client, "close")
            last = session
            for _ in range(4):
                last = await lose(client, server, last)
            last.drop()
            assert await closed == {"code": "closed_1006", "error": True}
            assert len(server.attempts) == 5
            with pytest.raises(RealtimeError, match="not connected"):
                await client.create_response()

    run(scenario())


def test_slow_session_that_is_exchanged_holds_up_nobody_who_sends_audio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_session, "STALL_TIMEOUT", 60.0)
    monkeypatch.setattr(leg, "ROTATE_AT", 0.0)
    monkeypatch.setattr(leg, "TICK", 0.01)
    monkeypatch.setattr("gateway.realtime.connection.CLOSE_TIMEOUT", 0.05)

    async def scenario() -> None:
        async with FakeRealtimeServer(receive_buffer=4096) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            client.is_audible = lambda: True
            await client.connect()
            session = await server.session()
            session.stop_reading()
            blocked = asyncio.create_task(_send_without_end(client))
            await asyncio.wait([blocked], timeout=0.1)
            restored = upcoming(client, "session.restored")
            client.is_audible = bool
            await restored
            second = await server.session()
            n_samples = len(second.audio) // 2
            await second.wait_for_audio(n_samples + 240_000)
            assert client.n_dropped_ms == 0
            blocked.cancel()
            await asyncio.wait([blocked])
            await client.disconnect()

    async def _send_without_end(client: RealtimeClient) -> None:
        while True:
            await client.append_input_audio(SECOND)

    run(scenario())


def test_cut_of_an_unknown_item_is_told_to_the_server_and_without_a_session_to_nobody() -> None:
    async def scenario() -> None:
        client = RealtimeClient(Provider("ws://127.0.0.1", "m"))
        client.truncate_item_nowait("item_x", 100)
        async with sessions() as (client, _, session):
            errors = record(client, "error")
            client.truncate_item_nowait("item_x", 100)
            await session.wait_for("conversation.item.truncate")
            await until_taken(client, session)
            assert session.faults.pop().startswith("conversation.item.truncate refused")
            assert errors[0][1].code == "invalid_value"

    run(scenario())
