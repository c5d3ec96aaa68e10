"""Fills the page. Pure, but for the page's own files, which are part of the package."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gateway.loadtest.comparison import Difference
from gateway.loadtest.page import tables
from gateway.loadtest.page.distributions import MAIN, histograms
from gateway.loadtest.page.outcome import outcome
from gateway.loadtest.page.over_time import over_time
from gateway.loadtest.page.set_up import waterfall
from gateway.loadtest.page.shown_calls import shown
from gateway.loadtest.page.spelling import NOTHING, amount, clock, date
from gateway.loadtest.page.wording import EVENTS
from gateway.loadtest.results import RunResult
from gateway.loadtest.summary import MAX_LATENESS_MS, PERCENTILES, Summary
from gateway.loadtest.thresholds import Verdict
from gateway.loadtest.values import collect

_STYLES = ("page.css", "tables.css", "charts.css", "call.css", "narrow_and_print.css")
_SCRIPTS = ("waveform.js", "call_view.js", "chooser.js", "main.js")
"""Both are joined in this order."""


def page(
    run: RunResult,
    summary: Summary,
    verdicts: Sequence[Verdict],
    differences: Sequence[Difference] | None,
) -> str:
    """Write the page of a run: one HTML document that asks for nothing else.

    Args:
        run: what was found out.
        summary: the same as figures.
        verdicts: what became of the thresholds.
        differences: from the baseline; None without one.
    """
    environment = Environment(
        loader=PackageLoader("gateway.loadtest.page", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = as_json
    environment.filters["base64"] = _base64
    style, script = ("".join(map(_asset, names)) for names in (_STYLES, _SCRIPTS))
    return environment.get_template("page.html").render(
        style=Markup(style),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704 - our own files
        style_hash=_hash(style),
        script_hash=_hash(script),
        **_told(run, summary, verdicts),
        compared=None if differences is None else _compared(differences),
    )


def as_json(value: object) -> Markup:
    """Write JSON that can stand in a script element: nothing in it can end the element."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _told(run: RunResult, summary: Summary, verdicts: Sequence[Verdict]) -> Mapping[str, Any]:
    charts = histograms(summary, collect(run), verdicts)
    return {
        "run": run,
        "began": date(run.started_at),
        "lasted": clock(run.ended_at - run.started_at),
        "outcome": outcome(run, summary, verdicts),
        "headline": _headline(summary),
        "rig_late": summary.rig_late,
        "thresholds": tables.threshold_rows(verdicts),
        "percentiles": tuple(PERCENTILES),
        "figure_groups": tables.figure_groups(summary),
        "without_values": tables.without_values(summary),
        "counts": tables.count_rows(summary),
        "waterfall": waterfall(summary),
        "main_charts": [each for each in charts if each.measure in MAIN],
        "other_charts": [each for each in charts if each.measure not in MAIN],
        "over_time": over_time(run, summary, verdicts),
        "stages": tables.stage_rows(summary, run),
        "failures": tables.failure_rows(summary.failures),
        "faults": tables.fault_rows(summary.faults),
        "shown": shown(run),
        "event_words": dict(EVENTS),
    }


def _headline(summary: Summary) -> list[tuple[str, str, str]]:
    """Pick the figures that people ask for first: what, value, what else there is to say."""
    counts, figures = summary.counts, summary.figures
    failed = counts["failed"].value
    told = [
        ("Calls placed", amount(counts["calls"].value, ""), f"{amount(counts['peak'].value, '')} at once"),
        (
            "Failed",
            NOTHING if failed is None else amount(failed, "%"),
            f"{amount(counts['failures'].value, '')} calls",
        ),
    ]
    for label, name in (
        ("Turn latency p95", "turn_latency"),
        ("Barge-in to silence p95", "barge_in_stop"),
        ("CPU per call p50", "cpu_per_call"),
    ):
        figure = figures[name]
        value, unit = (figure.p50, "ms/s") if name == "cpu_per_call" else (figure.p95, "ms")
        if figure.n:
            told.append((label, amount(value, unit), "withheld" if figure.withheld else f"n = {figure.n:,}"))
    rig = figures["frame_lateness"]
    told.append(("Rig lateness p99", amount(rig.p99, "ms"), f"at most {MAX_LATENESS_MS:g} ms allowed"))
    return told


def _compared(differences: Sequence[Difference]) -> Mapping[str, Any]:
    return {
        "sentence": tables.comparison_sentence(differences),
        "beyond": tables.difference_rows(differences, beyond=True),
        "within": tables.difference_rows(differences, beyond=False),
        "not_compared": tables.not_compared(differences),
    }


def _asset(name: str) -> str:
    return resources.files("gateway.loadtest.page").joinpath("assets", name).read_text("utf-8")


def _hash(text: str) -> str:
    """Name a text as a Content-Security-Policy does."""
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
