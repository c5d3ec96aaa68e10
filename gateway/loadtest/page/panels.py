"""The quantities that the timeline shows, each as curves over the same time. Pure."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gateway.loadtest.page.axis import Axis
from gateway.loadtest.page.outcome import limits_of
from gateway.loadtest.page.paths import dots, line, steps
from gateway.loadtest.page.spelling import number
from gateway.loadtest.results import CallResult, RunResult
from gateway.loadtest.summary import MIN_N, Summary, percentile
from gateway.loadtest.thresholds import Verdict

MAX_DOTS = 2000
MAX_WINDOWS = 60
"""Stretches of time of which running percentiles are taken."""

Points = list[tuple[float, float]]
"""Seconds since 1970, and a value."""


class Curve(NamedTuple):
    """A line or a cloud of dots, as an SVG path in a box of 10000 by 1000."""

    path: str
    kind: str
    """How it is drawn: area, dots, p50, p95, wanted, plain."""


class Panel(NamedTuple):
    """One quantity over time."""

    title: str
    height: int
    """Pixels."""
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]
    """Per cent from the top."""
    limits: tuple[tuple[float, str], ...] = ()
    withheld: str = ""
    key: tuple[tuple[str, str], ...] = ()
    """What the curves are: kind and words."""


def calls_panel(run: RunResult, summary: Summary, axis: Axis) -> Panel:
    """Draw the calls at once, and how many were wanted."""
    points: Points = [(axis.low, 0.0), *((at, float(n)) for at, n in summary.concurrency)]
    scale = Axis.over([n for _, n in points] + [float(each.n_calls) for each in run.stages], n_steps=5)
    wanted: Points = [
        point
        for each in run.stages
        for point in ((each.started_at, float(each.n_calls)), (each.ended_at, float(each.n_calls)))
    ]
    curves = [Curve(steps(points, axis, scale), "area")]
    key = [("area", "up")]
    if wanted:
        curves.append(Curve(line(wanted, axis, scale), "wanted"))
        key.append(("wanted", "wanted"))
    return Panel("Calls at once", 110, tuple(curves), _levels(scale), key=tuple(key))


def latency_panels(turns: Points, summary: Summary, verdicts: Sequence[Verdict], axis: Axis) -> list[Panel]:
    """Draw every turn, and running percentiles of them; nothing without turns, or when the rig was late."""
    title = "Turn latency, ms"
    if summary.rig_late:
        return [Panel(title, 60, (), (), withheld=summary.rig_late)]
    if not turns:
        return []
    values = np.array([ms for _, ms in turns])
    limits = [(which, each.limit) for which, each in limits_of("turn_latency", verdicts)]
    top = min(float(values.max()), 2 * percentile(values, 0.99))
    scale = Axis.over([top, *(each for _, each in limits if each < 2 * top)], n_steps=6)
    running = _running(turns, axis)
    curves = [Curve(dots(_thinned(turns), axis, scale), "dots")]
    curves += [Curve(line(points, axis, scale), which) for which, points in running.items() if points]
    return [
        Panel(
            title,
            150,
            tuple(curves),
            _levels(scale),
            tuple(
                (100 - scale.percent(each), f"limit of {which}")
                for which, each in limits
                if each <= scale.high
            ),
            key=(("dots", "a turn"), *((each, f"running {each}") for each in running if running[each])),
        )
    ]


def _running(turns: Points, axis: Axis) -> dict[str, Points]:
    """Take percentiles of stretches of time, of those that have enough turns."""
    n_windows = max(1, min(MAX_WINDOWS, len(turns) // (2 * MIN_N)))
    edges = np.linspace(axis.low, axis.high, n_windows + 1)
    times, values = np.array(turns).T
    running: dict[str, Points] = {"p50": [], "p95": []}
    for low, high in itertools.pairwise(edges.tolist()):
        inside = values[(low <= times) & (times < high)]
        if inside.size >= MIN_N:
            for name, share in (("p50", 0.5), ("p95", 0.95)):
                running[name].append(((low + high) / 2, percentile(inside, share)))
    return running


def _thinned(turns: Points) -> Points:
    """Keep so many that can be drawn: the slowest tenth of them, and of the others every so many."""
    if len(turns) <= MAX_DOTS:
        return turns
    slowest = sorted(turns, key=lambda each: -each[1])[: MAX_DOTS // 10]
    return slowest + turns[:: -(-len(turns) // (MAX_DOTS - len(slowest)))]


def server_panels(run: RunResult, axis: Axis) -> list[Panel]:
    """Draw the server's CPU and memory, where they are known."""
    if len(run.server) < 2:
        return []
    cores: Points = [
        ((before.at + after.at) / 2, (after.cpu_seconds - before.cpu_seconds) / (after.at - before.at))
        for before, after in itertools.pairwise(run.server)
        if after.at > before.at
        and after.cpu_seconds >= before.cpu_seconds  # less: the server was started anew
    ]
    memory: Points = [(each.at, each.memory_mb) for each in run.server]
    panels = []
    for title, points in (("Server CPU, cores", cores), ("Server memory, MB", memory)):
        scale = Axis.over([value for _, value in points], n_steps=5)
        panels.append(Panel(title, 76, (Curve(line(points, axis, scale), "plain"),), _levels(scale, 2)))
    return panels


def answered_turns(calls: Sequence[CallResult]) -> Points:
    """When each turn's utterance was over, about: the media stream begins when the set-up is done."""
    turns: Points = []
    for call in calls:
        stream_at = (
            call.started_at + ((call.setup.webhook_ms or 0.0) + (call.setup.handshake_ms or 0.0)) / 1000
        )
        turns += [
            (stream_at + each.at_ms / 1000, float(each.turn_ms))
            for each in call.turns
            if each.turn_ms is not None
        ]
    return sorted(turns)


def _levels(scale: Axis, n_steps: int = 4) -> tuple[tuple[float, str], ...]:
    return tuple((round(100 - scale.percent(each), 3), number(each)) for each in scale.ticks(n_steps))
