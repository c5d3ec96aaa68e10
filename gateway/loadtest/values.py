"""The values of every measure, out of a whole run: what percentiles are taken of. Pure."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gateway.loadtest.results import CallResult, RunResult, ServerSample, Stage

Floats = npt.NDArray[np.float64]


class Values(NamedTuple):
    """The values of one measure."""

    values: Floats
    """Shape (n,)."""
    owners: npt.NDArray[np.intp]
    """Shape (n,): which call, or which interval of the server's, each comes from; those of one are not independent."""


@dataclass(frozen=True)
class Measure:
    """Something of which a call has none, one or many values."""

    name: str
    unit: str
    of_call: Callable[[CallResult], Iterable[float | None]] | None = None
    """None: it is the server's, not a call's."""


MEASURES: tuple[Measure, ...] = (
    Measure("setup.webhook", "ms", lambda call: (call.setup.webhook_ms,)),
    Measure("setup.handshake", "ms", lambda call: (call.setup.handshake_ms,)),
    Measure("setup.first_audio", "ms", lambda call: (call.setup.first_audio_ms,)),
    Measure("turn_latency", "ms", lambda call: (each.turn_ms for each in call.turns)),
    Measure("barge_in_clear", "ms", lambda call: (each.clear_ms for each in call.barge_ins)),
    Measure("barge_in_stop", "ms", lambda call: (each.stop_ms for each in call.barge_ins)),
    Measure(
        "truncation_error",
        "ms",
        lambda call: map(abs, call.embedded.truncation_errors_ms) if call.embedded else (),
    ),
    Measure("added_up", "ms", lambda call: call.embedded.added_up_ms if call.embedded else ()),
    Measure("added_down", "ms", lambda call: call.embedded.added_down_ms if call.embedded else ()),
    Measure("missing_up", "ms", lambda call: map(abs, call.embedded.missing_up_ms) if call.embedded else ()),
    Measure(
        "missing_down", "ms", lambda call: map(abs, call.embedded.missing_down_ms) if call.embedded else ()
    ),
    Measure("under_run_ms", "ms", lambda call: (call.delivery.under_run_ms,) if call.n_frames else ()),
    Measure("after_clear_ms", "ms", lambda call: (call.delivery.after_clear_ms,) if call.n_frames else ()),
    Measure("snr", "dB", lambda call: (call.quality.snr_db,)),
    Measure("level", "dBFS", lambda call: (call.quality.level_dbfs,)),
    Measure("bandwidth", "Hz", lambda call: (call.quality.bandwidth_hz,)),
    Measure("pesq", "MOS", lambda call: (call.quality.pesq,)),
    Measure("frame_lateness", "ms", lambda call: call.lateness_ms),
    Measure("cpu_per_call", "ms/s"),
    Measure("memory_per_call", "kB"),
)
"""``truncation_error`` and what is missing without their sign; CPU in ms per second of one call, memory above that of the idle server."""


def collect(run: RunResult, stage: Stage | None = None) -> dict[str, Values]:
    """Take every measure's values out of a run, or out of one stage of it, by the measure's name."""
    calls = run.calls if stage is None else began_in(stage, run.calls)
    values = {each.name: _owned(map(each.of_call, calls)) for each in MEASURES if each.of_call}
    values["cpu_per_call"] = _one_each(_within(stage, cpu_per_call(run.server, run.calls)))
    values["memory_per_call"] = _one_each(_within(stage, memory_per_call(run.server, run.calls)))
    return values


def began_in(stage: Stage, calls: Sequence[CallResult]) -> list[CallResult]:
    """Pick the calls that began in a stage."""
    return [each for each in calls if stage.started_at <= each.started_at < stage.ended_at]


def cpu_per_call(samples: Sequence[ServerSample], calls: Sequence[CallResult]) -> list[tuple[float, float]]:
    """CPU per call, in ms per second of one call, between every two samples between which there was always a call.

    Each with the time of the second sample. Where there was one for a part of the time only, what the server does without
    calls would be taken for a call's.
    """
    spans = _spans(calls)
    used = []
    for before, after in itertools.pairwise(samples):
        overlaps = np.minimum(spans[:, 1], after.at) - np.maximum(spans[:, 0], before.at)
        call_seconds = float(np.clip(overlaps, 0.0, None).sum())
        cpu_seconds = after.cpu_seconds - before.cpu_seconds
        if call_seconds >= after.at - before.at and cpu_seconds >= 0:  # less: the server was started anew
            used.append((after.at, cpu_seconds * 1000 / call_seconds))
    return used


def memory_per_call(
    samples: Sequence[ServerSample], calls: Sequence[CallResult]
) -> list[tuple[float, float]]:
    """Memory per call in kB, of every sample with a call, above the last sample before the first call.

    Each with its time. Without a sample before the first call nothing is known.
    """
    spans = _spans(calls)
    idle = [each.memory_mb for each in samples if spans.size and each.at <= spans[:, 0].min()]
    if not idle:
        return []
    memory = []
    for each in samples:
        n_calls = int(np.count_nonzero((spans[:, 0] <= each.at) & (each.at < spans[:, 1])))
        if n_calls and each.at > spans[:, 0].min():
            memory.append((each.at, (each.memory_mb - idle[-1]) * 1000 / n_calls))
    return memory


def concurrency(calls: Sequence[CallResult]) -> list[tuple[float, int]]:
    """How many calls there were at once: each moment (seconds since 1970) at which it changed, and the new number."""
    spans = _spans(calls)
    moments, places = np.unique(spans, return_inverse=True)
    places = places.reshape(spans.shape)
    began = np.bincount(places[:, 0], minlength=moments.size)
    ended = np.bincount(places[:, 1], minlength=moments.size)
    return [(float(at), int(n)) for at, n in zip(moments, np.cumsum(began - ended), strict=True)]


def units() -> Mapping[str, str]:
    """Name the unit of every measure."""
    return {each.name: each.unit for each in MEASURES}


def _owned(of_each: Iterable[Iterable[float | None]]) -> Values:
    values: list[float] = []
    owners: list[int] = []
    for owner, some in enumerate(of_each):
        known = [each for each in some if each is not None]
        values += known
        owners += [owner] * len(known)
    return Values(np.array(values, np.float64), np.array(owners, np.intp))


def _within(stage: Stage | None, timed: list[tuple[float, float]]) -> list[float]:
    return [value for at, value in timed if stage is None or stage.started_at <= at <= stage.ended_at]


def _one_each(values: list[float]) -> Values:
    return _owned([each] for each in values)


def _spans(calls: Sequence[CallResult]) -> Floats:
    """When calls began and ended, shape (calls, 2)."""
    spans = [(each.started_at, each.started_at + each.duration_ms / 1000) for each in calls]
    return np.array(spans, np.float64).reshape(-1, 2)
