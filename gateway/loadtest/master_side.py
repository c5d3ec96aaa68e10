"""What Locust's master does in a load test: collects, watches the server, and hands over what was found out."""

import logging
import sys
import time
from typing import Any

import gevent
import msgspec
from locust.env import Environment
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner

from gateway.loadtest.collector import Collector
from gateway.loadtest.messages import CallDone, Finished, Progress, Pulse, line_of
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.outputs import write_outputs
from gateway.loadtest.results import ServerSample
from gateway.loadtest.secret import METRICS_NAME, read_secret
from gateway.loadtest.server_load import MetricsLoad, ProcessLoad, ServerLoadError
from gateway.loadtest.shape import new_shape
from gateway.loadtest.steady_clock import SteadyClock
from gateway.loadtest.worker_side import CALL_DONE, CALLS_OVER, HANG_UP, PULSE

INTERVAL = 1.0
"""Seconds from one look at the server, and one report, to the next."""
PATIENCE = 15.0
"""Seconds to wait for one more of the calls that are ending: those of a worker may take minutes to measure."""

ServerLoad = ProcessLoad | MetricsLoad

_log = logging.getLogger("locust.gateway")


def server_load(options: LoadOptions) -> ServerLoad | None:
    """Find out where the server's load can be read; None if nowhere.

    Raises:
        ServerLoadError: there is no such process.
    """
    if options.server_pid is not None:
        return ProcessLoad(options.server_pid)
    return MetricsLoad(options.server_metrics, read_secret(METRICS_NAME)) if options.server_metrics else None


class MasterSide:
    """The master, or a standalone runner's other half."""

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner | LocalRunner,
        options: LoadOptions,
        *,
        reports: bool,
    ) -> None:
        """With ``reports`` progress and outcome go to standard output, as lines for the command."""
        self._environment = environment
        self._runner = runner
        self._options = options
        self._reports = reports
        self._n_expected = 1
        if isinstance(runner, MasterRunner) and environment.parsed_options is not None:
            self._n_expected = environment.parsed_options.expect_workers
        self._collector = Collector(options)
        self._clock = SteadyClock()
        self._over: set[str] = set()
        self._workers: set[str] = set()
        """Those that have told anything, and are not known to be gone."""
        self._is_on = False
        self._lacks_calls = False
        self._heard_at = 0.0
        """When a worker last told of a call, or that there are no more; seconds of ``time.monotonic()``."""
        self._is_finished = False
        self._load = server_load(options)
        self._told_of_load = False

    def start(self) -> None:
        """Hear what workers say, and plan the load."""
        self._runner.register_message(CALL_DONE, self._take_result)
        self._runner.register_message(PULSE, self._take_pulse)
        self._runner.register_message(CALLS_OVER, self._take_over)
        shape = new_shape(self._options, self._collector, self._are_ready, self._clock.now)
        shape.runner = self._runner
        self._environment.shape_class = shape
        self._environment.events.test_stop.add_listener(lambda **_: shape.rewind())
        if isinstance(self._runner, MasterRunner):
            self._environment.events.test_start.add_listener(self._begin)
            self._environment.events.test_stopping.add_listener(self._end_calls)
        self._watching = gevent.spawn(self._watch)

    def finish(self) -> None:
        """Stop what still goes on and hand over what was found out; once, however often it is asked for."""
        if self._is_finished:
            return
        self._is_finished = True
        self._runner.stop()
        self._watching.kill()
        run = self._collector.run(self._clock.now())
        if self._reports:
            self._print(Finished(run))
        else:
            failed = write_outputs(run, self._options) or int(self._lacks_calls)
            self._environment.process_exit_code = self._environment.process_exit_code or failed

    def _are_ready(self) -> bool | None:
        """Whether every worker has read the recordings; None if one of those that are needed is gone."""
        n_workers = self._runner.worker_count
        if n_workers < self._n_expected:
            _log.error("Only %d of %d workers are left; the test ends.", n_workers, self._n_expected)
            self._environment.process_exit_code = 1
            return None
        return n_workers <= len(self._collector.pulses)

    def _take_result(self, msg: Any, **_: Any) -> None:
        self._heard_at = time.monotonic()
        self._collector.add(msgspec.json.decode(msg.data["done"], type=CallDone))

    def _take_pulse(self, msg: Any, **_: Any) -> None:
        pulse = msgspec.json.decode(msg.data["pulse"], type=Pulse)
        self._workers.add(msg.data["worker"])
        self._collector.beat(msg.data["worker"], pulse, self._clock.now())

    def _take_over(self, msg: Any, **_: Any) -> None:
        self._heard_at = time.monotonic()
        self._over.add(msg.data["worker"])
        self._lacks_calls = self._lacks_calls or not msg.data["is_whole"]

    def _begin(self, **_: Any) -> None:
        self._is_on, self._lacks_calls = True, False

    def _end_calls(self, **_: Any) -> None:
        """Have the workers end their calls and wait for what they tell of them."""
        self._over.clear()
        self._runner.send_message(HANG_UP)
        self._heard_at = time.monotonic()
        while not self._present() <= self._over:
            if time.monotonic() - self._heard_at > PATIENCE:
                self._lacks_calls = True
                _log.error("A worker has not told of all its calls; they are missing from the outcome.")
                break
            gevent.sleep(0.05)
        self._miss_workers()
        self._is_on = False

    def _present(self) -> set[str]:
        """The workers that are there."""
        runner = self._runner
        assert isinstance(runner, MasterRunner)  # noqa: S101 - a standalone runner's worker half sees to its own
        return {client.id for client in runner.clients.all if client.state != STATE_MISSING}

    def _miss_workers(self) -> None:
        """Say it where workers are gone in the middle: the calls that were on are missing from the outcome."""
        if not self._is_on:
            return
        gone = self._workers - self._present()
        for worker in gone:
            self._collector.forget(worker)
            self._lacks_calls = True
            _log.error("The worker %s is gone; what it has not told of is missing from the outcome.", worker)
        self._workers -= gone

    def _watch(self) -> None:
        while True:
            self._miss_workers()
            now = self._clock.now()
            if self._load and (sample := self._sampled(self._load, now)):
                self._collector.add_sample(sample)
            if self._reports:
                self._print(self._collector.progress(now, self._runner.target_user_count))
            gevent.sleep(INTERVAL)

    def _sampled(self, load: ServerLoad, at: float) -> ServerSample | None:
        try:
            return load.sample(at)
        except ServerLoadError as error:
            if not self._told_of_load:
                _log.warning("The server's load: %s", error)
            self._told_of_load = True
            return None

    def _print(self, message: Progress | Finished) -> None:
        sys.stdout.buffer.write(line_of(message))
        sys.stdout.buffer.flush()
