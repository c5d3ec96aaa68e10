"""RealtimeClient when its session is lost: what it tells, what it sends again, and when it gives up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.errors import RealtimeError
from gateway.realtime import Provider, RealtimeClient, SessionConfig, leg, opening, retry
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import run

SECOND = bytes(48_000)


@asynccontextmanager
async def connected(
    *behaviours: Behaviour, config: SessionConfig | None = None, **options: Any
) -> AsyncIterator[tuple[RealtimeClient, FakeRealtimeServer, FakeSession]]:
    """A client, its server, and their first session; whatever the client does wrong fails the test."""
    async with FakeRealtimeServer(behaviours, **options) as server:
        client = RealtimeClient(Provider(server.url, "m", "sk-test"), config)
        await client.connect()
        try:
            yield client, server, await server.session()
        finally:
            await client.disconnect()
    assert server.faults == []


def next_event(client: RealtimeClient, name: str) -> asyncio.Future[Any]:
    """The next event of that name; unlike `wait_for_next`, from this very moment on."""
    arrival: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client.on_next(name, arrival.set_result)
    return arrival


def heard_of(client: RealtimeClient, *names: str) -> list[tuple[str, Any]]:
    """Everything the client tells by these names, in order."""
    told: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[[Any], None]:
        return lambda event: told.append((name, event))

    for name in names:
        client.on(name, listener(name))
    return told


def test_loss_and_restoring_are_told_in_that_order_with_the_gap_and_the_number_of_items() -> None:
    async def scenario() -> list[tuple[str, Any]]:
        async with connected(Behaviour(), Behaviour(update_delay=0.1)) as (client, server, session):
            told = heard_of(client, "session.lost", "session.restored", "close")
            await client.send_user_message_content([{"type": "text", "text": "Hello."}])
            await session.wait_for("response.create")
            restored = next_event(client, "session.restored")
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
        async with connected() as (client, server, session):
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
        async with connected(silent, Behaviour()) as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "Are you there?"}])
            await session.wait_for("response.create")
            appended = next_event(client, "conversation.item.appended")
            session.drop()
            second = await server.session()
            item = (await appended)["item"]
            await second.wait_for("response.create")
            assert item.formatted.text == "Are you there?"
            assert second.history_text() == "user: Are you there?"

    run(scenario())


def test_text_given_while_there_is_no_session_waits_for_the_next() -> None:
    async def scenario() -> None:
        async with connected(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            lost = next_event(client, "session.lost")
            session.drop()
            await lost
            await client.send_user_message_content([{"type": "text", "text": "Hello?"}])
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text() == "user: Hello?"

    run(scenario())


def test_tool_that_runs_through_the_loss_is_answered_in_the_next_session_with_its_call() -> None:
    async def scenario() -> None:
        async with connected() as (client, server, session):
            go_on = asyncio.Event()

            async def look_up(order: int) -> str:
                """Look up an order."""
                await go_on.wait()
                return f"order {order} is on its way"

            await client.add_tool(look_up)
            await session.call_tool("item_c", "call_1", "look_up", '{"order": 7}')
            restored = next_event(client, "session.restored")
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
        async with connected(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            go_on = asyncio.Event()

            async def look_up() -> str:
                await go_on.wait()
                return "found"

            await client.add_tool(look_up)
            await session.call_tool("item_c", "call_1", "look_up", "")
            lost = next_event(client, "session.lost")
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
        async with connected() as (client, server, session):
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
        async with connected() as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "One."}])
            await session.wait_for("response.create")
            await session.say("item_a", SECOND, "Two.")
            completed = next_event(client, "session.restored")
            session.drop()
            await completed
            second = await server.session()
            completed = next_event(client, "session.restored")
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
        async with connected(Behaviour(), picky) as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            await session.say("item_b", SECOND, "Two.")
            await session.say("item_c", SECOND, "Three.")
            restored = next_event(client, "session.restored")
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
        async with connected(Behaviour(), silent) as (client, server, session):
            await session.say("item_a", SECOND, "One.")
            restored = next_event(client, "session.restored")
            session.drop()
            assert (await restored)["n_items"] == 0
            second = await server.session()
            await client.append_input_audio(SECOND)
            await second.wait_for_audio(24_000)

    run(scenario())


def test_item_that_was_cut_is_replayed_as_far_as_it_was_heard() -> None:
    async def scenario() -> None:
        async with connected() as (client, server, session):
            await session.say("item_a", 4 * SECOND, "one two three four five six seven eight")
            done = next_event(client, "response.completed")
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
        async with connected() as (client, server, session):
            done = next_event(client, "response.completed")
            await session.say("item_a", 4 * SECOND, "one two three four five six seven eight")
            await done
            lost = next_event(client, "session.lost")
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
        async with connected() as (client, server, session):
            done = next_event(client, "response.completed")
            await session.say("item_a", SECOND, "Hello there.")
            await done
            restored = next_event(client, "session.restored")
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
        async with connected() as (client, server, session):
            done = next_event(client, "response.completed")
            await session.say(name, SECOND, "Hello there.")
            await done
            restored = next_event(client, "session.restored")
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
        async with connected() as (client, server, session):
            incomplete = asyncio.ensure_future(
                client.wait_for_next("conversation.item.incomplete", timeout=5)
            )
            await session.begin("item_a")
            await client.wait_for_next("conversation.item.appended", timeout=5)
            session.drop()
            assert (await incomplete)["item"].id == "item_a"
            await server.session()

    run(scenario())


@pytest.mark.parametrize("code", [1008, 4000])
def test_close_code_that_says_no_for_good_is_not_tried_again(code: int) -> None:
    async def scenario() -> tuple[dict[str, Any], int]:
        async with connected() as (client, server, session):
            closed = next_event(client, "close")
            await session.close(code)
            event: dict[str, Any] = await closed
            assert not client.is_connected()
            with pytest.raises(RealtimeError):
                await client.append_input_audio(SECOND)
            with pytest.raises(RealtimeError):
                await client.send_user_message_content([{"type": "text", "text": "Hello?"}])
            return event, len(server.attempts)

    event, n_attempts = run(scenario())
    assert (event["code"], event["error"], n_attempts) == (f"closed_{code}", True, 1)


def test_error_about_the_account_before_a_clean_close_is_not_tried_again() -> None:
    async def scenario() -> str:
        async with connected() as (client, _, session):
            closed = next_event(client, "close")
            await session.error("insufficient_quota")
            await session.close(1000)
            return str((await closed)["code"])

    assert run(scenario()) == "insufficient_quota"


def test_server_that_loses_every_session_at_once_is_given_up() -> None:
    async def scenario() -> tuple[str, int]:
        async with connected() as (client, server, session):
            closed = next_event(client, "close")
            victim = session
            while not closed.done():
                victim.drop()
                next_session = asyncio.ensure_future(server.session())
                await asyncio.wait([closed, next_session], return_when=asyncio.FIRST_COMPLETED)
                if not next_session.done():
                    next_session.cancel()
                    break
                victim = await next_session
                await victim.wait_for("session.update")
            return str((await closed)["code"]), len(server.attempts)

    code, n_attempts = run(scenario())
    assert code.startswith("closed_")
    assert n_attempts <= retry.MAX_LOSSES + 1


def test_attempts_after_a_loss_are_spread_and_wait_as_long_as_the_server_asks() -> None:
    async def scenario() -> list[float]:
        busy = Behaviour(handshake_status=429, retry_after=1)
        async with connected(Behaviour(), busy, Behaviour()) as (client, server, session):
            restored = next_event(client, "session.restored")
            session.drop()
            await restored
            await server.session()
            return server.attempts

    _, refused, accepted = run(scenario())
    assert 1.0 <= accepted - refused < 2.0


def test_frozen_server_is_noticed_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.realtime.connection.PING_INTERVAL", 0.2)
    monkeypatch.setattr("gateway.realtime.connection.PING_TIMEOUT", 0.2)

    async def scenario() -> float:
        async with connected() as (client, _, session):
            restored = next_event(client, "session.restored")
            session.freeze()
            frozen_at = time.monotonic()
            await restored
            return time.monotonic() - frozen_at

    assert run(scenario()) < 3.0


def test_server_that_takes_no_audio_is_left_after_two_seconds() -> None:
    async def scenario() -> str:
        async with connected(receive_buffer=4096) as (client, server, session):
            lost = next_event(client, "session.lost")
            session.stop_reading()
            while not lost.done():
                await client.append_input_audio(SECOND)
                await asyncio.sleep(0.01)
            await server.session()
            return str((await lost)["code"])

    assert run(scenario()) == "stalled"


def test_response_that_is_begun_and_never_goes_on_is_taken_up_in_a_new_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.realtime.dialogue.SILENCE_TIMEOUT", 0.5)

    async def scenario() -> None:
        async with connected() as (client, server, session):
            await client.send_user_message_content([{"type": "text", "text": "Hello."}])
            await session.wait_for("response.create")
            await session.begin("item_a")
            second = await server.session()
            await second.wait_for("response.create")
            assert second.history_text() == "user: Hello."

    run(scenario())


def test_rotation_that_does_not_come_off_leaves_the_session_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.1)
    monkeypatch.setattr(leg, "ROTATION_PAUSE", 0.2)

    async def scenario() -> None:
        behaviours = (Behaviour(session_limit=8.0), Behaviour(handshake_status=503), Behaviour())
        async with connected(*behaviours) as (client, server, session):
            told = heard_of(client, "session.lost", "session.restored")
            await client.wait_for_next("session.restored", timeout=8)
            second = await server.session()
            await client.append_input_audio(SECOND)
            await second.wait_for_audio(24_000)
            await session.closed.wait()
            assert [name for name, _ in told] == ["session.restored"]
            assert len(server.attempts) == 3

    run(scenario())


def test_session_opened_in_advance_is_thrown_away_if_something_was_said_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.1)
    monkeypatch.setattr(leg, "ROTATION_PAUSE", 0.2)

    async def scenario() -> None:
        behaviours = (Behaviour(session_limit=9.0), Behaviour(update_delay=0.5), Behaviour())
        async with connected(*behaviours) as (_, server, session):
            early = await server.session()
            await session.say("item_a", SECOND, "I say something.")
            await early.closed.wait()
            third = await server.session()
            await session.closed.wait()
            assert third.history_text() == "assistant: I say something."

    run(scenario())


def test_session_lost_while_another_is_opened_in_advance_is_recovered_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.1)

    async def scenario() -> int:
        behaviours = (Behaviour(session_limit=9.0), Behaviour(confirms=False), Behaviour())
        async with connected(*behaviours) as (client, server, session):
            restored = next_event(client, "session.restored")
            early = await server.session()
            await early.wait_for("session.update")
            session.drop()
            gap_ms = int((await restored)["gap_ms"])
            await early.closed.wait()
            third = await server.session()
            await client.append_input_audio(SECOND)
            await third.wait_for_audio(24_000)
            return gap_ms

    assert run(scenario()) < 1000


def test_change_of_the_configuration_while_there_is_no_session_is_in_the_next() -> None:
    async def scenario() -> None:
        async with connected(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            lost = next_event(client, "session.lost")
            session.drop()
            await lost
            await client.update_session(instructions="Be brief.")
            second = await server.session()
            assert second.config["instructions"] == "Be brief."

    run(scenario())


def test_disconnecting_while_a_session_is_being_opened_ends_the_attempts() -> None:
    async def scenario() -> None:
        async with connected(Behaviour(), Behaviour(handshake_status=503)) as (client, server, session):
            lost = next_event(client, "session.lost")
            session.drop()
            await lost
            await client.disconnect()
            n_attempts = len(server.attempts)
            await asyncio.sleep(0.5)
            assert len(server.attempts) == n_attempts
            assert not client.is_connected()

    run(scenario())
