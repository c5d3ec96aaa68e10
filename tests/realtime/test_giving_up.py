"""RealtimeClient when its session is lost or old: when it gives up, and when it changes over."""

import asyncio
import time
from typing import Any

import pytest

from gateway.errors import RealtimeError
from gateway.realtime import leg, retry
from tests.fakes import Behaviour
from tests.gateways import run
from tests.realtime.recoveries import SECOND, heard_of, sessions, upcoming


@pytest.mark.parametrize("code", [1008, 4000])
def test_close_code_that_says_no_for_good_is_not_tried_again(code: int) -> None:
    async def scenario() -> tuple[dict[str, Any], int]:
        async with sessions() as (client, server, session):
            closed = upcoming(client, "close")
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
        async with sessions() as (client, _, session):
            closed = upcoming(client, "close")
            await session.error("insufficient_quota")
            await session.close(1000)
            return str((await closed)["code"])

    assert run(scenario()) == "insufficient_quota"


def test_server_that_loses_every_session_at_once_is_given_up() -> None:
    async def scenario() -> tuple[str, int]:
        async with sessions() as (client, server, session):
            closed = upcoming(client, "close")
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
        async with sessions(Behaviour(), busy, Behaviour()) as (client, server, session):
            restored = upcoming(client, "session.restored")
            session.drop()
            await restored
            await server.session()
            return server.attempts

    _, refused, accepted = run(scenario())
    assert 1.0 <= accepted - refused < 4.0


def test_frozen_server_is_noticed_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.realtime.connection.PING_INTERVAL", 0.2)
    monkeypatch.setattr("gateway.realtime.connection.PING_TIMEOUT", 0.2)

    async def scenario() -> float:
        async with sessions() as (client, _, session):
            restored = upcoming(client, "session.restored")
            session.freeze()
            frozen_at = time.monotonic()
            await restored
            return time.monotonic() - frozen_at

    assert run(scenario()) < 6.0


def test_server_that_takes_no_audio_is_left_after_two_seconds() -> None:
    async def scenario() -> str:
        async with sessions(receive_buffer=4096) as (client, server, session):
            lost = upcoming(client, "session.lost")
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
        async with sessions() as (client, server, session):
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
        async with sessions(*behaviours) as (client, server, session):
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
        async with sessions(*behaviours) as (_, server, session):
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
        async with sessions(*behaviours) as (client, server, session):
            restored = upcoming(client, "session.restored")
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
        async with sessions(Behaviour(), Behaviour(update_delay=0.3)) as (client, server, session):
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost
            await client.update_session(instructions="Be brief.")
            second = await server.session()
            assert second.config["instructions"] == "Be brief."

    run(scenario())


def test_disconnecting_while_a_session_is_being_opened_ends_the_attempts() -> None:
    async def scenario() -> None:
        async with sessions(Behaviour(), Behaviour(handshake_status=503)) as (client, server, session):
            lost = upcoming(client, "session.lost")
            session.drop()
            await lost
            await client.disconnect()
            n_attempts = len(server.attempts)
            await asyncio.sleep(0.5)
            assert len(server.attempts) == n_attempts
            assert not client.is_connected()

    run(scenario())
