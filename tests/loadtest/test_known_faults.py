"""A server with a known fault: exactly the figure that is about it gives way, and no other."""

import functools

import msgspec
import pytest

from gateway.loadtest.comparison import compare
from gateway.loadtest.fingerprint import Fingerprint
from gateway.loadtest.recording import Recording, default_recording
from gateway.loadtest.results import RunResult
from gateway.loadtest.summary import summarise
from gateway.loadtest.thresholds import parse
from tests.loadtest.runs import run
from tests.loadtest.scripted_server import Fault, place

N_CALLERS = 20
THRESHOLDS = (
    "failed > 0%",
    "faults > 0",
    "unanswered_turns > 0",
    "unstopped_barge_ins > 0",
    "marks_unreturned > 0",
    "crosstalk > 0",
    "setup.webhook_p95 > 100",
    "setup.handshake_p95 > 50",
    "setup.first_audio_p95 > 300",
    "turn_latency_p95 > 800",
    "barge_in_clear_p95 > 300",
    "barge_in_stop_p95 > 600",
    "truncation_error_p95 > 40",
    "under_run_ms_p50 > 0",
    "after_clear_ms_p50 > 0",
    "snr_p50 < 30",
    "level_p50 < -25",
    "bandwidth_p50 < 1500",
    "frame_lateness_max > 1",
)


@functools.cache
def recordings() -> list[Recording]:
    tape = Recording.read(default_recording())
    return [
        msgspec.structs.replace(tape, payload=Fingerprint(number).mixed(tape.payload))
        for number in range(N_CALLERS)
    ]


@functools.cache
def carried(fault: Fault, *, swapped: bool = False) -> RunResult:
    return run(place(recordings(), fault, parrots=lambda caller: caller ^ 1 if swapped else caller))


def broken(result: RunResult) -> list[str]:
    summary = summarise(result)
    return [each for each in THRESHOLDS if parse(each).judge(summary).failed]


def test_a_server_without_a_fault_breaks_no_threshold() -> None:
    assert broken(carried(Fault())) == []


@pytest.mark.parametrize(
    ("fault", "threshold"),
    [
        (Fault(added=0.12), "turn_latency_p95 > 800"),
        (Fault(loses_each=50), "under_run_ms_p50 > 0"),
        (Fault(talks_on=0.3), "after_clear_ms_p50 > 0"),
        (Fault(truncates_late_ms=500), "truncation_error_p95 > 40"),
    ],
    ids=["120 ms later", "each 50th frame lost", "talks on after the clear", "truncates 500 ms too late"],
)
def test_a_fault_breaks_its_own_threshold_and_no_other(fault: Fault, threshold: str) -> None:
    assert broken(carried(fault)) == [threshold]


def test_callers_whose_audio_is_swapped_are_cross_talk_and_nothing_else() -> None:
    swapped = carried(Fault(), swapped=True)

    assert broken(swapped) == ["crosstalk > 0"]
    assert summarise(swapped).counts["crosstalk"].value == N_CALLERS


@pytest.mark.parametrize(
    ("fault", "measure", "size"),
    [
        (Fault(added=0.12), "turn_latency", 120),
        (Fault(loses_each=50), "under_run_ms", 240),
        (Fault(talks_on=0.3), "after_clear_ms", 300),
        (Fault(truncates_late_ms=500), "truncation_error", 500),
    ],
    ids=[
        "120 ms later",
        "each 50th of some 600 frames lost",
        "talks on after the clear",
        "truncates 500 ms too late",
    ],
)
def test_the_size_of_a_fault_is_measured(fault: Fault, measure: str, size: float) -> None:
    bad, good = (summarise(carried(each)).figures[measure].p50 for each in (fault, Fault()))

    assert bad is not None
    assert good is not None
    assert bad - good == pytest.approx(size, abs=25)


def test_a_server_that_has_become_slower_differs_in_nothing_else_from_the_one_before() -> None:
    differences = compare(carried(Fault(added=0.12)), carried(Fault()))

    beyond_noise = [each for each in differences if each.is_beyond_noise]
    assert {each.measure for each in beyond_noise} == {"turn_latency"}
    assert {each.percentile for each in beyond_noise} == {"p50", "p90", "p95", "p99"}
