import asyncio

import pytest

from gateway.realtime.dispatch import RealtimeEventHandler


def test_wait_for_next_returns_the_event_even_if_it_is_none() -> None:
    async def scenario() -> object:
        events = RealtimeEventHandler()
        asyncio.get_running_loop().call_soon(events.dispatch, "x")
        return await events.wait_for_next("x", timeout=5)

    assert asyncio.run(scenario()) is None


def test_wait_for_next_gives_up_in_time_and_leaves_no_handler_behind() -> None:
    async def scenario() -> RealtimeEventHandler:
        events = RealtimeEventHandler()
        with pytest.raises(TimeoutError):
            await events.wait_for_next("x", timeout=0.001)
        return events

    events = asyncio.run(scenario())
    assert not events.has_handlers("x")
    assert not events.has_handlers("close")


def test_wait_for_next_is_ended_by_close() -> None:
    async def scenario() -> None:
        events = RealtimeEventHandler()
        asyncio.get_running_loop().call_soon(events.dispatch, "close")
        await events.wait_for_next("x", timeout=5)

    with pytest.raises(ConnectionError):
        asyncio.run(scenario())


def test_waiting_for_close_ends_with_it() -> None:
    async def scenario() -> object:
        events = RealtimeEventHandler()
        asyncio.get_running_loop().call_soon(events.dispatch, "close", {"code": 1000})
        return await events.wait_for_next("close", timeout=5)

    assert asyncio.run(scenario()) == {"code": 1000}


def test_event_and_close_at_once_give_the_event() -> None:
    async def scenario() -> object:
        events = RealtimeEventHandler()
        loop = asyncio.get_running_loop()

        def both() -> None:
            events.dispatch("x", 1)
            events.dispatch("close")

        loop.call_soon(both)
        return await events.wait_for_next("x", timeout=5)

    assert asyncio.run(scenario()) == 1


def test_close_and_event_at_once_give_the_close() -> None:
    async def scenario() -> None:
        events = RealtimeEventHandler()

        def both() -> None:
            events.dispatch("close")
            events.dispatch("x", 1)

        asyncio.get_running_loop().call_soon(both)
        await events.wait_for_next("x", timeout=5)

    with pytest.raises(ConnectionError, match="while waiting for x"):
        asyncio.run(scenario())


def test_waiting_may_be_cancelled_and_leaves_no_handler_behind() -> None:
    async def scenario() -> RealtimeEventHandler:
        events = RealtimeEventHandler()
        waiting = asyncio.ensure_future(events.wait_for_next("x"))
        await asyncio.sleep(0)
        assert events.has_handlers("x")
        waiting.cancel()
        await asyncio.wait([waiting])
        return events

    assert not asyncio.run(scenario()).has_any_handlers
