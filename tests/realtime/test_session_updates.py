"""SessionUpdates on a real event loop, over a real socket."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime import Provider, RealtimeAPI, SessionConfig, session_updates
from gateway.realtime.session_updates import SessionUpdates
from tests.fakes import FakeSession
from tests.gateways import run
from tests.realtime.clients import opened_api


def _payload() -> dict[str, Any]:
    return Provider("ws://127.0.0.1", "m").session(SessionConfig())


async def _sent(updates: SessionUpdates, session: FakeSession) -> tuple[asyncio.Task[None], str]:
    """Push an update; return who waits for it, and its event id."""
    push = asyncio.create_task(updates.push())
    update = await session.wait_for("session.update")
    return push, update.event["event_id"]


def _with_updates(scenario: Callable[[SessionUpdates, RealtimeAPI, FakeSession], Any]) -> None:
    async def opened() -> None:
        async with opened_api() as (api, server, session):
            await scenario(SessionUpdates(api, _payload), api, session)
            assert server.faults == []

    run(opened())


def test_changes_made_at_the_same_time_become_one_update() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        pushes = [asyncio.create_task(updates.push()) for _ in range(3)]
        await session.wait_for("session.update")
        updates.confirmed()
        await asyncio.gather(*pushes)
        assert len(session.events("session.update")) == 1

    _with_updates(scenario)


def test_updates_are_confirmed_in_their_order() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        first, _id = await _sent(updates, session)
        second, _id = await _sent(updates, session)
        updates.confirmed()
        await first
        assert not second.done()
        updates.confirmed()
        await second
        updates.confirmed()  # one more than was asked for

    _with_updates(scenario)


def test_refusal_is_told_to_whoever_made_that_change() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        first, _id = await _sent(updates, session)
        second, event_id = await _sent(updates, session)
        updates.refused("another event", "x")
        updates.refused(event_id, "unknown_parameter")
        with pytest.raises(RealtimeError, match="refused") as caught:
            await second
        assert caught.value.code == "unknown_parameter"
        updates.confirmed()
        await first

    _with_updates(scenario)


def test_change_between_two_sessions_is_confirmed_by_the_next_session() -> None:
    async def scenario(updates: SessionUpdates, api: RealtimeAPI, _: FakeSession) -> None:
        await api.disconnect()
        push = asyncio.create_task(updates.push())
        for _turn in range(3):
            await asyncio.sleep(0)
        assert not push.done()
        updates.session_ready(is_current=True)
        await push

    _with_updates(scenario)


def test_change_that_was_under_way_when_the_session_was_lost_is_confirmed_by_the_next() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        push, event_id = await _sent(updates, session)
        updates.session_ready(is_current=True)
        await push
        updates.refused(event_id, "x")  # comes too late

    _with_updates(scenario)


def test_change_that_the_next_session_does_not_know_is_sent_to_it() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        push, _id = await _sent(updates, session)
        updates.session_ready(is_current=False)
        await session.wait_for("session.update")
        updates.confirmed()
        await push
        updates.session_ready(is_current=False)  # of somebody who had given up

    _with_updates(scenario)


def test_refusal_that_names_no_event_is_of_the_oldest_update() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        updates.refused(None, "before any was sent")
        first, _id = await _sent(updates, session)
        second, _id = await _sent(updates, session)
        updates.refused(None, "invalid_value")
        with pytest.raises(RealtimeError, match="refused"):
            await first
        updates.confirmed()
        await second

    _with_updates(scenario)


def test_session_that_the_provider_cannot_have_any_more_when_it_is_sent_is_an_error() -> None:
    def payload() -> dict[str, Any]:
        raise LocalProtocolError("no such session")

    async def scenario(_: SessionUpdates, api: RealtimeAPI, session: FakeSession) -> None:
        with pytest.raises(LocalProtocolError, match="no such session"):
            await SessionUpdates(api, payload).push()
        assert session.events("session.update") == []

    _with_updates(scenario)


def test_end_of_all_sessions_ends_the_waiting_for_a_change() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        sent, _id = await _sent(updates, session)
        unsent = asyncio.create_task(updates.push())
        await asyncio.sleep(0)
        updates.end()
        for push in (sent, unsent):
            with pytest.raises(RealtimeError) as caught:
                await push
            assert caught.value.code == "not_connected"
        await session.wait_for("session.update")
        updates.confirmed()  # comes too late

    _with_updates(scenario)


def test_change_of_which_nobody_hears_any_more_may_still_be_answered() -> None:
    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        push, event_id = await _sent(updates, session)
        push.cancel()
        await asyncio.wait([push])
        updates.refused(event_id, "x")
        assert push.cancelled()

    _with_updates(scenario)


def test_change_that_is_not_confirmed_in_time_is_an_error_and_leaves_the_next_to_its_own_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_updates, "CONFIRM_TIMEOUT", 0.05)

    async def scenario(updates: SessionUpdates, _: RealtimeAPI, session: FakeSession) -> None:
        with pytest.raises(RealtimeError, match="in time") as caught:
            await updates.push()
        assert caught.value.code == "timeout"
        monkeypatch.setattr(session_updates, "CONFIRM_TIMEOUT", 5.0)
        await session.wait_for("session.update")
        push, _id = await _sent(updates, session)
        updates.confirmed()
        await push

    _with_updates(scenario)
