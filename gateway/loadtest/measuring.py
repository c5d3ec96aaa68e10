"""Measures finished calls in a process of its own, at low priority: the sums would hold up frames of calls still on."""

import asyncio
import io
import multiprocessing
import os
import pickle
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from gateway.loadtest import truth
from gateway.loadtest.analysis import stereo
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.fingerprint import N_FINGERPRINTS
from gateway.loadtest.measures import measure
from gateway.loadtest.messages import CallDone
from gateway.loadtest.observed_calls import read_observed
from gateway.loadtest.ranking import Extremes
from gateway.loadtest.recording import SAMPLE_RATE, read_samples
from gateway.loadtest.results import CallAudio, CallResult
from gateway.loadtest.steps import End
from gateway.loadtest.trace import trace

NICENESS = 10
OBSERVED_WITHIN = 2.0
"""Seconds after a call in which the model's side of it must be there."""


@dataclass(frozen=True)
class WavFile:
    """Where a call is to be kept."""

    folder: str
    name: str


@dataclass(frozen=True)
class FinishedCall:
    """A call that is over."""

    caller: RecordedCaller
    end: End
    started_at: float
    """Seconds since 1970."""
    ended_at: float
    """Seconds of ``time.monotonic()``."""
    fingerprint: int | None
    """In the caller's voice; None if there is none in it."""
    observed: str | None
    """Folder in which the embedded realtime server leaves what it observes, where it is the model."""
    wav: WavFile | None


class Measuring:
    """The process that measures; a context manager."""

    def __init__(self, reference: str | None = None) -> None:
        """Compare with the sound file ``reference`` where the model itself does not tell what it said."""
        self._pool = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(reference,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=kind is not None)

    async def start(self) -> None:
        """Wait until it is up: starting it takes a second of the core that calls will need."""
        await asyncio.get_running_loop().run_in_executor(self._pool, os.getpid)

    async def measure(self, call: FinishedCall) -> CallDone:
        """Measure a finished call, and keep it where that is wanted."""
        call.caller.timeline.on_event = None
        call.caller.signalling.on_change = None
        content = pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
        return await asyncio.get_running_loop().run_in_executor(self._pool, _measure, content)


_extremes = Extremes()
"""Of the calls that this process has measured."""


_references: list[npt.NDArray[np.int16]] = []
"""What the agent says, clean, where it was given."""


def _begin(reference: str | None) -> None:
    """Give way to whoever places calls, and end with him even if he is killed."""
    if reference is not None:
        _references.append(read_samples(Path(reference)))
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _measure(content: bytes) -> CallDone:
    call: FinishedCall = pickle.loads(content)  # noqa: S301 - our own process has written it
    both = stereo(call.caller)
    result = msgspec.structs.replace(_measured(call), trace=trace(call.caller.timeline, both))
    if call.wav is not None:
        result = msgspec.structs.replace(result, wav=_kept(call.wav, both))
    return CallDone(result, _flac(result, both) if _extremes.take(result) else None)


def _measured(call: FinishedCall) -> CallResult:
    caller, own = call.caller, call.fingerprint
    observed = []
    if call.observed is not None and caller.timeline.started_at is not None:
        # Not from now on: where the model leaves nothing, calls would be measured more slowly than they end.
        patience = call.ended_at + OBSERVED_WITHIN - time.monotonic()
        observed = read_observed(call.observed, caller.identity.call_sid, patience, remove=True)
    return measure(
        caller,
        call.end,
        started_at=call.started_at,
        reference=truth.reference(caller, observed) if observed else next(iter(_references), None),
        fingerprints=None if own is None else (own, range(N_FINGERPRINTS)),
        embedded=truth.embedded(caller, observed) if observed else None,
        heard_by_model=truth.heard_by_model(observed),
    )


def _kept(wav: WavFile, both: npt.NDArray[np.int16]) -> str | None:
    """Write both sides to a file and name it; a disk that is full costs the file, not the test."""
    path = str(Path(wav.folder) / wav.name)
    try:
        soundfile.write(path, both, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    except (OSError, RuntimeError) as error:  # the latter is libsndfile's
        sys.stderr.write(f"{path}: cannot be written ({error})\n")
        return None
    return path


def _flac(call: CallResult, both: npt.NDArray[np.int16]) -> CallAudio:
    file = io.BytesIO()
    soundfile.write(file, both, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
    return CallAudio(call.call_sid, file.getvalue())
