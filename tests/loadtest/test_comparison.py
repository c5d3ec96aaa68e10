import numpy as np
import pytest

from gateway.loadtest.comparison import ComparisonError, Difference, compare
from gateway.loadtest.results import RunResult, Turn
from tests.loadtest.runs import call, run, with_turns


def noisy(mean_ms: float, seed: int, n: int = 100) -> RunResult:
    latencies = np.random.default_rng(seed).normal(mean_ms, 50, n)
    return with_turns(latencies.round().astype(int).tolist())


def difference(new: RunResult, old: RunResult, which: str = "p50") -> Difference:
    return next(
        each for each in compare(new, old) if (each.measure, each.percentile) == ("turn_latency", which)
    )


def test_a_difference_that_is_more_than_chance_is_told_with_its_interval() -> None:
    found = difference(noisy(720, 1), noisy(600, 2))

    assert found.is_beyond_noise
    assert found.low is not None
    assert found.high is not None
    assert found.difference is not None
    assert found.low < 120 < found.high
    assert found.low <= found.difference <= found.high
    assert str(found).startswith(
        f"turn_latency p50: {found.old:g} -> {found.new:g} ms, {found.difference:+g} ("
    )


def test_two_runs_of_the_same_server_differ_by_chance_only() -> None:
    found = difference(noisy(600, 1), noisy(600, 2))

    assert not found.is_beyond_noise
    assert str(found).endswith("ms, no difference beyond noise")


def test_chance_is_taken_for_a_change_about_as_rarely_as_promised() -> None:
    taken = [
        difference(noisy(600, 2 * seed), noisy(600, 2 * seed + 1)).is_beyond_noise for seed in range(100)
    ]

    assert sum(taken) <= 4  # of 24, where one is expected: above 4 once in 100 times


def test_a_run_compared_with_itself_shows_nothing() -> None:
    same = noisy(600, 1)

    assert not any(each.is_beyond_noise for each in compare(same, same))
    assert difference(same, same).difference == 0


def test_the_turns_of_one_call_are_drawn_together() -> None:
    generator = np.random.default_rng(3)

    def run_of(seed: int) -> RunResult:
        means = np.random.default_rng(seed).normal(600, 100, 12)
        return run(
            [
                call(turns=tuple(Turn(1, int(mean + each)) for each in generator.normal(0, 5, 50)))
                for mean in means
            ]
        )

    found = difference(run_of(1), run_of(2))

    assert found.high is not None
    assert found.low is not None
    assert found.high - found.low > 60  # drawn one by one the 600 turns would promise some 25


def test_the_same_two_runs_give_the_same_intervals() -> None:
    new, old = noisy(620, 1), noisy(600, 2)

    assert compare(new, old) == compare(new, old)


def test_what_one_side_withholds_is_not_compared() -> None:
    good, small, late = noisy(600, 1), noisy(600, 2, n=19), with_turns([600] * 30, rig_busy=1.0)
    few = run([call(turns=(Turn(1, 500),) * 10) for _ in range(9)])

    assert difference(good, small).withheld == "n < 20 in the baseline"
    assert difference(small, good).withheld == "n < 20 in the new run"
    assert difference(late, good).withheld == "new run: the rig was late: its core was 100% busy > 90%"
    assert difference(few, good).withheld == "the values are of fewer than 10 calls in the new run"
    assert str(difference(good, small)) == "turn_latency p50: cannot be compared: n < 20 in the baseline"


def test_another_schema_version_is_refused_in_one_line() -> None:
    with pytest.raises(
        ComparisonError, match=r"^the baseline has schema version 0; this program compares version 1$"
    ):
        compare(noisy(600, 1), with_turns([600] * 30, schema_version=0))
