"""Collects what the workers of a load test report, and tells how it stands. Pure; times are seconds since 1970."""

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from gateway.loadtest.messages import CallDone, Progress, Pulse
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.ranking import Extremes
from gateway.loadtest.results import SCHEMA_VERSION, CallAudio, CallResult, RunResult, ServerSample, Stage

MIN_FIGURES = 20
"""Fewer give no percentile."""
LATEST = 200
"""Values that a figure of the present is made of."""


class Collector:
    """All that is known of one load test."""

    def __init__(self, options: LoadOptions) -> None:
        self.stages: list[Stage] = []
        self.holds: int | None = None
        self.broke: str | None = None
        self.pulses: dict[str, Pulse] = {}
        """The last of each worker."""
        self._options = options
        self._started_at: float | None = None
        self._results: list[CallResult] = []
        self._failures: Counter[str] = Counter()
        self._turns: deque[float] = deque(maxlen=LATEST)
        self._setups: deque[float] = deque(maxlen=LATEST)
        self._server: list[ServerSample] = []
        self._busy: list[tuple[float, float]] = []
        """When a worker told how busy it was."""
        self._extremes = Extremes()
        self._audio: dict[str, CallAudio] = {}

    def begin(self, at: float) -> None:
        """Start anew."""
        self._started_at = at
        self.stages.clear()
        self.holds = self.broke = None
        self._results.clear()
        del self._server[:-1]  # the last one tells what the server uses without calls
        self._failures.clear()
        self._turns.clear()
        self._setups.clear()
        self._busy.clear()
        self._extremes = Extremes()
        self._audio.clear()

    def add(self, done: CallDone) -> None:
        """Take a finished call."""
        result = done.result
        self._results.append(result)
        if self._extremes.take(result) and done.audio:
            wanted = self._extremes.sids()
            self._audio = {
                sid: each
                for sid, each in [*self._audio.items(), (result.call_sid, done.audio)]
                if sid in wanted
            }
        if result.failed:
            self._failures[result.outcome] += 1
        self._turns += [turn.turn_ms for turn in result.turns if turn.turn_ms is not None]
        if (setup_ms := total_setup_ms(result)) is not None:
            self._setups.append(setup_ms)

    def add_sample(self, sample: ServerSample) -> None:
        """Take what the server uses."""
        self._server.append(sample)

    def beat(self, worker: str, pulse: Pulse, at: float) -> None:
        """Take a worker's pulse."""
        self.pulses[worker] = pulse
        self._busy.append((at, pulse.busy))

    def forget(self, worker: str) -> None:
        """Forget the pulse of a worker that is gone."""
        self.pulses.pop(worker, None)

    @property
    def n_up(self) -> int:
        """Calls that are going on."""
        return sum(pulse.n_up for pulse in self.pulses.values())

    def progress(self, at: float, n_wanted: int) -> Progress:
        """Tell how the test stands."""
        lateness = [each.lateness_p99_ms for each in self.pulses.values() if each.lateness_p99_ms is not None]
        return Progress(
            seconds=0.0 if self._started_at is None else at - self._started_at,
            n_up=self.n_up,
            n_wanted=n_wanted,
            n_done=len(self._results),
            failures=dict(self._failures),
            turn_p95_ms=percentile(self._turns, 95),
            setup_p95_ms=percentile(self._setups, 95),
            lateness_p99_ms=max(lateness, default=None),
        )

    def run(self, ended_at: float) -> RunResult:
        """Put everything together."""
        began_at = ended_at if self._started_at is None else self._started_at
        return RunResult(
            schema_version=SCHEMA_VERSION,
            started_at=began_at,
            ended_at=ended_at,
            command=self._options.command,
            target=self._options.target,
            mode=self._options.mode,
            stages=tuple(self._clipped(began_at, ended_at)),
            calls=tuple(self._results),
            server=tuple(self._server),
            rig_busy=self._rig_busy(began_at, ended_at),
            holds=self.holds,
            broke=self.broke,
            audio=tuple(self._audio.values()),
        )

    def with_busy(self, stage: Stage) -> Stage:
        """Add to a stage how busy its workers were."""
        busy = self._rig_busy(stage.started_at, stage.ended_at)
        return msgspec.structs.replace(stage, rig_busy=busy)

    def _rig_busy(self, began_at: float, ended_at: float) -> float:
        return max((busy for at, busy in self._busy if began_at <= at <= ended_at), default=0.0)

    def _clipped(self, began_at: float, ended_at: float) -> Iterable[Stage]:
        """The stages as far as they came about."""
        for stage in self.stages:
            if began_at <= stage.started_at < ended_at:
                until = min(stage.ended_at, ended_at)
                yield self.with_busy(Stage(stage.n_calls, stage.started_at, until))


def total_setup_ms(result: CallResult) -> float | None:
    """From the first webhook until the media stream was open; None if it never was."""
    webhook_ms, handshake_ms = result.setup.webhook_ms, result.setup.handshake_ms
    return None if webhook_ms is None or handshake_ms is None else webhook_ms + handshake_ms


def percentile(values: Iterable[float], rank: float, *, at_least: int = MIN_FIGURES) -> float | None:
    """Find the value that ``rank`` percent do not exceed (nearest rank); None if there are too few."""
    ordered = sorted(values)
    if len(ordered) < max(at_least, 1):
        return None
    return ordered[max(0, -int(-len(ordered) * rank // 100) - 1)]
