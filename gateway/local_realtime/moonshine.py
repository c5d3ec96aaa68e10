"""MoonshineRecogniser: the words of a caller, offline, beside the event loop."""

import functools

from gateway.errors import GatewayError
from gateway.local_realtime.formats import Samples
from gateway.local_realtime.model_threads import ModelThreads
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


class RecogniserBusy(GatewayError):  # noqa: N818 - a state, not a mistake
    """More turns are waiting than can be recognised in time."""


class MoonshineRecogniser(ModelThreads[MoonshineDecoder]):
    """Recognises English with Moonshine tiny. Shared by all sessions; loaded inside ``async with``.

    ``package`` is the installed package that holds the models; opening raises RecogniserUnavailable without the ones we
    know. A long turn in one of the ``n_workers`` threads does not keep the others waiting.
    """

    def __init__(self, *, package: str = PACKAGE, n_workers: int = 2) -> None:
        super().__init__(lambda: _loaded(installed_files(package)), name="recogniser", n_workers=n_workers)
        self._n_waiting = 0

    async def recognise(self, samples: Samples) -> str:
        """Give the words of PCM16, shape (n,) at 8 kHz; "" where nobody speaks and for less than 100 ms.

        Raises:
            RecogniserBusy: a hundred turns are waiting already.
            RuntimeError: the recogniser is not open.
        """
        decoder = self._model
        if self._n_waiting >= MAX_WAITING:
            raise RecogniserBusy(f"{MAX_WAITING} turns are waiting to be recognised")
        self._n_waiting += 1
        try:
            return await self._words(decoder, samples)
        finally:
            self._n_waiting -= 1

    async def _words(self, decoder: MoonshineDecoder, samples: Samples) -> str:
        """Recognise piece after piece, so that short turns get in between those of a long one."""
        pieces = await self._run(functools.partial(segments, samples))
        words = [await self._run(functools.partial(_words_of, decoder, piece)) for piece in pieces]
        return " ".join(filter(None, words))


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
