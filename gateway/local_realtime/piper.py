"""PiperVoice: any English text as speech, offline, beside the event loop."""

import asyncio
import functools
from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.local_realtime.model_threads import ModelThreads
from gateway.local_realtime.phonemes import Phonemes
from gateway.local_realtime.piece_sound import piece_sound
from gateway.local_realtime.piper_files import (
    PACKAGE,
    PHONEMES_PACKAGE,
    PiperFiles,
    installed_files,
)
from gateway.local_realtime.piper_model import PiperModel
from gateway.local_realtime.sentences import pieces
from gateway.local_realtime.spoken_cache import SpokenCache

MAX_WAITING = 64
"""Pieces in work at a time: of 3 s each, some 8 s of work for both workers."""
_CACHE_BYTES = 16 * 1024 * 1024
"""Almost six minutes of speech."""
_SENTENCE_PAUSE_MS, _CLAUSE_PAUSE_MS = 250, 100
_Key = tuple[str, float]


class VoiceBusy(GatewayError):  # noqa: N818 - a state, not a mistake
    """More pieces are waiting than can be spoken in time."""


class Synthesis:
    """The loaded voice and dictionaries, warmed up: 1.5 s to load, 230 MB and 90 MB more at work, shared by all threads."""

    def __init__(self, files: PiperFiles) -> None:
        self._phonemes = Phonemes()
        self._model = PiperModel(files)
        # A first run costs 0.3 s more than later ones.
        self.sound("Your order number is 482913.")

    def sound(self, piece: str, speed: float = 1.0) -> bytes:
        """Speak a piece; PCM16 at 24 kHz with a pause after it, or b"" where there is nothing to say.

        Raises:
            LookupError: the text cannot be pronounced.
        """
        phonemes = self._phonemes.of(piece)
        if not phonemes:
            return b""
        is_sentence = phonemes.rstrip("\"')").endswith((".", "!", "?"))
        pause_ms = _SENTENCE_PAUSE_MS if is_sentence else _CLAUSE_PAUSE_MS
        return piece_sound(self._model.samples(phonemes, speed), self._model.sample_rate, pause_ms)


class _Work:
    """A piece in work, and how many wait for it."""

    def __init__(self, future: asyncio.Future[bytes]) -> None:
        self.future = future
        self.n_waiting = 0


class PiperVoice(ModelThreads[Synthesis]):
    """Speaks English with Piper's voice Joe. Shared by all sessions; loaded inside ``async with``.

    ``package`` and ``phonemes_package`` are the installed packages that hold the voice and the dictionaries; opening
    raises VoiceUnavailable without the ones we know. What was spoken lately is kept and given again.
    """

    def __init__(
        self, *, package: str = PACKAGE, phonemes_package: str = PHONEMES_PACKAGE, n_workers: int = 2
    ) -> None:
        super().__init__(
            lambda: _loaded(installed_files(package, phonemes_package)), name="voice", n_workers=n_workers
        )
        self._spoken = SpokenCache(_CACHE_BYTES)
        self._works: dict[_Key, _Work] = {}

    def pieces(self, text: str) -> Sequence[str]:
        """Cut a text into what is spoken in one go, a short piece first; joined, the pieces are the text again."""
        return pieces(text)

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        """Speak a piece; PCM16 at 24 kHz, mono, little-endian, at -20 dBFS, with a pause after it.

        A piece without anything to say (dots, emoji, other scripts) is b"". ``speed`` is how many times faster than
        usual, 0.25 to 1.5. Cancelled, a piece that nobody else waits for is given up.

        Raises:
            LookupError: the text cannot be pronounced.
            VoiceBusy: 64 pieces are waiting already.
            RuntimeError: the voice is not open.
        """
        synthesis = self._model
        key = piece, speed
        if (sound := self._spoken.get(piece, speed)) is not None:
            return sound
        work = self._works.get(key) or self._begin(synthesis, key)
        work.n_waiting += 1
        try:
            # Who gives up must not take the piece from others.
            return await asyncio.shield(work.future)
        finally:
            work.n_waiting -= 1
            if not work.n_waiting:
                self._end(key, work)

    def _begin(self, synthesis: Synthesis, key: _Key) -> _Work:
        if len(self._works) >= MAX_WAITING:
            raise VoiceBusy(f"{MAX_WAITING} pieces are waiting to be spoken")
        work = _Work(self._run(functools.partial(synthesis.sound, *key)))
        self._works[key] = work
        return work

    def _end(self, key: _Key, work: _Work) -> None:
        del self._works[key]
        if not work.future.cancel() and not work.future.cancelled() and work.future.exception() is None:
            self._spoken.put(*key, work.future.result())


@functools.cache
def _loaded(files: PiperFiles) -> Synthesis:
    """Load a voice once a process, however many are opened."""
    return Synthesis(files)
