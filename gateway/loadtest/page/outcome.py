"""What a load test comes to in one word and one sentence. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.loadtest.page.spelling import amount, plural
from gateway.loadtest.page.wording import figure_label
from gateway.loadtest.results import RunResult
from gateway.loadtest.summary import Summary
from gateway.loadtest.thresholds import Threshold, Verdict, parse

State = Literal["passed", "failed", "cannot be judged"]
_LIMITS = {">": "at most", ">=": "below", "<": "at least", "<=": "above"}
"""What is allowed, by the condition under which a test fails."""


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a load test."""

    state: State
    sentence: str


def outcome(run: RunResult, summary: Summary, verdicts: Sequence[Verdict]) -> Outcome:
    """Say what a load test came to. Without thresholds it fails if a call did.

    A ladder goes on until something breaks, so it passes if any number of calls held.
    """
    if run.mode == "ladder":
        return _ladder(run.holds or 0, run.broke)
    broken = [each for each in verdicts if each.state == "broken"]
    withheld = [each for each in verdicts if each.state == "withheld"]
    if broken:
        others = f" {plural(len(broken) - 1, 'other threshold was', 'other thresholds were')} broken, too."
        return Outcome("failed", f"{_broken(broken[0])}{others if len(broken) > 1 else ''}")
    if not summary.counts["calls"].value:
        return Outcome("cannot be judged", "No calls were placed.")
    if withheld:
        return Outcome("cannot be judged", f"{_label(withheld[0])} was withheld: {withheld[0].reason}.")
    if summary.rig_late and not verdicts:
        return Outcome("cannot be judged", f"The figures cannot be believed: {summary.rig_late}.")
    return _unbroken(summary, len(verdicts))


def limit(verdict: Verdict) -> str:
    """Say in words what a threshold allows, like "at most 800 ms"."""
    threshold = parse(verdict.threshold)
    return f"{_LIMITS[threshold.comparison]} {amount(threshold.limit, verdict.unit)}"


def limits_of(measure: str, verdicts: Sequence[Verdict]) -> list[tuple[str, Threshold]]:
    """Pick the thresholds on one measure, each with the percentile that it is about."""
    thresholds = [parse(each.threshold) for each in verdicts]
    names = [(*each.name.rpartition("_"), each) for each in thresholds]
    return [(which, each) for name, _, which, each in names if name == measure]


def _ladder(holds: int, broke: str | None) -> Outcome:
    if holds:
        return Outcome("passed", f"The server holds {plural(holds, 'call', 'calls')} at once.")
    why = f": {broke}" if broke else ""
    return Outcome("failed", f"No number of calls that was tried holds{why}.")


def _unbroken(summary: Summary, n_verdicts: int) -> Outcome:
    n_calls, n_failed = summary.counts["calls"].value or 0, summary.counts["failures"].value or 0
    calls = plural(int(n_calls), "call", "calls")
    failed = f"{int(n_failed):,} of {calls} failed" if n_failed else f"none of {calls} failed"
    if n_verdicts:
        kept = "The one threshold was kept" if n_verdicts == 1 else f"All {n_verdicts} thresholds were kept"
        return Outcome("passed", f"{kept}; {failed}.")
    sentence = f"{failed[0].upper()}{failed[1:]}; no thresholds were set."
    return Outcome("failed" if n_failed else "passed", sentence)


def _broken(verdict: Verdict) -> str:
    value = amount(verdict.value or 0.0, verdict.unit)
    return f"{_label(verdict)} was {value}; {limit(verdict)} is allowed."


def _label(verdict: Verdict) -> str:
    return figure_label(parse(verdict.threshold).name)
