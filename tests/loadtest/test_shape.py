from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from gateway.loadtest.collector import Collector
from gateway.loadtest.messages import CallDone, Pulse
from gateway.loadtest.plan import Mode
from gateway.loadtest.results import Stage
from tests.loadtest.outcomes import OPTIONS, outcome

with pytest.MonkeyPatch.context() as patch:
    patch.setenv(
        "LOCUST_SKIP_MONKEY_PATCH", "1"
    )  # gevent's patches are not for the other tests of this process
    patch.setenv("LOCUST_SKIP_URLLIB3_PATCH", "1")
    from gateway.loadtest.shape import ReadyShape, new_shape


@dataclass
class Clock:
    """A time of day that tests move on."""

    at: float = 1000.0

    def now(self) -> float:
        return self.at


def shape(
    mode: Mode,
    *,
    clock: Clock | None = None,
    are_ready: Callable[[], bool] = lambda: True,
    **others: Any,
) -> ReadyShape:
    options = msgspec.structs.replace(OPTIONS, mode=mode, **others)
    return new_shape(options, Collector(options), are_ready, (clock or Clock()).now)


def climb(ladder: ReadyShape, clock: Clock, capacity: int) -> list[int]:
    """Let a server of so many calls be tried; the numbers that were."""
    tried = []
    while (tick := ladder.tick()) is not None:
        n_calls, _ = tick
        tried.append(n_calls)
        clock.at += 1.0
        ladder.collector.beat("worker", Pulse(n_calls, 0.1, 0.5), clock.at)
        assert ladder.tick() == tick  # the calls are up
        finish(ladder, clock, 20, failed=n_calls > capacity)
    return tried


def finish(ladder: ReadyShape, clock: Clock, n_calls: int, **how: Any) -> None:
    """Have so many calls end that began now."""
    for _ in range(n_calls):
        ladder.collector.add(CallDone(outcome(at=clock.at, **how)))
    clock.at += 1.0


def test_time_begins_when_every_worker_is_ready() -> None:
    answers = iter((False, False, True))
    planned = shape("steady", are_ready=lambda: next(answers))

    assert planned.tick() == (10, 10.0)
    assert list(answers) == []


def test_planned_shape_writes_its_stages_down_and_ends() -> None:
    planned = shape("soak")

    assert planned.tick() == (10, 10.0)
    assert len(planned.collector.stages) == 10
    assert planned.collector.stages[0].started_at == 1001.0


def test_planned_shape_is_over_when_its_time_is() -> None:
    clock = Clock()
    planned = shape("steady", clock=clock)
    planned.tick()
    clock.at += 60.0

    assert planned.tick() is None


def test_shape_that_is_rewound_begins_anew() -> None:
    planned = shape("steady")
    planned.tick()
    planned.collector.add(CallDone(outcome(at=1000.0)))
    planned.rewind()
    planned.tick()

    assert planned.collector.run(1002.0).calls == ()
    assert len(planned.collector.stages) == 1


def test_ladder_climbs_until_calls_fail_and_tells_what_holds() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock)

    assert climb(ladder, clock, capacity=4) == [1, 2, 3, 4, 5]
    assert ladder.collector.holds == 4
    assert [stage.n_calls for stage in ladder.collector.stages] == [1, 2, 3, 4, 5]
    assert ladder.collector.broke == "5 calls: failed > 1: broken: 100 %"


def test_ladder_does_not_judge_a_step_by_calls_placed_before_all_of_its_own_were_up() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock, calls=100, ramp=2.0, duration=600.0)
    assert ladder.tick() == (10, 2.0)
    for _ in range(4):  # five seconds until ten are up
        finish(ladder, clock, 30)
        assert ladder.tick() == (10, 2.0)
    clock.at += 2.0
    finish(ladder, clock, 30)

    assert ladder.tick() == (20, 2.0)
    assert ladder.collector.stages == [Stage(10, 1005.0, clock.at)]
    finish(ladder, clock, 60)
    assert ladder.tick() == (20, 2.0)


def test_ladder_waits_for_a_verdict_until_there_are_figures() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock)
    first = ladder.tick()
    clock.at += 1.0
    ladder.collector.beat("worker", Pulse(1, 0.1, 0.5), clock.at)
    ladder.tick()
    finish(ladder, clock, 19)

    assert ladder.tick() == first
    assert ladder.collector.holds is None


def test_ladder_tries_a_step_again_in_which_the_rig_was_late() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock)
    for number in range(2):
        assert ladder.tick() == (1, 10.0), number
        clock.at += 1.0
        finish(ladder, clock, 20, lateness_ms=9.0)
    assert ladder.tick() == (1, 10.0)
    clock.at += 1.0
    finish(ladder, clock, 20)

    assert ladder.tick() == (2, 10.0)
    assert (ladder.collector.holds, ladder.collector.broke) == (1, None)


def test_rig_that_is_always_late_ends_the_ladder_and_is_named() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock)
    n_ticks = 0
    while ladder.tick() is not None:
        n_ticks += 1
        clock.at += 1.0
        finish(ladder, clock, 20, lateness_ms=9.0)

    assert n_ticks == 3
    assert ladder.collector.holds == 0
    assert ladder.collector.broke == "1 call: the rig was late: frame lateness p99 9.0 ms > 5 ms"


def test_ladder_that_runs_out_of_time_tells_what_held_until_then() -> None:
    clock = Clock()
    ladder = shape("ladder", clock=clock)
    ladder.tick()
    clock.at += 60.0

    assert ladder.tick() is None
    assert ladder.collector.holds is None
    assert ladder.collector.broke == "1 call: the time was over"
