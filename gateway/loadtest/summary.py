"""Many calls made into figures, and which of them can be believed. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from gateway.loadtest.results import CallResult, RunResult, Stage
from gateway.loadtest.values import Floats, Values, began_in, collect, concurrency

MIN_N = 20
"""Values below which a percentile would say more about chance than about the server."""
MAX_LATENESS_MS = 5.0
"""Of the rig's own frames, p99. A rig later than this measures itself."""
MAX_RIG_BUSY = 0.9
"""Of one core."""
PERCENTILES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
RIG_MEASURE = "frame_lateness"
"""The rig's own measure: it shows how late the rig was, so only a small number withholds it."""


class Figure(msgspec.Struct, frozen=True):
    """A measure's percentiles, or why they are not told."""

    n: int
    """Values."""
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    withheld: str | None = None
    """Why there are none; None where there are."""


class Count(msgspec.Struct, frozen=True):
    """A number about all calls, or why it is not told."""

    value: float | None
    withheld: str | None = None


class StageSummary(msgspec.Struct, frozen=True):
    """The calls that began in one stage."""

    n_calls: int
    """Wanted at once."""
    started_at: float
    ended_at: float
    peak: int
    """Most calls at once, those still there from the stage before included."""
    rig_late: str | None
    """As in `Summary`, of these calls alone."""
    counts: Mapping[str, Count]
    figures: Mapping[str, Figure]


class Summary(msgspec.Struct, frozen=True):
    """What a load test comes to."""

    rig_late: str | None
    """Why the rig cannot be believed; None if it can."""
    counts: Mapping[str, Count]
    figures: Mapping[str, Figure]
    """By measure, in the order of ``values.MEASURES``."""
    failures: Mapping[str, int]
    """Calls that failed, by reason, most first."""
    faults: Mapping[str, int]
    """What the server did wrong, by Twilio's warning code, most first."""
    concurrency: tuple[tuple[float, int], ...]
    """Every moment at which the number of calls changed, and the number from then on."""
    stages: tuple[StageSummary, ...]


def summarise(run: RunResult) -> Summary:
    """Make a run into figures.

    Percentiles are by nearest rank: of n values in order, the one at rank ceil(p * n). They are withheld below 20
    values; and all but the frames' own lateness when the rig was late, or too busy to notice that it was.
    """
    values = collect(run)
    rig_late = why_late(values[RIG_MEASURE].values, run.rig_busy)
    steps = concurrency(run.calls)
    return Summary(
        rig_late=rig_late,
        counts=counts(run.calls, max((n for _, n in steps), default=0), rig_late),
        figures=figures(values, rig_late),
        failures=_most_first(Counter(each.outcome for each in run.calls if each.failed)),
        faults=_most_first(_faults(run.calls)),
        concurrency=tuple(steps),
        stages=tuple(_stage(each, run, steps) for each in run.stages),
    )


def summarise_stage(run: RunResult, stage: Stage) -> StageSummary:
    """Make the calls that began in one stretch of a run into figures, as far as they are over."""
    return _stage(stage, run, concurrency(run.calls))


def figures(values: Mapping[str, Values], rig_late: str | None) -> dict[str, Figure]:
    """Take every measure's percentiles."""
    return {
        name: _figure(each.values, None if name == RIG_MEASURE else rig_late) for name, each in values.items()
    }


def percentile(values: Floats, share: float) -> float:
    """The value at the nearest rank, ceil(share * n), of at least one value in any order."""
    return float(np.sort(values)[max(1, int(np.ceil(round(share * values.size, 9)))) - 1])


def why_late(lateness_ms: Floats, rig_busy: float) -> str | None:
    """Say why a rig cannot be believed that was so late with its frames, or so busy; None if it can."""
    if lateness_ms.size and (p99 := percentile(lateness_ms, 0.99)) > MAX_LATENESS_MS:
        return f"the rig was late: frame lateness p99 {p99:.1f} ms > {MAX_LATENESS_MS:g} ms"
    if rig_busy > MAX_RIG_BUSY:
        return f"the rig was late: its core was {rig_busy:.0%} busy > {MAX_RIG_BUSY:.0%}"
    return None


def counts(calls: Sequence[CallResult], peak: int, rig_late: str | None) -> dict[str, Count]:
    """Count what is counted over all calls: ``failed`` and ``under_runs_per_call_mean`` need some."""
    n_failed = sum(each.failed for each in calls)
    heard = [each for each in calls if each.n_frames]
    told = [each.crosstalk for each in calls if each.crosstalk is not None]
    return {
        "calls": Count(len(calls)),
        "answered": Count(len(heard)),
        "failures": Count(n_failed),
        "failed": Count(100 * n_failed / len(calls)) if calls else Count(None, "no calls"),
        "peak": Count(peak),
        "faults": Count(sum(_faults(calls).values())),
        "unanswered_turns": Count(sum(turn.turn_ms is None for each in calls for turn in each.turns)),
        "unstopped_barge_ins": Count(
            sum(barge_in.stop_ms is None for each in calls for barge_in in each.barge_ins)
        ),
        "marks_unreturned": Count(sum(each.delivery.n_marks_unreturned for each in calls)),
        "crosstalk": Count(sum(told)) if told else Count(None, "no fingerprint was heard"),
        "under_runs_per_call_mean": _mean([each.delivery.n_under_runs for each in heard], rig_late),
    }


def _stage(stage: Stage, run: RunResult, steps: Sequence[tuple[float, int]]) -> StageSummary:
    """Withhold by the stage's own lateness: a ladder's low steps can be believed if only its last was too much."""
    values = collect(run, stage)
    rig_late = why_late(values[RIG_MEASURE].values, stage.rig_busy)
    before = [n for at, n in steps if at <= stage.started_at][-1:]
    peak = max([*before, *(n for at, n in steps if stage.started_at <= at < stage.ended_at)], default=0)
    return StageSummary(
        n_calls=stage.n_calls,
        started_at=stage.started_at,
        ended_at=stage.ended_at,
        peak=peak,
        rig_late=rig_late,
        counts=counts(began_in(stage, run.calls), peak, rig_late),
        figures=figures(values, rig_late),
    )


def _figure(values: Floats, rig_late: str | None) -> Figure:
    if rig_late or values.size < MIN_N:
        return Figure(values.size, withheld=rig_late or f"n < {MIN_N}")
    at = {name: round(percentile(values, share), 3) for name, share in PERCENTILES.items()}
    return Figure(values.size, at["p50"], at["p90"], at["p95"], at["p99"], at["max"])


def _mean(values: Sequence[float], rig_late: str | None) -> Count:
    if rig_late or len(values) < MIN_N:
        return Count(None, rig_late or f"n < {MIN_N}")
    return Count(round(sum(values) / len(values), 3))


def _faults(calls: Sequence[CallResult]) -> Counter[str]:
    return sum((Counter(each.faults) for each in calls), Counter())


def _most_first(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common())
