"""The tables of the page, as words: thresholds, figures, counts, stages, failures, faults, differences. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.loadtest.comparison import Difference
from gateway.loadtest.failure import REASONS as FAILURES
from gateway.loadtest.page.outcome import limit
from gateway.loadtest.page.spelling import NOTHING, amount, clock, number, plural, signed
from gateway.loadtest.page.wording import COUNTS, FAULTS, GROUPS, REASONS, figure_label, measure_words
from gateway.loadtest.results import RunResult
from gateway.loadtest.steps import REASONS as ENDS
from gateway.loadtest.summary import PERCENTILES, Count, Figure, StageSummary, Summary
from gateway.loadtest.thresholds import Verdict
from gateway.loadtest.values import units

_STATES = {"kept": ("kept", "✓"), "broken": ("broken", "✕"), "withheld": ("cannot be judged", "?")}


class ThresholdRow(NamedTuple):
    """A threshold and what became of it."""

    state: str
    sign: str
    words: str
    label: str
    value: str
    limit: str
    reason: str


class FigureRow(NamedTuple):
    """A measure's percentiles, or why there are none."""

    label: str
    meaning: str
    n: str
    cells: tuple[str, ...]
    """In the order of ``PERCENTILES``."""
    unit: str
    withheld: str


class StageRow(NamedTuple):
    """A stage of the test."""

    when: str
    cells: tuple[str, ...]
    """Calls wanted, calls placed, peak, failed, turn latency p50 and p95, CPU per call."""


class CountedRow(NamedTuple):
    """Something that happened so often."""

    words: str
    code: str
    n: str


class DifferenceRow(NamedTuple):
    """A figure of two runs."""

    label: str
    old: str
    new: str
    difference: str
    interval: str
    words: str


def threshold_rows(verdicts: Sequence[Verdict]) -> list[ThresholdRow]:
    """Spell the verdicts."""
    rows = []
    for each in verdicts:
        words, sign = _STATES[each.state]
        label = figure_label(each.threshold.partition(" ")[0])
        value = amount(each.value, each.unit)
        rows.append(ThresholdRow(each.state, sign, words, label, value, limit(each), each.reason or ""))
    return rows


def figure_groups(summary: Summary) -> list[tuple[str, list[FigureRow]]]:
    """Spell the figures, group by group; what nobody has measured is left out."""
    groups: dict[str, list[FigureRow]] = {each: [] for each in GROUPS}
    for name, figure in summary.figures.items():
        if figure.n:
            groups[measure_words(name).group].append(_figure_row(name, figure))
    return [(group, rows) for group, rows in groups.items() if rows]


def without_values(summary: Summary) -> list[str]:
    """Name the measures of which there is no value."""
    return [measure_words(name).label for name, figure in summary.figures.items() if not figure.n]


def count_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """Spell the counts: what, the number, why there is none."""
    return [
        (COUNTS.get(name, name), _count(name, each), each.withheld or "")
        for name, each in summary.counts.items()
    ]


def stage_rows(summary: Summary, run: RunResult) -> list[StageRow]:
    """Spell the stages, if there is more than one."""
    if len(summary.stages) < 2:
        return []
    return [_stage_row(each, run.started_at) for each in summary.stages]


def failure_rows(failures: Mapping[str, int]) -> list[CountedRow]:
    """Spell the reasons for which calls failed, with the carrier's error code where there is one."""
    return [
        CountedRow(REASONS.get(each, each), str({**ENDS, **FAILURES}.get(each) or NOTHING), f"{n:,}")
        for each, n in failures.items()
    ]


def fault_rows(faults: Mapping[str, int]) -> list[CountedRow]:
    """Spell what the server did wrong."""
    return [
        CountedRow(FAULTS.get(each, "A fault without a description."), each, f"{n:,}")
        for each, n in faults.items()
    ]


def difference_rows(differences: Sequence[Difference], *, beyond: bool) -> list[DifferenceRow]:
    """Spell what has changed beyond noise, or else what has not."""
    return [
        _difference_row(each)
        for each in differences
        if each.withheld is None and each.is_beyond_noise == beyond
    ]


def not_compared(differences: Sequence[Difference]) -> list[tuple[str, str]]:
    """Name each measure that cannot be compared, and why."""
    reasons = {each.measure: each.withheld for each in differences if each.withheld}
    return [(measure_words(name).label, why) for name, why in reasons.items()]


def comparison_sentence(differences: Sequence[Difference]) -> str:
    """Say how much has changed."""
    compared = [each for each in differences if each.withheld is None]
    if not compared:
        return "Nothing can be compared."
    n_beyond = sum(each.is_beyond_noise for each in compared)
    if not n_beyond:
        return f"None of {plural(len(compared), 'figure', 'figures')} differs beyond noise."
    return f"{n_beyond} of {plural(len(compared), 'figure', 'figures')} {'differs' if n_beyond == 1 else 'differ'} beyond noise."


def _figure_row(name: str, figure: Figure) -> FigureRow:
    words = measure_words(name)
    values: list[float | None] = [getattr(figure, each) for each in PERCENTILES]
    is_whole = all(each is None or each == int(each) for each in values)
    cells = tuple(number(each, is_whole=is_whole) for each in values)
    return FigureRow(
        words.label, words.meaning, f"{figure.n:,}", cells, units().get(name, ""), figure.withheld or ""
    )


def _stage_row(stage: StageSummary, zero: float) -> StageRow:
    turn, cpu = stage.figures["turn_latency"], stage.figures["cpu_per_call"]
    cells = (
        f"{stage.n_calls:,}",
        _count("calls", stage.counts["calls"]),
        f"{stage.peak:,}",
        _count("failed", stage.counts["failed"]),
        _told(turn.p50, turn),
        _told(turn.p95, turn),
        _told(cpu.p50, cpu),
    )
    return StageRow(f"{clock(stage.started_at - zero)} to {clock(stage.ended_at - zero)}", cells)


def _told(value: float | None, figure: Figure) -> str:
    return f"withheld: {figure.withheld}" if figure.withheld else number(value)


def _count(name: str, count: Count) -> str:
    return amount(count.value, "%" if name == "failed" else "")


def _difference_row(each: Difference) -> DifferenceRow:
    words = "no difference beyond noise"
    if each.is_beyond_noise:
        words = "higher, beyond noise" if (each.difference or 0) > 0 else "lower, beyond noise"
    return DifferenceRow(
        f"{measure_words(each.measure).label} {each.percentile}",
        amount(each.old, each.unit),
        amount(each.new, each.unit),
        signed(each.difference),
        f"{signed(each.low)} to {signed(each.high)}",
        words,
    )
