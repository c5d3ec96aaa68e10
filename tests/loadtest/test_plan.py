import pytest

from gateway.loadtest.ladder import Ladder
from gateway.loadtest.plan import MAX_RAMP, Plan, PlannedStage


def test_steady_test_wants_all_calls_from_the_start_at_the_ramp_and_ends() -> None:
    plan = Plan("steady", n_calls=200, ramp=10, duration=300)

    assert [plan.wanted(at) for at in (0, 299.9, 300)] == [(200, 10), (200, 10), None]
    assert plan.stages() == (PlannedStage(200, 20, 300),)


def test_ramp_rises_by_tenths_and_each_is_a_stage_once_its_calls_are_up() -> None:
    plan = Plan("ramp", n_calls=50, ramp=5, duration=100)

    assert [plan.wanted(at) for at in (0, 9.9, 10, 95)] == [(5, 5), (5, 5), (10, 5), (50, 5)]
    assert plan.stages()[0] == PlannedStage(5, 1, 10)
    assert plan.stages()[-1] == PlannedStage(50, 91, 100)
    assert len(plan.stages()) == 10


def test_ramp_of_fewer_calls_than_steps_takes_one_call_a_step() -> None:
    plan = Plan("ramp", n_calls=3, ramp=5, duration=30)

    assert [stage.n_calls for stage in plan.stages()] == [1, 2, 3]


def test_spike_is_three_times_the_calls_for_a_tenth_of_the_time_as_fast_as_it_can() -> None:
    plan = Plan("spike", n_calls=20, ramp=10, duration=100)

    assert [plan.wanted(at) for at in (44, 45, 54, 56)] == [
        (20, 10),
        (60, MAX_RAMP),
        (60, MAX_RAMP),
        (20, MAX_RAMP),
    ]
    assert plan.most_calls == 60
    assert [
        (stage.n_calls, round(stage.begins_at, 3), round(stage.ends_at, 3)) for stage in plan.stages()
    ] == [
        (20, 2, 45),
        (60, 45.4, 55),
        (20, 55.4, 100),
    ]


def test_soak_is_steady_and_tells_its_tenths_apart() -> None:
    plan = Plan("soak", n_calls=10, ramp=10, duration=101)

    assert plan.wanted(50) == (10, 10)
    assert plan.stages()[0] == PlannedStage(10, 1, 11)
    assert plan.stages()[9] == PlannedStage(10, 91, 101)


@pytest.mark.parametrize("mode", ["steady", "soak"])
def test_test_that_is_over_before_its_calls_are_up_has_no_stage(mode: str) -> None:
    assert Plan("soak" if mode == "soak" else "steady", n_calls=200, ramp=10, duration=20).stages() == ()


@pytest.mark.parametrize("max_calls", [1, 2, 7, 10, 99, 100, 1000, 2000])
def test_ladder_finds_the_largest_number_that_holds_as_fine_as_it_promises(max_calls: int) -> None:
    for capacity in {0, 1, max_calls // 3, max_calls - 1, max_calls, 3 * max_calls}:
        ladder, tried = Ladder(max_calls), []
        while (n_calls := ladder.n_calls) is not None:
            tried.append(n_calls)
            ladder.judge(held=n_calls <= capacity)

        most = min(capacity, max_calls)
        assert most - max(1, max_calls // 50) < ladder.holds <= most
        assert len(tried) == len(set(tried)) < 20
        assert max(tried) <= max_calls


def test_ladder_rises_by_tenths_and_then_halves_the_gap() -> None:
    ladder, tried = Ladder(200), []
    while (n_calls := ladder.n_calls) is not None:
        tried.append(n_calls)
        ladder.judge(held=n_calls <= 53)

    assert tried == [20, 40, 60, 50, 55, 52]
    assert ladder.holds == 52


def test_verdict_that_comes_when_the_ladder_is_done_changes_nothing() -> None:
    ladder = Ladder(1)
    ladder.judge(held=True)
    ladder.judge(held=False)

    assert (ladder.n_calls, ladder.holds) == (None, 1)
