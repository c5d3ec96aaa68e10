"""How the caller's audio reached the model, of the call's first media stream and first session. Pure.

Later ones are left out: what became of the audio between two of them, nobody can tell by counting. A replayed capture
has holes of its own and is left out, too. Samples are those of 24 kHz, as the model's are counted.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gateway.loadtest.alignment import HOP, WINDOW, Samples, find, lags, settled
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.recording import FRAME_BYTES, PTIME_MS, SAMPLE_RATE
from gateway.loadtest.timeline import SaidRun
from gateway.observed import RATIO, Observed
from voice_codecs import mulaw_decode

FRAME_SAMPLES = RATIO * FRAME_BYTES
FILTER_SAMPLES = {"pcm16": 96, "pcmu": 0}
"""What a linear-phase filter holds back until the next frame comes: 4 ms."""
_COMPARED = 10 * SAMPLE_RATE
"""Samples at 8 kHz of the caller's beginning that are looked for, second by second, until one is found, and ..."""
_FARTHEST = 5 * SAMPLE_RATE // 2
"""... by how many it may be elsewhere: the gateway holds 2 s until its model is there."""
_LOUD = 0.01
"""Of the loudest second's energy, a second that is looked for has as much: pauses are all alike."""
_ALIKE = 0.5
"""Correlation of what was said with what came, from which they are taken for the same."""
_MOST_LATE = 0.005
"""Seconds for which the model may have left a frame unread that is measured, as of the caller's own punctuality."""
_AT_HAND = 25
"""Frames in which what was held until the model was there has come."""
_SETTLED = 150
"""Frames, three seconds: audio that comes so much later than it was said is late, not missing."""

_Floats = npt.NDArray[np.float64]


