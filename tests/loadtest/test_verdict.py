import pytest

from gateway.loadtest.results import Stage, Turn
from gateway.loadtest.thresholds import ThresholdError
from gateway.loadtest.verdict import StepVerdict, judge, judge_step, thresholds
from tests.loadtest.runs import call, run, with_turns

STAGE = Stage(10, 1000.0, 1100.0)


def step(n_calls: int, *, n_failed: int = 0, turn_ms: int = 600) -> StepVerdict | None:
    calls = [call(turns=(Turn(2000, turn_ms),), failed=number < n_failed) for number in range(n_calls)]
    return judge_step(run(calls), STAGE, thresholds((), "ladder"))


def said(asked_for: tuple[str, ...], mode: str) -> list[str]:
    return [str(each) for each in thresholds(asked_for, mode)]


def test_no_call_may_fail_unless_a_threshold_says_how_many_may() -> None:
    assert said((), "steady") == ["answered < 1", "failed > 0"]
    assert said(("turn_latency_p95 > 800",), "soak") == [
        "answered < 1",
        "failed > 0",
        "turn_latency_p95 > 800",
    ]
    assert said(("failed > 5",), "steady") == ["answered < 1", "failed > 5"]
    assert said(("failures > 5", "answered < 9"), "ramp") == ["failures > 5", "answered < 9"]


def test_ladder_climbs_by_failures_and_waits_unless_told_otherwise() -> None:
    assert [str(each) for each in thresholds((), "ladder")] == ["failed > 1", "turn_latency_p95 > 1500"]
    assert [str(each) for each in thresholds(("failures > 0",), "ladder")] == ["failures > 0"]


def test_nonsense_is_no_threshold() -> None:
    with pytest.raises(ThresholdError):
        thresholds(("faster",), "steady")


def test_run_passes_when_every_threshold_is_kept() -> None:
    good = with_turns([600] * 30)

    assert judge(good, thresholds(("turn_latency_p95 > 800",), "steady")).passed
    assert not judge(good, thresholds(("turn_latency_p95 > 500",), "steady")).passed


def test_run_that_cannot_be_judged_does_not_pass() -> None:
    judgement = judge(with_turns([600] * 19), thresholds(("turn_latency_p95 > 800",), "steady"))

    assert not judgement.passed
    assert [each.state for each in judgement.verdicts] == ["kept", "kept", "withheld"]


def test_run_without_calls_does_not_pass() -> None:
    assert not judge(run([]), thresholds((), "steady")).passed


@pytest.mark.parametrize("asked_for", [(), ("failures > 5",), ("unanswered_turns > 0", "failed > 100")])
def test_run_in_which_no_call_had_a_stream_does_not_pass(asked_for: tuple[str, ...]) -> None:
    waiting = call(n_frames=0, turns=())

    for calls in ([], [waiting] * 30):
        assert not judge(run(calls), thresholds(asked_for, "steady")).passed


def test_ladder_passes_if_any_number_of_calls_held() -> None:
    calls = [call(failed=True)] * 30

    assert judge(run(calls, mode="ladder", holds=3, broke="4 calls: all failed"), ()).passed
    assert not judge(run(calls, mode="ladder", holds=0, broke="1 call: all failed"), ()).passed
    assert not judge(run(calls, mode="ladder"), ()).passed


def test_baseline_gives_the_differences() -> None:
    old, new = with_turns([600] * 30), with_turns([700] * 30)

    assert judge(new, (), None).differences is None
    differences = judge(new, (), old).differences
    assert differences is not None
    assert [each.difference for each in differences if each.measure == "turn_latency"] == [100.0] * 4


def test_step_has_no_verdict_until_every_line_has_had_a_call() -> None:
    assert step(9, n_failed=9) is None


def test_step_breaks_as_soon_as_every_line_has_had_a_call() -> None:
    assert step(10, n_failed=1) == StepVerdict(held=False, why="failed > 1: broken: 10 %")


def test_step_waits_for_enough_figures_but_not_for_ever() -> None:
    assert step(19) is None
    assert step(20) == StepVerdict(held=True)
    silent = run([call(turns=())] * 30)
    verdict = judge_step(silent, STAGE, thresholds((), "ladder"))
    assert verdict == StepVerdict(held=False, why="turn_latency_p95 > 1500: cannot be judged: n < 20")


def test_step_that_is_too_slow_does_not_hold() -> None:
    assert step(20, turn_ms=1600) == StepVerdict(held=False, why="turn_latency_p95 > 1500: broken: 1600 ms")


def test_step_in_which_the_rig_was_late_does_not_hold() -> None:
    late = run([call(lateness_ms=(9.0,))] * 20)

    verdict = judge_step(late, STAGE, thresholds((), "ladder"))

    assert verdict == StepVerdict(
        held=False, why="the rig was late: frame lateness p99 9.0 ms > 5 ms", rig_was_late=True
    )


def test_calls_of_an_earlier_step_do_not_count() -> None:
    calls = [call(started_at=900.0, failed=True)] * 5 + [call()] * 20

    assert judge_step(run(calls), STAGE, thresholds((), "ladder")) == StepVerdict(held=True)
