"""The real gateway with one fault: of one list of thresholds exactly the one that is about the fault is broken.

Every server gets the same 20 calls: two sentences, the second of which interrupts the answer to the first.
"""

from collections.abc import Mapping

import pytest

from gateway.loadtest.summary import Summary, summarise
from gateway.loadtest.thresholds import parse
from tests.loadtest.faulty_runs import load_tests
from tests.loadtest.runs import run

THRESHOLDS = (
    "failed > 0%",
    "faults > 0",
    "unanswered_turns > 0",
    "unstopped_barge_ins > 0",
    "marks_unreturned > 0",
    "crosstalk > 0",
    "under_runs_per_call_mean > 0",
    "setup.first_audio_p95 > 3000",
    "turn_latency_p95 > 950",
    "barge_in_clear_p95 > 300",
    "barge_in_stop_p95 > 600",
    "truncation_error_p95 > 40",
    "added_up_p95 > 40",
    "added_down_p95 > 40",
    "missing_up_max > 0",
    "missing_down_max > 0",
    "after_clear_ms_max > 0",
    "snr_p50 < 30",
    "level_p50 < -25",
    "bandwidth_p50 < 1500",
    "frame_lateness_p99 > 1",
)

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def tests() -> Mapping[str, Summary]:
    return {fault: summarise(run(calls)) for fault, calls in load_tests().items()}


def broken(summary: Summary) -> list[str]:
    """The thresholds that are not kept, those that cannot be judged among them."""
    verdicts = [parse(each).judge(summary) for each in THRESHOLDS]
    return [each.threshold for each in verdicts if each.failed]


def test_a_server_without_a_fault_breaks_no_threshold(tests: Mapping[str, Summary]) -> None:
    assert broken(tests["none"]) == []


@pytest.mark.parametrize(
    ("fault", "threshold"),
    [
        ("thinks 120 ms longer", "turn_latency_p95 > 950"),
        ("loses each 50th frame of the agent's", "missing_down_max > 0"),
        ("loses each 50th frame of the callers'", "missing_up_max > 0"),
        ("swaps callers", "crosstalk > 0"),
        ("talks on after a clear", "after_clear_ms_max > 0"),
        ("truncates 500 ms too late", "truncation_error_p95 > 40"),
    ],
)
def test_a_fault_breaks_its_own_threshold_and_no_other(
    tests: Mapping[str, Summary], fault: str, threshold: str
) -> None:
    """Where a fault is seen in two figures, the limit of the one that is not about it leaves room for that.

    An agent that talks on for 300 ms falls silent as much later, which is still within 600 ms. The audio after a lost
    frame of the agent's takes its place, so that it is complete one delta of the model's later, 25 ms. Swapped callers
    say the same words at the same time, so that nothing but their voices differs, and one frame of waiting for each other.
    """
    assert broken(tests[fault]) == [threshold]


def test_what_is_added_on_the_way_down_is_seen_by_the_caller_and_told_from_a_slow_model(
    tests: Mapping[str, Summary],
) -> None:
    """Two figures are right about it: the caller waits longer, and it is not the model that he waits for."""
    later = broken(tests["brings answers 120 ms later"])

    assert later == ["turn_latency_p95 > 950", "added_down_p95 > 40"]


@pytest.mark.parametrize(
    ("fault", "measure", "size"),
    [
        ("thinks 120 ms longer", "turn_latency", 120),
        ("brings answers 120 ms later", "added_down", 120),
        ("talks on after a clear", "after_clear_ms", 300),
        ("truncates 500 ms too late", "truncation_error", 500),
    ],
)
def test_the_size_of_a_fault_is_measured(
    tests: Mapping[str, Summary], fault: str, measure: str, size: float
) -> None:
    bad, good = (tests[each].figures[measure].p50 for each in (fault, "none"))

    assert bad is not None
    assert good is not None
    assert bad - good == pytest.approx(size, abs=20)


def test_all_whose_voices_were_swapped_are_found(tests: Mapping[str, Summary]) -> None:
    counts = tests["swaps callers"].counts

    assert counts["crosstalk"] == counts["calls"]
