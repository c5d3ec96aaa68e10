"""The modes of a load test as Locust's shapes: asked every second how many users there shall be."""

from collections.abc import Callable

import gevent
from locust import LoadTestShape

from gateway.loadtest.collector import Collector
from gateway.loadtest.ladder import Ladder
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.results import Stage
from gateway.loadtest.verdict import judge_step, thresholds

Tick = tuple[int, float]
"""Users, and at how many a second to get there."""

MAX_TRIES = 3
"""Of a ladder's step in which the rig was late: something else may have held it up."""


class ReadyShape(LoadTestShape):
    """One whose time begins when every worker is ready to place calls."""

    abstract = True

    def __init__(
        self,
        options: LoadOptions,
        collector: Collector,
        are_ready: Callable[[], bool | None],
        now: Callable[[], float],
    ) -> None:
        """Begin when ``are_ready`` says that all workers are; None if some never will be, and the test is over.

        ``now`` gives seconds since 1970, and never jumps.
        """
        self.options = options
        self.collector = collector
        self._are_ready = are_ready
        self._now = now
        self._zero: float | None = None

    def rewind(self) -> None:
        """Begin anew when the test is started again."""
        self._zero = None

    def tick(self) -> Tick | None:
        """Wait until all are ready, then go by the mode."""
        if self._zero is None:
            while not (are_ready := self._are_ready()):
                if are_ready is None:
                    return None
                gevent.sleep(0.1)
            self._zero = self._now()
            self.collector.begin(self._zero)
            self.begin(self._zero)
        return self.wanted(self._now() - self._zero)

    def begin(self, at: float) -> None:
        """Get ready for a test that begins now; ``at`` is in seconds since 1970."""
        raise NotImplementedError

    def wanted(self, seconds: float) -> Tick | None:
        """Tell what is wanted so long after the beginning; None when the test is over."""
        raise NotImplementedError


class PlannedShape(ReadyShape):
    """Steady, ramp, spike and soak: by the clock."""

    def begin(self, at: float) -> None:
        """Write down the stages to come."""
        for stage in self.options.plan.stages():
            self.collector.stages.append(Stage(stage.n_calls, at + stage.begins_at, at + stage.ends_at))

    def wanted(self, seconds: float) -> Tick | None:
        """Ask the plan."""
        return self.options.plan.wanted(seconds)


class LadderShape(ReadyShape):
    """The ladder: each number of calls stays until it is clear whether it holds, as long as there is time."""

    _began_at = 0.0
    """When all calls of the step are up."""

    def begin(self, at: float) -> None:
        """Stand on the first step."""
        self._ladder = Ladder(self.options.calls)
        self._thresholds = thresholds(self.options.fail_if, self.options.mode)
        self._stand_on_step(at, n_before=0)
        self._n_tries = 0

    def wanted(self, seconds: float) -> Tick | None:
        """Judge the step that we are on, and go on to the next if there is a verdict."""
        self._judge(self._now())
        n_calls = self._ladder.n_calls
        if n_calls is not None and seconds >= self.options.duration:
            self.collector.broke = f"{n_calls} call{'s' * (n_calls > 1)}: the time was over"
            return None
        return None if n_calls is None else (n_calls, self.options.ramp)

    def _judge(self, now: float) -> None:
        n_calls = self._ladder.n_calls
        if n_calls is None or now <= self._began_at:
            return
        stage = Stage(n_calls, self._began_at, now)
        verdict = judge_step(self.collector.run(now), self.collector.with_busy(stage), self._thresholds)
        if verdict is None:
            return
        self._n_tries += 1
        if verdict.rig_was_late and self._n_tries < MAX_TRIES:
            self._began_at = now
            return
        self._n_tries = 0
        self._ladder.judge(held=verdict.held)
        self._stand_on_step(now, n_before=n_calls)
        self.collector.stages.append(stage)
        self.collector.holds = self._ladder.holds
        if verdict.why:
            self.collector.broke = f"{n_calls} call{'s' * (n_calls > 1)}: {verdict.why}"

    def _stand_on_step(self, now: float, *, n_before: int) -> None:
        """Begin the step when all its calls are up: those placed while they rise meet fewer."""
        rise = abs((self._ladder.n_calls or 0) - n_before) / self.options.ramp
        self._began_at = now + rise


def new_shape(
    options: LoadOptions,
    collector: Collector,
    are_ready: Callable[[], bool | None],
    now: Callable[[], float],
) -> ReadyShape:
    """Make the shape of a mode."""
    shape = LadderShape if options.mode == "ladder" else PlannedShape
    return shape(options, collector, are_ready, now)
