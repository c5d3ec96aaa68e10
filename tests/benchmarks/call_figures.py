"""What a run of calls came to: pure arithmetic over what the peers wrote down."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.benchmarks.light_model import Reply, Timetable

FRAME_24K = 480
"""Samples that a frame of 20 ms becomes."""
HELD_24K = 96
HELD_8K = 32
"""What the gateway's filters hold back until the end of an utterance."""
DELTA_8K = 1600


@dataclass(frozen=True)
class Figures:
    """One run. Latencies in milliseconds."""

    up: list[float]
    down: list[float]
    first_audio: list[float]
    """First delta sent to first media message received."""
    clear: list[float]
    truncation_error: list[float]
    lateness: list[float]
    appended_balance: list[int]
    """Samples appended beyond three for each one sent, by call. The filter's hold-back is allowed for."""
    item_balance: list[int]
    """Samples received beyond a third of those said, by item that was heard to its end or cut after all was said."""
    late_ms: float
    """Audio that came after a clear."""
    n_answers: int
    n_barge_ins: int
    n_without_clear: int
    n_without_truncation: int
    n_needless_truncations: int
    faults: list[str]


def figures(tables: Sequence[Timetable], window: tuple[float, float], n_delta_samples: int) -> Figures:
    """Compute everything; latencies only from what was sent inside the window."""
    replies = [reply for table in tables for reply in table.replies]
    whole = [reply for reply in replies if reply.kind != 2 and reply.done]
    barge_ins = [reply for reply in replies if reply.speech_started_at is not None]
    cuts = {cut[1]: cut for table in tables for cut in table.session.truncations}
    interrupted = {reply.item_id for reply in barge_ins}
    n_cuts = sum(len(table.session.truncations) for table in tables)
    return Figures(
        up=[latency for table in tables for latency in _up(table, window)],
        down=[latency for reply in replies for latency in _down(reply)],
        first_audio=[latency for reply in replies for latency in _down(reply)[:1]],
        clear=[
            (reply.heard.cleared_at - reply.speech_started_at) * 1000
            for reply in barge_ins
            if reply.heard.cleared_at and reply.speech_started_at
        ],
        truncation_error=[
            abs(cuts[reply.item_id][2] - reply.true_ms) for reply in barge_ins if reply.item_id in cuts
        ],
        lateness=[late * 1000 for table in tables for late in table.caller.lateness],
        appended_balance=[
            (table.session.appends[-1][1] if table.session.appends else 0)
            - FRAME_24K * len(table.caller.sent_at)
            + HELD_24K
            for table in tables
        ],
        item_balance=[
            reply.heard.n_samples - len(reply.deltas_at) * n_delta_samples // 3
            for reply in whole
            if reply.heard.cleared_at is None or reply.kind == 1
        ],
        late_ms=sum(reply.heard.n_late for reply in replies) / 8,
        n_answers=len(replies),
        n_barge_ins=len(barge_ins),
        n_without_clear=sum(reply.heard.cleared_at is None for reply in barge_ins),
        n_without_truncation=len(interrupted - set(cuts)),
        n_needless_truncations=n_cuts - len(interrupted & set(cuts)),
        faults=[fault for table in tables for fault in table.session.faults + table.session.other],
    )


def percentile(values: Iterable[float], which: float) -> float:
    """A percentile; not a number where there are no values."""
    listed = list(values)
    return float(np.percentile(listed, which)) if listed else float("nan")


def likeness(
    got: npt.NDArray[np.int16], expected: npt.NDArray[np.float64], window: int
) -> tuple[float, float]:
    """Correlation of two signals without any shift: of the whole, and of the worst window."""
    n = min(got.size, expected.size) // window * window
    pairs = got[:n].astype(np.float64).reshape(-1, window), expected[:n].reshape(-1, window)
    return _correlation(pairs[0].ravel(), pairs[1].ravel()), min(map(_correlation, *pairs))


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else 0.0


def _up(table: Timetable, window: tuple[float, float]) -> list[float]:
    """Each frame's way: until that much audio had been appended as the frame completes."""
    appends = table.session.appends
    totals = [total for _, total in appends]
    latencies = []
    for n, sent_at in enumerate(table.caller.sent_at):
        at = bisect_left(totals, FRAME_24K * (n + 1) - HELD_24K)
        if window[0] <= sent_at < window[1] and at < len(appends):
            latencies.append((appends[at][0] - sent_at) * 1000)
    return latencies


def _down(reply: Reply) -> list[float]:
    """Each delta's way, up to a barge-in."""
    arrivals = reply.heard.arrivals
    totals = [total for _, total in arrivals]
    latencies = []
    for n, sent_at in enumerate(reply.deltas_at):
        at = bisect_left(totals, DELTA_8K * (n + 1) - HELD_8K)
        if at < len(arrivals) and (reply.speech_started_at is None or sent_at < reply.speech_started_at):
            latencies.append((arrivals[at][0] - sent_at) * 1000)
    return latencies
