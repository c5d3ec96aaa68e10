"""The timeline of a load test: calls, turn latency and the server's load on one axis of time. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.loadtest.page.axis import Axis
from gateway.loadtest.page.panels import (
    MAX_DOTS,
    Panel,
    answered_turns,
    calls_panel,
    latency_panels,
    server_panels,
)
from gateway.loadtest.page.spelling import amount, clock, plural
from gateway.loadtest.page.wording import REASONS
from gateway.loadtest.results import CallResult, RunResult
from gateway.loadtest.summary import Summary
from gateway.loadtest.thresholds import Verdict

_N_MARKS = 100
"""Places along the axis at which failures are gathered."""


class Band(NamedTuple):
    """A stage, in per cent of the width."""

    x: float
    width: float
    label: str


class Mark(NamedTuple):
    """Failures at about one time."""

    x: float
    title: str


class OverTime(NamedTuple):
    """The whole timeline."""

    panels: tuple[Panel, ...]
    bands: tuple[Band, ...]
    failures: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str
    is_thinned: bool
    """Whether there are more turns than dots."""


def over_time(run: RunResult, summary: Summary, verdicts: Sequence[Verdict]) -> OverTime | None:
    """Draw the timeline; None without calls."""
    if not run.calls:
        return None
    axis = _time(run)
    turns = answered_turns(run.calls)
    panels = [
        calls_panel(run, summary, axis),
        *latency_panels(turns, summary, verdicts, axis),
        *server_panels(run, axis),
    ]
    return OverTime(
        panels=tuple(panels),
        bands=tuple(
            Band(axis.percent(each.started_at), _width(axis, each.started_at, each.ended_at), f"{each.n_calls:,}")
            for each in run.stages
        ),
        failures=_failures(run.calls, axis),
        ticks=tuple(
            (axis.percent(axis.low + each), clock(each)) for each in Axis(0.0, axis.high - axis.low).time_ticks()
        ),
        description=_description(run, summary, axis),
        is_thinned=len(turns) > MAX_DOTS,
    )  # fmt: skip


def _time(run: RunResult) -> Axis:
    ends = [each.started_at + each.duration_ms / 1000 for each in run.calls]
    begin = min(run.started_at, *(each.started_at for each in run.calls))
    return Axis(begin, max(run.ended_at, begin + 1.0, *ends))


def _failures(calls: Sequence[CallResult], axis: Axis) -> tuple[Mark, ...]:
    gathered: dict[int, list[CallResult]] = {}
    for call in calls:
        if call.failed:
            place = round(axis.percent(call.started_at + call.duration_ms / 1000) / 100 * _N_MARKS)
            gathered.setdefault(place, []).append(call)
    return tuple(Mark(100 * place / _N_MARKS, _failed(gathered[place], axis)) for place in sorted(gathered))


def _failed(calls: Sequence[CallResult], axis: Axis) -> str:
    reasons = sorted({REASONS.get(each.outcome, each.outcome) for each in calls})
    at = clock(calls[0].started_at + calls[0].duration_ms / 1000 - axis.low)
    return f"{plural(len(calls), 'call', 'calls')} failed at about {at}: {'; '.join(reasons)}"


def _width(axis: Axis, begin: float, end: float) -> float:
    return round(axis.percent(end) - axis.percent(begin), 3)


def _description(run: RunResult, summary: Summary, axis: Axis) -> str:
    peak, figure = summary.counts["peak"].value or 0, summary.figures["turn_latency"]
    n_failed = sum(each.failed for each in run.calls)
    parts = [
        f"Over {clock(axis.high - axis.low)} there were up to {plural(int(peak), 'call', 'calls')} at once",
        f"turn latency p50 {amount(figure.p50, 'ms')}, p95 {amount(figure.p95, 'ms')}"
        if figure.withheld is None
        else f"turn latency is withheld: {figure.withheld}",
        f"{plural(n_failed, 'call', 'calls')} failed",
    ]
    if run.server:
        parts.append(
            f"the server's memory went up to {amount(max(each.memory_mb for each in run.server), 'MB')}"
        )
    return f"{'; '.join(parts)}."
