"""What an embedded server is made of: ears, a voice and a persona, as far as their models are installed."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable

import msgspec
import structlog

from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.model_files import ModelUnavailable
from gateway.local_realtime.moonshine import MoonshineRecogniser
from gateway.local_realtime.moonshine_files import PACKAGE as RECOGNISER_PACKAGE
from gateway.local_realtime.persona import Persona
from gateway.local_realtime.personas import OrderDesk, RecordedPersona
from gateway.local_realtime.piper import PiperVoice
from gateway.local_realtime.piper_files import PACKAGE as VOICE_PACKAGE
from gateway.local_realtime.voice import RecordedVoice, Voice

_log = structlog.get_logger()


class Parts(msgspec.Struct, frozen=True):
    """What sessions share, and how to make what each has of its own."""

    recogniser: Recogniser | None
    """None hears when the caller speaks, but not what."""
    voice: Voice
    persona: Callable[[], Persona]

    @property
    def can_converse(self) -> bool:
        """Whether any words are understood, and any can be said."""
        return self.recogniser is not None and not isinstance(self.voice, RecordedVoice)


@contextlib.asynccontextmanager
async def installed_parts(
    *, recogniser_package: str = RECOGNISER_PACKAGE, voice_package: str = VOICE_PACKAGE
) -> AsyncIterator[Parts]:
    """Open the models of the extra ``[local]``; without them recorded prompts answer, and one log line says so."""
    async with contextlib.AsyncExitStack() as stack:
        recogniser: Recogniser | None = None
        try:
            recogniser = await stack.enter_async_context(MoonshineRecogniser(package=recogniser_package))
            voice = await stack.enter_async_context(PiperVoice(package=voice_package))
        except ModelUnavailable as exc:
            _log.warning("recorded prompts answer: not all models are installed", reason=str(exc))
            yield recorded_parts(recogniser)
        else:
            yield Parts(recogniser, voice, OrderDesk)


def recorded_parts(recogniser: Recogniser | None = None) -> Parts:
    """Make a server's parts of the packaged prompts."""
    voice = RecordedVoice()
    return Parts(recogniser, voice, functools.partial(RecordedPersona, voice.texts))
