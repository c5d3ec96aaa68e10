import asyncio
import functools
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.realtime.dispatch import MAX_WAITING, RealtimeEventHandler


def test_permanent_handlers_come_before_one_shots_and_both_in_order() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on_next("x", lambda event: seen.append(("once", event)))
    events.on("x", lambda event: seen.append(("a", event)))
    events.on("x", lambda event: seen.append(("b", event)))

    events.dispatch("x", 1)
    events.dispatch("x", 2)

    assert seen == [("a", 1), ("b", 1), ("once", 1), ("a", 2), ("b", 2)]


def test_handler_registered_during_dispatch_waits_for_the_next_event() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", lambda _: events.on("x", seen.append))

    events.dispatch("x", 1)
    assert seen == []
    events.dispatch("x", 2)
    assert seen == [2]


def test_handler_that_raises_is_logged_and_does_not_concern_the_others() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", lambda _: 1 / 0)
    events.on("x", seen.append)

    with capture_logs() as logs:
        events.dispatch("x", 1)

    assert seen == [1]
    assert [entry["event"] for entry in logs] == ["handler failed"]


def test_off_removes_one_registration_and_refuses_what_is_not_there() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", seen.append)
    events.on("x", seen.append)
    events.off("x", seen.append)
    events.dispatch("x", 1)
    assert seen == [1]

    events.off("x")
    events.dispatch("x", 2)
    assert seen == [1]
    with pytest.raises(LookupError):
        events.off("x", seen.append)
    with pytest.raises(LookupError):
        events.off_next("y", seen.append)


def test_coroutine_handlers_run_one_after_the_other_in_the_order_of_events() -> None:
    async def scenario() -> list[int]:
        events = RealtimeEventHandler()
        seen: list[int] = []
        all_done = asyncio.Event()

        async def slow_first(event: int) -> None:
            for _ in range(3 - event):
                await asyncio.sleep(0)
            seen.append(event)
            if event == 2:
                all_done.set()

        events.on("x", functools.partial(slow_first))
        for n in range(3):
            events.dispatch("x", n)
        await all_done.wait()
        await events.stop_handlers()
        return seen

    assert asyncio.run(scenario()) == [0, 1, 2]


def test_coroutine_handler_that_raises_does_not_stop_the_next() -> None:
    async def scenario() -> list[int]:
        events = RealtimeEventHandler()
        seen: list[int] = []
        done = asyncio.Event()

        async def handler(event: int) -> None:
            if event == 0:
                raise ValueError("no")
            seen.append(event)
            done.set()

        events.on("x", handler)
        events.dispatch("x", 0)
        events.dispatch("x", 1)
        await done.wait()
        await events.stop_handlers()
        return seen

    with capture_logs() as logs:
        assert asyncio.run(scenario()) == [1]
    assert [entry["event"] for entry in logs] == ["handler failed"]


def test_results_waiting_behind_a_handler_that_never_ends_are_bounded_and_stopped() -> None:
    async def scenario() -> int:
        events = RealtimeEventHandler()

        async def stuck(_: object) -> None:
            await asyncio.Event().wait()

        events.on("x", stuck)
        for n in range(MAX_WAITING + 10):
            events.dispatch("x", n)
        await events.stop_handlers()
        return events.n_dropped

    assert asyncio.run(scenario()) == 10


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
