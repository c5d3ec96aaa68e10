"""What a Locust worker does in a load test: has calls placed, and passes on what comes of them."""

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
import msgspec
from locust import User, task
from locust.env import Environment
from locust.runners import LocalRunner, WorkerRunner

from gateway.loadtest.calls_link import CallsLink
from gateway.loadtest.collector import total_setup_ms
from gateway.loadtest.fingerprint import N_FINGERPRINTS
from gateway.loadtest.messages import Begin, CallDone, Pulse

CALL_DONE, PULSE, CALLS_OVER, HANG_UP = (
    "gateway-call-done",
    "gateway-pulse",
    "gateway-calls-over",
    "gateway-hang-up",
)
"""Locust's custom messages between workers and master."""

SHORTEST_CALL = 1.0
"""Seconds from one call of a line to its next: a server that refuses calls, or ends them at once, is not stormed."""

_GOLDEN = (5**0.5 - 1) / 2
"""Its multiples spread evenly over a second, however many there are; calls in step would all send at once."""

_FINGERPRINTS_APART = 131
"""From one worker's first to the next one's: together four workers of a hundred lines each share none."""

_log = logging.getLogger("locust.gateway")


class CallFailedError(Exception):
    """What Locust counts failed calls by."""


class CallerLine(User):
    """One line: it places one recorded call after the other."""

    link: ClassVar[CallsLink]

    def on_start(self) -> None:
        """Take a number, and wait for one's moment: Locust starts a second's users all at once."""
        self.line = self.link.new_line()
        self.fingerprint = (
            _worker_index(self.environment) * _FINGERPRINTS_APART + self.line
        ) % N_FINGERPRINTS
        self.n_calls = 0
        gevent.sleep(self.line * _GOLDEN % 1.0)

    def on_stop(self) -> None:
        """Hang up."""
        self.link.hang_up(self.line)

    @task
    def call(self) -> None:
        """Place the next call and wait until it is over."""
        next_at = time.monotonic() + SHORTEST_CALL
        self.link.place(self.line, self.n_calls, self.fingerprint)
        self.n_calls += 1
        gevent.sleep(max(0.0, next_at - time.monotonic()))


class WorkerSide:
    """One worker, or a standalone runner's worker half."""

    def __init__(self, environment: Environment, runner: WorkerRunner | LocalRunner) -> None:
        self.link = CallsLink(self._report, self._beat, self._lost)
        self._environment = environment
        self._runner = runner

    def start(self, begin: Begin) -> None:
        """Start the process of calls, and obey the master from now on.

        Raises:
            CallsLostError: it cannot begin.
        """
        events = self._environment.events
        events.test_start.add_listener(_ignoring(self.link.reopen))
        events.test_stopping.add_listener(_ignoring(self._end_calls))
        self._runner.register_message(HANG_UP, self._hang_up, concurrent=True)
        CallerLine.link = self.link
        self.link.start(begin)

    def stop(self) -> None:
        """End the process of calls."""
        self.link.close()

    def _hang_up(self, **_: Any) -> None:
        is_whole = self._end_calls()
        self._runner.send_message(CALLS_OVER, {"worker": self._runner.client_id, "is_whole": is_whole})

    def _end_calls(self) -> bool:
        """End all calls; whether every one of them was told of. That one is not makes the test fail."""
        is_whole = self.link.hang_up_all()
        if not is_whole:
            _log.error("Calls that did not end in time are missing from the outcome.")
            self._environment.process_exit_code = 1
        return is_whole

    def _report(self, done: CallDone) -> None:
        result = done.result
        failure = CallFailedError(result.outcome) if result.failed else None
        self._count("CALL", "set-up", total_setup_ms(result) or 0.0, failure)
        for turn in result.turns:
            if turn.turn_ms is not None:
                self._count("TURN", "turn latency", float(turn.turn_ms))
        for barge_in in result.barge_ins:
            if barge_in.stop_ms is not None:
                self._count("BARGE-IN", "agent silent", float(barge_in.stop_ms))
        self._runner.send_message(CALL_DONE, {"done": msgspec.json.encode(done)})

    def _count(self, kind: str, name: str, ms: float, failure: Exception | None = None) -> None:
        """Add a value to Locust's own statistics, which its page shows."""
        self._environment.events.request.fire(
            request_type=kind, name=name, response_time=ms, response_length=0, exception=failure, context={}
        )

    def _beat(self, pulse: Pulse) -> None:
        data = {"worker": self._runner.client_id, "pulse": msgspec.json.encode(pulse)}
        self._runner.send_message(PULSE, data)

    def _lost(self) -> None:
        _log.error("The process of calls is gone; the test ends.")
        self._environment.process_exit_code = 1
        self._runner.quit()


def _worker_index(environment: Environment) -> int:
    runner = environment.runner
    assert isinstance(runner, WorkerRunner | LocalRunner)  # noqa: S101 - who has users is one or the other
    return int(runner.worker_index)


def _ignoring(action: Callable[[], object]) -> Callable[..., None]:
    def listener(**_: Any) -> None:
        action()

    return listener
