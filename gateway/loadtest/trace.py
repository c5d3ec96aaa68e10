"""What a call looked like, small enough to keep for every call: waveforms and events. Pure."""

import numpy as np
import numpy.typing as npt

from gateway.loadtest import results
from gateway.loadtest.recording import SAMPLE_RATE
from gateway.loadtest.results import Trace
from gateway.loadtest.timeline import Event, Timeline

STEP_MS = 40
MAX_STEPS = 3000
"""A call of more than two minutes gets longer steps."""
MAX_EVENTS = 500
_FULL_SCALE = 32768
_TOO_MANY = ("media-received", "mark-received")
"""Kinds that come many times a second."""


def trace(timeline: Timeline, both: npt.NDArray[np.int16]) -> Trace:
    """Draw a finished call, of whose two sides the samples are shape (n, 2) at 8 kHz: said, heard."""
    n_samples = STEP_MS * SAMPLE_RATE // 1000
    times = max(1, -(-len(both) // (n_samples * MAX_STEPS)))
    said, heard = (_waveform(both[:, side], n_samples * times) for side in (0, 1))
    return Trace(STEP_MS * times, said, heard, _events(timeline))


def _waveform(samples: npt.NDArray[np.int16], n_samples: int) -> bytes:
    """Take the loudest of every so many samples; the square root shows quiet voices, too."""
    steps = np.pad(np.abs(samples.astype(np.int32)), (0, -samples.size % n_samples)).reshape(-1, n_samples)
    loudest = steps.max(axis=1, initial=0) / _FULL_SCALE
    waveform: npt.NDArray[np.uint8] = np.rint(255 * np.sqrt(loudest)).astype(np.uint8)
    return waveform.tobytes()


def _events(timeline: Timeline) -> tuple[results.Event, ...]:
    kept = [each for each in timeline.events if each.kind not in _TOO_MANY]
    if len(kept) > MAX_EVENTS:  # how it ended is worth more than the last of many
        kept = [*kept[: MAX_EVENTS - 2], *kept[-2:]]
    zero = timeline.started_at
    if zero is None:
        zero = kept[0].at if kept else 0.0
    return tuple(results.Event(round((each.at - zero) * 1000), each.kind, _detail(each)) for each in kept)


def _detail(event: Event) -> str:
    if event.kind == "clear-received":
        return f"{event.n_samples * 1000 // SAMPLE_RATE} ms thrown away"
    return event.detail
