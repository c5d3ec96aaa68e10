import time
from collections.abc import Callable

import pytest

from gateway.loadtest.collector import Collector
from gateway.loadtest.messages import CallDone, Pulse
from gateway.loadtest.plan import Mode
from tests.loadtest.outcomes import OPTIONS, outcome

with pytest.MonkeyPatch.context() as patch:
    patch.setenv(
        "LOCUST_SKIP_MONKEY_PATCH", "1"
    )  # gevent's patches are not for the other tests of this process
    patch.setenv("LOCUST_SKIP_URLLIB3_PATCH", "1")
    from gateway.loadtest.shape import ReadyShape, new_shape


def shape(mode: Mode, *, duration: float = 60.0, are_ready: Callable[[], bool] = lambda: True) -> ReadyShape:
    options = OPTIONS.__class__(
        **{name: getattr(OPTIONS, name) for name in ("recordings", "target", "calls", "ramp")},
        mode=mode,
        duration=duration,
    )
    return new_shape(options, Collector(options), are_ready)


def climb(ladder: ReadyShape, capacity: int) -> list[int]:
    """Let a server of so many calls be tried; the numbers that were."""
    tried = []
    while (tick := ladder.tick()) is not None:
        n_calls, _ = tick
        tried.append(n_calls)
        ladder.collector.beat("worker", Pulse(n_calls, 0.1, 0.5), time.time())
        assert ladder.tick() == tick  # the calls are up
        for _ in range(20):
            ladder.collector.add(CallDone(outcome(at=time.time(), failed=n_calls > capacity)))
    return tried


def test_time_begins_when_every_worker_is_ready() -> None:
    answers = iter((False, False, True))
    planned = shape("steady", are_ready=lambda: next(answers))

    assert planned.tick() == (10, 10.0)
    assert list(answers) == []


def test_planned_shape_writes_its_stages_down_and_ends() -> None:
    planned = shape("soak")

    assert planned.tick() == (10, 10.0)
    assert len(planned.collector.stages) == 10
    assert planned.collector.stages[0].started_at == pytest.approx(time.time() + 1, abs=0.5)


def test_planned_shape_is_over_when_its_time_is() -> None:
    assert shape("steady", duration=1e-9).tick() is None


def test_shape_that_is_rewound_begins_anew() -> None:
    planned = shape("steady")
    planned.tick()
    planned.collector.add(CallDone(outcome(at=time.time())))
    planned.rewind()
    planned.tick()

    assert planned.collector.run(time.time()).calls == ()
    assert len(planned.collector.stages) == 1


def test_ladder_climbs_until_calls_fail_and_tells_what_holds() -> None:
    ladder = shape("ladder")

    assert climb(ladder, capacity=4) == [1, 2, 3, 4, 5]
    assert ladder.collector.holds == 4
    assert [stage.n_calls for stage in ladder.collector.stages] == [1, 2, 3, 4, 5]
    assert ladder.collector.broke == "5 calls: failed > 1: broken: 100 %"


def test_ladder_waits_for_a_verdict_until_there_are_figures() -> None:
    ladder = shape("ladder")
    first = ladder.tick()
    ladder.collector.beat("worker", Pulse(1, 0.1, 0.5), time.time())
    ladder.tick()
    for _ in range(19):
        ladder.collector.add(CallDone(outcome(at=time.time())))

    assert ladder.tick() == first
    assert ladder.collector.holds is None


def test_ladder_tries_a_step_again_in_which_the_rig_was_late() -> None:
    ladder = shape("ladder")
    for number in range(2):
        assert ladder.tick() == (1, 10.0), number
        for _ in range(20):
            ladder.collector.add(CallDone(outcome(at=time.time(), lateness_ms=9.0)))
    assert ladder.tick() == (1, 10.0)
    for _ in range(20):
        ladder.collector.add(CallDone(outcome(at=time.time())))

    assert ladder.tick() == (2, 10.0)
    assert (ladder.collector.holds, ladder.collector.broke) == (1, None)


def test_rig_that_is_always_late_ends_the_ladder_and_is_named() -> None:
    ladder = shape("ladder")
    n_ticks = 0
    while ladder.tick() is not None:
        n_ticks += 1
        for _ in range(20):
            ladder.collector.add(CallDone(outcome(at=time.time(), lateness_ms=9.0)))

    assert n_ticks == 3
    assert ladder.collector.holds == 0
    assert ladder.collector.broke == "1 call: the rig was late: frame lateness p99 9.0 ms > 5 ms"


def test_ladder_that_runs_out_of_time_tells_what_held_until_then() -> None:
    ladder = shape("ladder", duration=1e-9)

    assert ladder.tick() is None
    assert ladder.collector.holds is None
    assert ladder.collector.broke == "1 call: the time was over"
