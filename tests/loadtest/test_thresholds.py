import pytest

from gateway.loadtest.summary import summarise
from gateway.loadtest.thresholds import Threshold, ThresholdError, parse
from tests.loadtest.runs import call, run, with_turns


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("turn_latency_p95 > 800", Threshold("turn_latency_p95", ">", 800.0)),
        ("  turn_latency_p95>=800.5ms ", Threshold("turn_latency_p95", ">=", 800.5)),
        ("setup.webhook_max > 1000 ms", Threshold("setup.webhook_max", ">", 1000.0)),
        ("snr_p50 < 20 dB", Threshold("snr_p50", "<", 20.0)),
        ("level_p50 <= -40", Threshold("level_p50", "<=", -40.0)),
        ("failed > 1%", Threshold("failed", ">", 1.0)),
        ("failures > 0", Threshold("failures", ">", 0.0)),
        ("under_runs_per_call_mean > 0.2", Threshold("under_runs_per_call_mean", ">", 0.2)),
        ("cpu_per_call_p95 > 4.1 ms/s", Threshold("cpu_per_call_p95", ">", 4.1)),
    ],
)
def test_a_threshold_is_a_figure_an_operator_and_a_number(text: str, threshold: Threshold) -> None:
    assert parse(text) == threshold
    assert parse(str(threshold)) == threshold


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("turn_latencies_p95 > 800", "did you mean turn_latency_p95?"),
        ("turn_latency > 800", "say which percentile, like turn_latency_p95"),
        ("turn_latency_p95 > 800 s", "turn_latency_p95 is in ms"),
        ("failures > 1%", "failures is a plain number"),
        ("turn_latency_p95 == 800", "is no threshold: that is a figure, one of > >= < <=, and a number"),
        ("turn_latency_p95 > fast", "is no threshold"),
        ("turn_latency_p95 > 8e2", "turn_latency_p95 is in ms"),
        ("", "is no threshold"),
        ("zzzzzzzz > 1", "there is no figure 'zzzzzzzz'"),
    ],
)
def test_what_is_no_threshold_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ThresholdError) as error:
        parse(text)

    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("turn_latency_p95 > 95", "kept"),
        ("turn_latency_p95 >= 95", "broken"),
        ("turn_latency_p95 < 95", "kept"),
        ("turn_latency_p95 <= 95", "broken"),
        ("turn_latency_max > 99", "broken"),
        ("calls < 100", "kept"),
    ],
)
def test_a_threshold_is_broken_when_its_condition_holds(text: str, state: str) -> None:
    verdict = parse(text).judge(summarise(with_turns(range(1, 101))))

    assert verdict.state == state
    assert verdict.failed == (state == "broken")


def test_a_verdict_names_the_value_and_its_unit() -> None:
    verdict = parse("turn_latency_p95 > 90").judge(summarise(with_turns(range(1, 101))))

    assert str(verdict) == "turn_latency_p95 > 90: broken: 95 ms"


def test_a_share_of_failures_is_in_percent() -> None:
    calls = [call(failed=index < 3, outcome="stream-refused") for index in range(200)]

    verdict = parse("failed > 1%").judge(summarise(run(calls)))

    assert (verdict.state, verdict.value, verdict.unit) == ("broken", 1.5, "%")


def test_a_figure_that_is_withheld_does_not_pass_in_silence() -> None:
    verdict = parse("turn_latency_p95 > 800").judge(summarise(with_turns([500] * 19)))

    assert (verdict.state, verdict.failed) == ("withheld", True)
    assert str(verdict) == "turn_latency_p95 > 800: cannot be judged: n < 20"


def test_a_late_rig_cannot_be_judged_but_its_failures_count() -> None:
    summary = summarise(with_turns([500] * 30, rig_busy=1.0))

    assert parse("turn_latency_p95 > 800").judge(summary).state == "withheld"
    assert parse("failures > 0").judge(summary).state == "kept"
