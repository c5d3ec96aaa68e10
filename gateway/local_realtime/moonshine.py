"""MoonshineRecogniser: the words of a caller, offline, beside the event loop."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from gateway.errors import GatewayError
from gateway.local_realtime.formats import Samples
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.moonshine_files import (
    PACKAGE,
    MoonshineFiles,
    installed_files,
)
from gateway.local_realtime.segments import segments
from gateway.vad import VoiceActivity

MAX_WAITING = 100
"""Turns in work at a time: of 3 s each, some 4 s of work for both workers."""
_SHORTEST_SAMPLES = 800
_SPEECH = 0.3
"""Probability: short words reach 0.9, noise and hold music stay below 0.1."""
_T = TypeVar("_T")


class RecogniserBusy(GatewayError):  # noqa: N818 - a state, not a mistake
    """More turns are waiting than can be recognised in time."""


class MoonshineRecogniser:
    """Recognises English with Moonshine tiny. Shared by all sessions; loaded inside ``async with``.

    ``package`` is the installed package that holds the models. The work is done by ``n_workers`` threads of its own:
    a long turn in one of them does not keep the others waiting.
    """

    def __init__(self, *, package: str = PACKAGE, n_workers: int = 2) -> None:
        self._package = package
        self._workers = ThreadPoolExecutor(n_workers, thread_name_prefix="recogniser")
        self._decoder: MoonshineDecoder | None = None
        self._n_waiting = 0

    async def __aenter__(self) -> Self:
        """Load the models.

        Raises:
            RecogniserUnavailable: there are none, or others than we know.
        """
        try:
            self._decoder = await self._run(lambda: _loaded(installed_files(self._package)))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up what is waiting and end the workers; a piece of 15 s in work is finished, in less than 1 s."""
        self._decoder = None
        await asyncio.to_thread(self._workers.shutdown, cancel_futures=True)

    async def recognise(self, samples: Samples) -> str:
        """Give the words of PCM16, shape (n,) at 8 kHz; "" where nobody speaks and for less than 100 ms.

        Raises:
            RecogniserBusy: a hundred turns are waiting already.
            RuntimeError: the recogniser is not open.
        """
        if self._decoder is None:
            raise RuntimeError("the recogniser is not open")
        if self._n_waiting >= MAX_WAITING:
            raise RecogniserBusy(f"{MAX_WAITING} turns are waiting to be recognised")
        self._n_waiting += 1
        try:
            return await self._words(self._decoder, samples)
        finally:
            self._n_waiting -= 1

    async def _words(self, decoder: MoonshineDecoder, samples: Samples) -> str:
        """Recognise piece after piece, so that short turns get in between those of a long one."""
        pieces = await self._run(functools.partial(segments, samples))
        words = [await self._run(functools.partial(_words_of, decoder, piece)) for piece in pieces]
        return " ".join(filter(None, words))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)


@functools.cache
def _loaded(files: MoonshineFiles) -> MoonshineDecoder:
    """Load a model once a process, however many recognisers are opened."""
    return MoonshineDecoder(files)


def _words_of(decoder: MoonshineDecoder, samples: Samples) -> str:
    if samples.size < _SHORTEST_SAMPLES or not _has_speech(samples):
        return ""
    return decoder.words(samples)


def _has_speech(samples: Samples) -> bool:
    """Whether anything in it sounds like speech: out of noise and tones the model makes words ("You")."""
    voice_activity = VoiceActivity()
    seconds = (samples[start : start + 8000] for start in range(0, samples.size, 8000))
    return any(p >= _SPEECH for second in seconds for p in voice_activity.feed(second))
