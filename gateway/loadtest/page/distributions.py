"""Histograms of the measures: how their values are spread, with the percentiles and limits that matter. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from gateway.loadtest.page.axis import Axis, nice_step
from gateway.loadtest.page.outcome import limits_of
from gateway.loadtest.page.spelling import amount, number, plural
from gateway.loadtest.page.wording import measure_words
from gateway.loadtest.summary import RIG_MEASURE, Figure, Summary, percentile
from gateway.loadtest.thresholds import Threshold, Verdict
from gateway.loadtest.values import Floats, Values, units

MAIN = ("turn_latency", "barge_in_stop", "setup.first_audio", "truncation_error")
"""Shown at once; the others on demand."""
N_BINS = 40
_TAIL = 1.5
"""A scale that ends beyond the p99 by this factor: one value far out would leave nothing to see of all others."""
_RIGHT_HALF = 55.0


class Bar(NamedTuple):
    """So many values; places and sizes are per cent of the plot."""

    x: float
    width: float
    height: float
    title: str


class Line(NamedTuple):
    """A value that is marked across the plot."""

    x: float
    label: str
    kind: Literal["p50", "p95", "limit"]
    row: int
    """Labels of different lines stand in different rows."""

    @property
    def is_right(self) -> bool:
        """Whether the label must stand left of the line."""
        return self.x > _RIGHT_HALF


class Histogram(NamedTuple):
    """One measure's distribution."""

    measure: str
    label: str
    unit: str
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    most: str
    """Values in the highest bar."""
    beyond: str
    """What lies beyond the scale, in words; blank if nothing does."""
    description: str
    note: str
    """Why there are no percentiles; blank if there are."""


def histograms(
    summary: Summary, values: Mapping[str, Values], verdicts: Sequence[Verdict]
) -> list[Histogram]:
    """Draw every measure that has values, the main ones first; none of those that a late rig has spoilt."""
    names = [*(each for each in MAIN if each in values), *(each for each in values if each not in MAIN)]
    return [
        _histogram(name, values[name].values, summary.figures[name], limits_of(name, verdicts))
        for name in names
        if values[name].values.size and (summary.rig_late is None or name == RIG_MEASURE)
    ]


def _histogram(name: str, values: Floats, figure: Figure, limits: list[tuple[str, Threshold]]) -> Histogram:
    unit, label = units()[name], measure_words(name).label
    axis, width = _scale(values, [each.limit for _, each in limits])
    n_bins = max(1, round((axis.high - axis.low) / width))
    counts, edges = np.histogram(values, bins=n_bins, range=(axis.low, axis.high))
    most = int(counts.max(initial=0))
    bars = tuple(
        Bar(axis.percent(low), axis.percent(high) - axis.percent(low), round(100 * n / most, 3), _bar(low, high, unit, n))
        for n, low, high in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        if n
    )  # fmt: skip
    return Histogram(
        measure=name,
        label=label,
        unit=unit,
        bars=bars,
        lines=_lines(axis, figure, limits, unit),
        ticks=tuple((axis.percent(each), number(each)) for each in axis.ticks(5)),
        most=number(most),
        beyond=_beyond(values, axis.high, unit),
        description=_description(label, values, figure, unit),
        note=f"Percentiles are withheld: {figure.withheld}." if figure.withheld else "",
    )


def _scale(values: Floats, limits: Sequence[float]) -> tuple[Axis, float]:
    """Choose the scale and the width of a bar; a limit is on it unless that would press all values together."""
    low, high = float(values.min()), float(values.max())
    high = min(high, _TAIL * percentile(values, 0.99)) if high > 0 else high
    limit = max(limits, default=high)
    high = max(high, limit * 1.05) if limit < 2 * high else high
    low = 0.0 if 0 <= low < high / 2 else low
    width = nice_step(max(high - low, abs(high) / 100, 1e-3) / N_BINS)
    first = np.floor(round(low / width, 6)) * width
    n_bins = max(1, int(np.ceil(round((high - first) / width, 6))))
    if first + n_bins * width <= high:
        n_bins += 1
    return Axis(float(first), float(first + n_bins * width)), width


def _lines(axis: Axis, figure: Figure, limits: list[tuple[str, Threshold]], unit: str) -> tuple[Line, ...]:
    lines = []
    if figure.p50 is not None:
        lines.append(Line(axis.percent(figure.p50), f"p50 {amount(figure.p50, unit)}", "p50", 0))
    if figure.p95 is not None:
        lines.append(Line(axis.percent(figure.p95), f"p95 {amount(figure.p95, unit)}", "p95", 1))
    lines += [
        Line(axis.percent(each.limit), f"limit of {which} {amount(each.limit, unit)}", "limit", 2)
        for which, each in limits
        if axis.low <= each.limit <= axis.high
    ]
    return tuple(lines)


def _bar(low: float, high: float, unit: str, n: int) -> str:
    return f"{number(low)} to {amount(high, unit)}: {plural(n, 'value', 'values')}"


def _beyond(values: Floats, high: float, unit: str) -> str:
    n = int((values > high).sum())
    return f"{plural(n, 'value', 'values')} beyond, up to {amount(float(values.max()), unit)}" if n else ""


def _description(label: str, values: Floats, figure: Figure, unit: str) -> str:
    n = plural(values.size, "value", "values")
    if figure.withheld:
        return f"Histogram of {label}: {n} from {number(float(values.min()))} to {amount(float(values.max()), unit)}."
    return (
        f"Histogram of {label}: {n}; half are up to {amount(figure.p50, unit)}, "
        f"95% up to {amount(figure.p95, unit)}, the largest is {amount(figure.max, unit)}."
    )