class Uplink:
    """What a caller sent, and what one session got of it, which is something."""

    def __init__(self, caller: RecordedCaller, session: Observed) -> None:
        self._caller = caller
        self._runs = [] if caller.replay else _first_stream(caller.timeline.said)
        self._sent_at = _sent_at(caller, self._runs)
        self._came_at = np.array([each.at for each in session.appends])
        self._late = np.array([each.late for each in session.appends])
        self._n_came = np.cumsum([each.n_samples for each in session.appends], dtype=np.int64)
        self._filter_samples = FILTER_SAMPLES[session.input_encoding]

    def added_ms(self, got: Samples) -> list[float]:
        """From each frame's sending until the model had its last sample, but for the 4 ms that a filter holds back.

        Where the caller's audio is in the model's is found by its sound, again and again, so that audio that is lost makes
        nothing late that comes after it: ``got`` is the model's, shape (n,) at 8 kHz, as far as it was kept. Without any
        likeness in the first 10 s nothing is told, nor of pauses in which audio was lost. Beyond what was kept samples
        are counted, unless something was lost before. Where the model is ahead of the caller, because a hole was filled,
        nothing is told. Frames that the model itself may have left unread for more than 5 ms, being busy, are left out:
        they say nothing.
        """
        followed = self._followed(got)
        if followed is None:
            return []
        lag, is_sure = followed
        ends = FRAME_SAMPLES * np.arange(1, self._sent_at.size + 1) + RATIO * lag
        wanted = np.maximum(ends - self._filter_samples, 1)
        index = np.searchsorted(self._n_came, wanted)
        had = is_sure & (ends > 0) & (index < self._n_came.size)
        index, sent_at = index[had], self._sent_at[had]
        added: _Floats = (self._came_at[index] - sent_at) * 1000
        return [float(each) for each in added[(added >= 0) & (self._late[index] <= _MOST_LATE)]]

    def missing_ms(self) -> list[float]:
        """Of each utterance that was said to its end: how much farther behind the model was after it than before.

        It is behind by what the caller has sent less what it got, by count: what fills a hole counts as got, and so do
        the 4 ms that a filter holds back. Late is not missing: of the pause before it, or the first half second of the
        model, and of the pause after it, three seconds each at most, the moment counts at which the model was the least
        behind.
        """
        there = int(np.searchsorted(self._sent_at, self._came_at[0]))
        if there == self._sent_at.size:
            return []
        behind = self._behind()
        missing, paused = [], 0
        spoken = [*self._spoken(), (self._sent_at.size, 0)]
        for (first, last), (following, _) in pairwise(spoken):
            if first < 0 or last > self._sent_at.size or self._sent_at[last - 1] > self._came_at[-1]:
                break
            since, settled = max(there, paused, first - _SETTLED), max(first, there + _AT_HAND)
            before = int(behind[since : settled + 1].min())
            after = int(behind[last - 1 : min(max(last, following), last + _SETTLED)].min())
            missing.append((after - min(before, FRAME_SAMPLES * first)) / (RATIO * 8))
            paused = last - 1
        return missing

    def _followed(self, got: Samples) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]] | None:
        """By how many samples at 8 kHz each frame is later in what the model got, and whether that is sure.

        Shape (frames,) both; None if it is nowhere.
        """
        said = mulaw_decode(self._said())
        first = _first_lag(said, got)
        if first is None:
            return None
        lag, found = lags(said[: got.size + _FARTHEST], got, first)
        middles = FRAME_BYTES * np.arange(self._sent_at.size) + FRAME_BYTES // 2
        windows = np.clip((middles - WINDOW // 2) // HOP, 0, lag.size - 1)
        return lag[windows], settled(lag, found)[windows]

    def _behind(self) -> npt.NDArray[np.int64]:
        """How many samples the model was behind just before the frame after each was sent, shape (frames,)."""
        n_sent = FRAME_SAMPLES * np.arange(1, self._sent_at.size + 1)
        until = np.append(self._sent_at[1:], self._sent_at[-1] + PTIME_MS / 1000)
        got = np.append(0, self._n_came)[np.searchsorted(self._came_at, until, side="right")]
        behind: npt.NDArray[np.int64] = n_sent - got - self._filter_samples
        return behind

    def _spoken(self) -> list[tuple[int, int]]:
        """The first frame of each utterance, and the one after its last."""
        zero = self._runs[0].first_frame
        return [
            (each.start_ms // PTIME_MS - zero, -(-each.end_ms // PTIME_MS) - zero)
            for each in self._caller.said_utterances
        ]

    def _said(self) -> bytes:
        recording = self._caller.recording
        return b"".join(recording.excerpt(run.source_ms, run.n_frames) for run in self._runs)


def _first_stream(said: list[SaidRun]) -> list[SaidRun]:
    """The runs up to the first hole."""
    runs: list[SaidRun] = []
    for run in said:
        if runs and run.first_frame != runs[-1].first_frame + runs[-1].n_frames:
            break
        runs.append(run)
    return runs


def _sent_at(caller: RecordedCaller, runs: list[SaidRun]) -> _Floats:
    """When each frame was sent: at its end on the grid, and as much later as was noted; seconds, shape (frames,)."""
    n_frames = sum(run.n_frames for run in runs)
    first = runs[0].first_frame if runs else 0
    late = np.array(caller.timeline.frame_lateness_ms[:n_frames], np.float64)
    due_ms = (first + 1 + np.arange(n_frames)) * PTIME_MS
    sent_at: _Floats = (caller.timeline.started_at or 0.0) + (due_ms + late) / 1000
    return sent_at


def _first_lag(said: Samples, got: Samples) -> int | None:
    """By how much later a sound is in ``got`` than in ``said``, in samples at 8 kHz; None if they are not alike."""
    seconds = [
        said[start : start + SAMPLE_RATE] for start in range(0, min(said.size, _COMPARED), SAMPLE_RATE)
    ]
    loud = [float(np.sum(np.square(each, dtype=np.float64))) for each in seconds]
    for number, second in enumerate(seconds):
        if loud[number] < _LOUD * max(loud):
            continue
        start = number * SAMPLE_RATE
        begin = max(0, start - _FARTHEST)
        at = find(second, got[begin : start + second.size + _FARTHEST], start - begin)
        if at is not None and at.likeness >= _ALIKE:
            return begin + at.place - start
    return None
