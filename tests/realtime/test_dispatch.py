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


def test_one_shot_registered_during_dispatch_waits_for_the_next_event() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on_next("x", lambda _: events.on_next("x", lambda event: seen.append(("by a one-shot", event))))
    events.on("x", lambda event: events.on_next("x", lambda _: seen.append(("by a handler of", event))))

    events.dispatch("x", 1)
    assert seen == []
    events.off("x")
    events.dispatch("x", 2)

    assert sorted(seen) == [("by a handler of", 1), ("by a one-shot", 2)]
    events.dispatch("x", 3)
    assert len(seen) == 2


def test_handler_removed_during_dispatch_is_called_once_more() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", lambda _: events.off("x", seen.append))
    events.on("x", seen.append)

    events.dispatch("x", 1)
    with capture_logs():  # the remover finds nothing to remove the second time
        events.dispatch("x", 2)

    assert seen == [1]


def test_on_and_on_next_return_the_handler() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    handler = seen.append

    assert events.on("x", handler) is handler
    assert events.on_next("x", handler) is handler


def test_same_handler_registered_twice_is_called_twice() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", seen.append)
    events.on("x", seen.append)

    events.dispatch("x", 1)

    assert seen == [1, 1]


def test_off_next_removes_one_registration_or_all_of_that_name() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    for _ in range(3):
        events.on_next("x", seen.append)
    events.on("x", seen.append)
    events.off_next("x", seen.append)
    events.dispatch("x", 1)
    assert seen == [1, 1, 1]

    events.on_next("x", seen.append)
    events.off_next("x")
    events.dispatch("x", 2)
    assert seen == [1, 1, 1, 2]


def test_one_shot_is_no_permanent_handler_and_the_other_way_round() -> None:
    events = RealtimeEventHandler()
    events.on_next("x", print)
    with pytest.raises(LookupError, match="'x'"):
        events.off("x", print)
    events.off_next("x", print)
    events.on("x", print)
    with pytest.raises(LookupError, match="'x'"):
        events.off_next("x", print)


def test_turning_off_all_handlers_of_a_name_that_has_none_is_no_error() -> None:
    events = RealtimeEventHandler()
    events.off("x")
    events.off_next("x")
    assert not events.has_any_handlers


def test_cleared_handlers_of_both_kinds_are_not_called() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("x", seen.append)
    events.on_next("x", seen.append)

    events.clear_event_handlers()
    events.dispatch("x", 1)

    assert seen == []


def test_dispatching_names_that_nobody_listens_to_leaves_nothing_behind() -> None:
    events = RealtimeEventHandler()
    for number in range(100):
        events.dispatch(f"x{number}", number)
        assert not events.has_handlers(f"x{number}")

    assert not events.has_any_handlers


def test_wildcard_is_a_name_like_any_other() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("server.*", seen.append)

    events.dispatch("server.error", 1)
    events.dispatch("server.*", 2)

    assert seen == [2]


def test_event_without_payload_reaches_its_handlers_as_none() -> None:
    events = RealtimeEventHandler()
    seen: list[Any] = []
    events.on("conversation.interrupted", seen.append)

    events.dispatch("conversation.interrupted")

    assert seen == [None]


def test_whatever_a_handler_returns_that_can_be_awaited_is_awaited() -> None:
    class Callable:
        async def __call__(self, event: int) -> None:
            seen.append(("object", event))

    async def function(how: str, event: int) -> None:
        seen.append((how, event))

    async def scenario() -> None:
        events = RealtimeEventHandler()
        events.on("x", Callable())
        events.on("x", lambda event: function("lambda", event))
        events.on("x", functools.partial(function, "partial"))
        events.on("x", lambda event: asyncio.ensure_future(function("future", event)))
        last = asyncio.Event()
        events.on("x", lambda _: function_of(last))
        events.dispatch("x", 1)
        await last.wait()
        await events.stop_handlers()

    async def function_of(last: asyncio.Event) -> None:
        last.set()

    seen: list[tuple[str, int]] = []
    asyncio.run(scenario())
    assert sorted(seen) == [("future", 1), ("lambda", 1), ("object", 1), ("partial", 1)]


def test_slow_handler_does_not_hold_up_whoever_dispatches_or_handles_at_once() -> None:
    async def scenario() -> list[int]:
        events = RealtimeEventHandler()
        seen: list[int] = []

        async def stuck(_: object) -> None:
            await asyncio.Event().wait()

        events.on("x", stuck)
        events.on("x", seen.append)
        events.dispatch("x", 1)
        events.dispatch("x", 2)
        await events.stop_handlers()
        return seen

    assert asyncio.run(scenario()) == [1, 2]


def test_stopping_cancels_the_handler_that_runs() -> None:
    async def scenario() -> list[str]:
        events = RealtimeEventHandler()
        steps: list[str] = []
        running = asyncio.Event()

        async def stuck(_: object) -> None:
            running.set()
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cancelled")

        events.on("x", stuck)
        events.dispatch("x")
        await running.wait()
        await events.stop_handlers()
        return steps

    assert asyncio.run(scenario()) == ["cancelled"]


def test_handler_whose_own_work_is_cancelled_does_not_stop_the_next() -> None:
    async def scenario() -> None:
        events = RealtimeEventHandler()
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given_up.cancel()
        reached = asyncio.Event()

        async def reach(_: object) -> None:
            reached.set()

        events.on("x", lambda _: given_up)
        events.on("x", reach)
        events.dispatch("x")
        await asyncio.wait_for(reached.wait(), 5)
        await events.stop_handlers()

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert [entry["event"] for entry in logs] == ["handler cancelled"]


def test_handler_may_stop_all_handlers_itself() -> None:
    async def scenario() -> list[int]:
        events = RealtimeEventHandler()
        seen: list[int] = []
        done = asyncio.Event()

        async def stop(event: int) -> None:
            await events.stop_handlers()
            seen.append(event)
            done.set()

        events.on("x", stop)
        events.dispatch("x", 1)
        events.dispatch("x", 2)
        await done.wait()
        return seen

    assert asyncio.run(scenario()) == [1]


def test_awaitables_of_other_kinds_may_be_given_up_too() -> None:
    async def scenario() -> int:
        events = RealtimeEventHandler()
        loop = asyncio.get_running_loop()
        events.on("x", lambda _: loop.create_future())
        for _ in range(MAX_WAITING + 3):
            events.dispatch("x")
        await events.stop_handlers()
        return events.n_dropped

    assert asyncio.run(scenario()) == 3
