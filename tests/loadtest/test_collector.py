from gateway.loadtest.collector import Collector, percentile
from gateway.loadtest.messages import CallDone, Pulse
from gateway.loadtest.results import CallAudio, ServerSample, Stage
from tests.loadtest.outcomes import OPTIONS, outcome


def test_progress_tells_failures_by_reason_and_withholds_figures_below_twenty() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    for _ in range(19):
        collector.add(CallDone(outcome()))
    collector.add(CallDone(outcome(failed=True, turn_ms=None)))

    progress = collector.progress(1005.0, 10)

    assert (progress.seconds, progress.n_wanted, progress.n_done) == (5.0, 10, 20)
    assert progress.failures == {"webhook-status": 1}
    assert (progress.turn_p95_ms, progress.setup_p95_ms, progress.lateness_p99_ms) == (None, None, None)


def test_progress_shows_the_latest_figures() -> None:
    collector = Collector(OPTIONS)
    for _ in range(300):
        collector.add(CallDone(outcome(turn_ms=100, setup_ms=10)))
    for _ in range(200):
        collector.add(CallDone(outcome(turn_ms=900, setup_ms=40)))

    progress = collector.progress(1005.0, 10)

    assert (progress.seconds, progress.turn_p95_ms, progress.setup_p95_ms) == (0.0, 900, 40)


def test_rig_is_as_late_as_its_latest_worker_and_as_busy_as_its_busiest_ever_was() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    collector.beat("a", Pulse(3, 0.9, 1.5), 1000.5)
    collector.beat("a", Pulse(4, 0.2, 0.5), 1000.5)
    collector.beat("b", Pulse(5, 0.3, 2.5), 1000.5)
    collector.beat("c", Pulse(0, 0.0, None), 1000.5)

    progress = collector.progress(1001.0, 9)

    assert (progress.n_up, progress.lateness_p99_ms) == (9, 2.5)
    assert collector.run(1002.0).rig_busy == 0.9


def test_run_holds_all_calls_and_the_stages_as_far_as_they_came_about() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    collector.stages += [Stage(5, 1001.0, 1010.0), Stage(10, 1010.0, 1020.0), Stage(20, 1020.0, 1030.0)]
    collector.add(CallDone(outcome(at=1002.0)))
    collector.add_sample(ServerSample(1003.0, 1.5, 80.0))

    run = collector.run(1015.0)

    assert (run.started_at, run.ended_at, len(run.calls), len(run.server)) == (1000.0, 1015.0, 1, 1)
    assert run.stages == (Stage(5, 1001.0, 1010.0), Stage(10, 1010.0, 1015.0))


def test_stage_tells_how_busy_the_rig_was_in_it() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    collector.stages += [Stage(5, 1000.0, 1010.0), Stage(10, 1010.0, 1020.0)]
    for at, busy in ((1002.0, 0.3), (1005.0, 0.4), (1012.0, 0.95), (1015.0, 0.7)):
        collector.beat("a", Pulse(5, busy, 0.1), at)

    run = collector.run(1020.0)

    assert [each.rig_busy for each in run.stages] == [0.4, 0.95]
    assert run.rig_busy == 0.95


def test_audio_is_kept_of_the_best_and_the_worst_call_alone() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    for number, turn_ms in enumerate((700, 500, 900, 600, 800)):
        sid = f"CA{number}"
        collector.add(CallDone(outcome(turn_ms=turn_ms, sid=sid), CallAudio(sid, bytes([number]))))

    assert {each.call_sid: each.flac for each in collector.run(1020.0).audio} == {"CA1": b"\1", "CA2": b"\2"}


def test_last_look_at_the_idle_server_is_kept_when_the_test_begins() -> None:
    collector = Collector(OPTIONS)
    for at in (998.0, 999.0):
        collector.add_sample(ServerSample(at, 1.0, 80.0))
    collector.begin(1000.0)
    collector.add_sample(ServerSample(1001.0, 1.5, 81.0))

    assert [each.at for each in collector.run(1002.0).server] == [999.0, 1001.0]


def test_test_that_begins_again_knows_nothing_of_the_one_before() -> None:
    collector = Collector(OPTIONS)
    collector.begin(1000.0)
    collector.add(CallDone(outcome(failed=True)))
    collector.beat("a", Pulse(3, 0.9, 1.5), 1000.5)
    collector.begin(2000.0)

    run = collector.run(2001.0)

    assert (run.calls, run.rig_busy, run.started_at) == ((), 0.0, 2000.0)
    assert collector.progress(2001.0, 0).failures == {}


def test_run_that_never_began_is_empty() -> None:
    run = Collector(OPTIONS).run(5.0)

    assert (run.started_at, run.ended_at, run.calls) == (5.0, 5.0, ())


def test_percentile_is_the_nearest_rank() -> None:
    assert percentile(range(1, 101), 95) == 95
    assert percentile(range(1, 21), 99) == 20
    assert percentile([3.0], 99, at_least=1) == 3.0
    assert percentile(range(19), 50) is None
    assert percentile([], 50, at_least=0) is None
