import msgspec
import numpy as np
import pytest

from gateway.loadtest.results import BargeIn, Delivery, Stage, Turn
from gateway.loadtest.summary import Count, Figure, Summary, percentile, summarise
from tests.loadtest.runs import call, run, with_turns


def test_percentiles_are_by_nearest_rank() -> None:
    summary = summarise(with_turns(range(100, 0, -1)))

    assert summary.figures["turn_latency"] == Figure(100, 50, 90, 95, 99, 100)


@pytest.mark.parametrize(
    ("n", "share", "value"), [(20, 0.95, 19), (21, 0.95, 20), (1, 0.5, 1), (100, 0.99, 99)]
)
def test_a_percentile_is_a_value_that_was_measured(n: int, share: float, value: float) -> None:
    assert percentile(np.arange(1.0, n + 1), share) == value


def test_below_twenty_values_there_are_no_percentiles() -> None:
    assert summarise(with_turns(range(19))).figures["turn_latency"] == Figure(19, withheld="n < 20")
    assert summarise(with_turns(range(20))).figures["turn_latency"].p50 == 9


def test_a_rig_that_was_late_is_not_believed_and_shows_how_late_it_was() -> None:
    calls = [call(lateness_ms=(1.0, 1.0, 7.25)) for _ in range(30)]

    summary = summarise(run(calls))

    assert summary.rig_late == "the rig was late: frame lateness p99 7.2 ms > 5 ms"
    assert summary.figures["turn_latency"] == Figure(30, withheld=summary.rig_late)
    assert summary.counts["under_runs_per_call_mean"] == Count(None, summary.rig_late)
    assert summary.figures["frame_lateness"].p99 == 7.25
    assert summary.counts["calls"] == Count(30)


def test_a_rig_that_was_too_busy_is_not_believed() -> None:
    assert summarise(with_turns(range(30), rig_busy=0.9)).rig_late is None

    summary = summarise(with_turns(range(30), rig_busy=0.93))

    assert summary.rig_late == "the rig was late: its core was 93% busy > 90%"
    assert {each.withheld for name, each in summary.figures.items() if name.startswith("setup")} == {
        summary.rig_late
    }


def test_calls_failures_and_faults_are_counted() -> None:
    calls = [
        call(faults={"31951": 2, "31950": 1}),
        call(faults={"31951": 1}, n_frames=0, failed=True, outcome="stream-refused"),
        call(n_frames=0, failed=True, outcome="webhook-timeout"),
        call(n_frames=0, failed=True, outcome="stream-refused"),
        call(n_frames=0, outcome="busy"),
    ]

    summary = summarise(run(calls))

    assert summary.failures == {"stream-refused": 2, "webhook-timeout": 1}
    assert summary.faults == {"31951": 3, "31950": 1}
    counts = {name: each.value for name, each in summary.counts.items()}
    assert counts["calls"] == 5
    assert counts["answered"] == 1
    assert (counts["failures"], counts["failed"]) == (3, 60.0)
    assert (counts["faults"], counts["peak"]) == (4, 5)


def test_what_the_agent_left_undone_is_counted() -> None:
    calls = [
        call(
            turns=(Turn(1, None), Turn(2, 500)),
            barge_ins=(BargeIn(1, None, None, 0),),
            delivery=Delivery(n_under_runs=index % 2, n_marks_unreturned=1),
            crosstalk=index == 0,
        )
        for index in range(20)
    ]

    counts = summarise(run(calls)).counts

    assert (
        counts["unanswered_turns"] == counts["unstopped_barge_ins"] == counts["marks_unreturned"] == Count(20)
    )
    assert counts["under_runs_per_call_mean"] == Count(0.5)
    assert counts["crosstalk"] == Count(1)


def test_where_no_fingerprint_was_heard_cross_talk_is_not_zero_but_unknown() -> None:
    assert summarise(run([call()])).counts["crosstalk"] == Count(None, "no fingerprint was heard")


def test_a_run_without_calls_has_no_share_of_failures() -> None:
    summary = summarise(run([]))

    assert summary.counts["failed"] == Count(None, "no calls")
    assert summary.counts["peak"] == Count(0)
    assert all(each.withheld == "n < 20" for each in summary.figures.values())


def test_each_stage_has_its_own_figures() -> None:
    early = [call(started_at=1000.0 + n / 10, turns=(Turn(1, 500),)) for n in range(20)]
    late = [
        call(started_at=1020.0 + n / 10, turns=(Turn(1, 900),), failed=n == 0, lateness_ms=(9.0,))
        for n in range(40)
    ]

    summary = summarise(run([*early, *late], stages=(Stage(20, 1000.0, 1020.0), Stage(40, 1020.0, 1040.0))))

    first, second = summary.stages
    assert (first.n_calls, first.peak, first.counts["calls"]) == (20, 20, Count(20))
    assert first.figures["turn_latency"].p95 == 500
    assert (second.peak, second.counts["failed"]) == (40, Count(2.5))
    assert second.figures["turn_latency"].withheld == "the rig was late: frame lateness p99 9.0 ms > 5 ms"


def test_calls_of_the_stage_before_count_among_those_at_once() -> None:
    calls = [call(started_at=1000.0, duration_ms=60_000), call(started_at=1030.0, duration_ms=1000)]

    summary = summarise(run(calls, stages=(Stage(1, 1020.0, 1025.0), Stage(2, 1025.0, 1040.0))))

    assert [each.peak for each in summary.stages] == [1, 2]


def test_a_summary_can_be_written_as_json_and_read_again() -> None:
    summary = summarise(with_turns(range(30), stages=(Stage(1, 1000.0, 1001.0),)))

    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
