import numpy as np
import pytest

from gateway.loadtest.results import BargeIn, Embedded, ServerSample, Stage, Turn
from gateway.loadtest.values import collect, concurrency, cpu_per_call, memory_per_call
from tests.loadtest.runs import call, run


def test_every_measure_takes_its_values_from_the_calls_and_leaves_out_what_is_not_known() -> None:
    calls = [
        call(
            turns=(Turn(1000, 500), Turn(3000, None)),
            barge_ins=(BargeIn(2000, 310.5, 400, 900), BargeIn(5000, None, None, 0)),
            embedded=Embedded((-30.0, 10.0), (2.0,), (3.0, 4.0)),
        ),
        call(turns=(Turn(900, 700),), n_frames=0),
    ]

    values = collect(run(calls))

    assert values["turn_latency"].values.tolist() == [500, 700]
    assert values["turn_latency"].owners.tolist() == [0, 1]
    assert values["barge_in_clear"].values.tolist() == [310.5]
    assert values["barge_in_stop"].values.tolist() == [400]
    assert values["truncation_error"].values.tolist() == [30, 10]
    assert values["added_up"].values.tolist() == [2]
    assert values["added_down"].values.tolist() == [3, 4]
    assert values["under_run_ms"].values.tolist() == [0]
    assert values["snr"].values.size == 0
    assert values["setup.first_audio"].values.tolist() == [300, 300]


def test_cpu_is_shared_out_over_the_seconds_that_calls_lasted() -> None:
    calls = [call(started_at=10.0, duration_ms=4000), call(started_at=12.0, duration_ms=2000)]
    samples = [
        ServerSample(8.0, 1.0, 100.0),
        ServerSample(10.0, 1.5, 100.0),
        ServerSample(12.0, 1.52, 100.0),
        ServerSample(14.0, 1.56, 100.0),
        ServerSample(15.0, 0.1, 100.0),
    ]

    used = cpu_per_call(samples, calls)

    assert [at for at, _ in used] == [12.0, 14.0]
    assert [value for _, value in used] == pytest.approx([10.0, 10.0])


def test_a_server_that_was_started_anew_gives_no_cpu_for_that_interval() -> None:
    samples = [ServerSample(10.0, 5.0, 100.0), ServerSample(11.0, 0.1, 100.0)]

    assert cpu_per_call(samples, [call(started_at=10.0)]) == []


def test_memory_is_that_above_the_idle_server() -> None:
    calls = [call(started_at=10.0, duration_ms=4000), call(started_at=12.0, duration_ms=2000)]
    samples = [
        ServerSample(8.0, 0.0, 90.0),
        ServerSample(9.0, 0.0, 100.0),
        ServerSample(11.0, 0.0, 100.3),
        ServerSample(13.0, 0.0, 100.5),
        ServerSample(20.0, 0.0, 101.0),
    ]

    used = memory_per_call(samples, calls)

    assert [at for at, _ in used] == [11.0, 13.0]
    assert [value for _, value in used] == pytest.approx([300, 250])
    assert memory_per_call(samples[2:], calls) == []
    assert memory_per_call(samples, []) == []


def test_a_stage_has_its_own_calls_and_samples() -> None:
    calls = [call(started_at=10.0, turns=(Turn(1, 500),)), call(started_at=20.0, turns=(Turn(1, 900),))]
    server = tuple(ServerSample(at, at / 100, 100.0) for at in (9.0, 11.0, 21.0, 22.0))

    values = collect(run(calls, server=server), Stage(1, 20.0, 30.0))

    assert values["turn_latency"].values.tolist() == [900]
    assert values["cpu_per_call"].values == pytest.approx(np.array([100 / 10, 10.0]), rel=0.2)
    assert values["memory_per_call"].values.tolist() == [0, 0]


def test_the_number_of_calls_at_once_is_known_at_every_moment() -> None:
    calls = [
        call(started_at=10.0, duration_ms=5000),
        call(started_at=12.0, duration_ms=1000),
        call(started_at=13.0, duration_ms=2000),
    ]

    assert concurrency(calls) == [(10.0, 1), (12.0, 2), (13.0, 2), (15.0, 0)]
    assert concurrency([]) == []
