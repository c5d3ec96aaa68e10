"""Prints what a load test has found out, as tables."""

import re

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.loadtest.comparison import Difference
from gateway.loadtest.results import RunResult
from gateway.loadtest.summary import PERCENTILES, Figure, Summary
from gateway.loadtest.thresholds import Verdict
from gateway.loadtest.values import units
from gateway.loadtest.verdict import Judgement

_STYLES = {"kept": "green", "broken": "bold red", "withheld": "yellow"}
_CONTROLS = re.compile(r"[^\t\n -~\u00a0-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff]")
"""What a terminal, or its reader's eye, would take for an order: controls, and changes of writing direction."""
MAX_DETAIL = 200
"""Characters of what is told about a failure."""
_SAID = {"kept": "kept", "broken": "BROKEN", "withheld": "cannot be judged"}


def printable(text: str) -> str:
    """Replace what a terminal would obey; lines stay lines."""
    return _CONTROLS.sub("\ufffd", text)


def print_judgement(judgement: Judgement, console: Console) -> None:
    """Print figures, failures, thresholds, and the difference from the baseline."""
    run, summary = judgement.run, judgement.summary
    console.print(_headline(run, summary), highlight=False, soft_wrap=True)
    console.print(_figures(summary))
    if len(summary.stages) > 1:
        console.print(_stages(summary))
    for what, counts in (("failed", summary.failures), ("server faults", summary.faults)):
        if counts:
            named = ", ".join(f"{name} {n}" for name, n in counts.items())
            console.print(f"{what}: {named}", highlight=False, soft_wrap=True, markup=False)
    for reason in summary.failures:
        _print_example(reason, run, console)
    if summary.rig_late:
        console.print(
            Text(f"Figures are withheld: {summary.rig_late}. Use more workers, or a machine with less to do.", "yellow"),
            soft_wrap=True,
        )  # fmt: skip
    _print_ladder(run, console)
    for each in judgement.verdicts if run.mode != "ladder" else ():
        console.print(_verdict(each), soft_wrap=True)
    if judgement.differences is not None:
        console.print(_differences(judgement.differences))


def _print_example(reason: str, run: RunResult, console: Console) -> None:
    """Tell what the first call that failed for a reason ran into, and what can be done where that is known."""
    detail = next((each.detail for each in run.calls if each.failed and each.outcome == reason), "")
    allow = "; say --i-own-this-target if you may load it" if reason.endswith("-elsewhere") else ""
    if detail:
        text = printable(detail[:MAX_DETAIL]).replace("\n", " ")
        console.print(f"  {reason}: {text}{allow}", highlight=False, soft_wrap=True, markup=False)


def _headline(run: RunResult, summary: Summary) -> str:
    counts = summary.counts
    failed, unanswered = counts["failures"].value or 0, counts["unanswered_turns"].value or 0
    crosstalk = counts["crosstalk"].value
    parts = [
        f"{len(run.calls)} calls in {run.ended_at - run.started_at:.0f} s, at most {counts['peak'].value:g} at once"
    ]
    parts += [f"{failed:g} failed", f"{unanswered:g} turns without an answer"]
    parts += [f"{counts['unstopped_barge_ins'].value or 0:g} interruptions that the agent spoke through"]
    parts += ["cross-talk cannot be told" if crosstalk is None else f"cross-talk in {crosstalk:g}"]
    return ", ".join(parts) + "."


def _figures(summary: Summary) -> Table:
    table = Table(title="What callers heard, and what it took", title_justify="left")
    table.add_column("measure")
    for name in ("n", *PERCENTILES):
        table.add_column(name, justify="right")
    table.add_column("unit")
    for name, figure in summary.figures.items():
        if figure.n:
            table.add_row(name, str(figure.n), *_row(figure), units()[name])
    return table


def _row(figure: Figure) -> list[str]:
    if figure.withheld:
        reason = figure.withheld if figure.withheld.startswith("n <") else "withheld"
        return [f"[dim]{reason}[/]", *[""] * (len(PERCENTILES) - 1)]
    return [_number(getattr(figure, name)) for name in PERCENTILES]


def _stages(summary: Summary) -> Table:
    table = Table(title="By the number of calls at once", title_justify="left")
    for name in (
        "calls",
        "most at once",
        "placed",
        "failed %",
        "turn latency p50",
        "p95",
        "CPU per call p50, ms/s",
    ):
        table.add_column(name, justify="right")
    for each in summary.stages:
        turn, cpu = each.figures["turn_latency"], each.figures["cpu_per_call"]
        table.add_row(
            str(each.n_calls), str(each.peak), *(_count(each.counts[name].value) for name in ("calls", "failed")),
            _number(turn.p50), _number(turn.p95), _number(cpu.p50),
        )  # fmt: skip
    return table


def _print_ladder(run: RunResult, console: Console) -> None:
    if run.holds is None:
        return
    console.print(Text(f"{run.holds} calls at once hold.", "bold green" if run.holds else "bold red"))
    if run.broke:
        console.print(Text(f"Not so {printable(run.broke)}."), soft_wrap=True)


def _verdict(verdict: Verdict) -> Text:
    value = "" if verdict.value is None else f" ({verdict.value:g} {verdict.unit})".replace(" )", ")")
    said = f"{_SAID[verdict.state]}{value}{f': {verdict.reason}' if verdict.reason else ''}"
    return Text.assemble(f"fails if {verdict.threshold}: ", (said, _STYLES[verdict.state]))


def _differences(differences: tuple[Difference, ...]) -> Table:
    table = Table(title="Against the baseline", title_justify="left")
    for name in ("measure", "old", "new", "difference", "95% interval"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for each in differences:
        if each.withheld is None and each.difference is not None:
            interval = f"{_number(each.low)} to {_number(each.high)}"
            what = f"{each.difference:+g} {each.unit}" if each.is_beyond_noise else "[dim]within noise[/]"
            name = f"{each.measure} {each.percentile}"
            table.add_row(name, _number(each.old), _number(each.new), what, interval)
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
