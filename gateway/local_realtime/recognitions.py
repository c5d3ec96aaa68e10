"""The caller's words: what is to be recognised, and what becomes of it."""

from collections.abc import Callable

import msgspec

from gateway.local_realtime import server_events
from gateway.local_realtime.captions import Caption
from gateway.local_realtime.conversation import Item
from gateway.local_realtime.formats import Samples
from gateway.local_realtime.server_events import Event

_FIRST_GROWTH_MS = 1500
"""Speech of an unfinished turn before it is looked at for the first time."""
_GROWTH = 1.5
"""And again when it is so many times as long: all looks together cost no more than three times the last."""
_MAX_GROWN_MS = 15_000
"""What a recogniser takes in one piece; longer unfinished turns get their words at the end."""


class Recognition(msgspec.Struct, frozen=True, eq=False):
    """Caller audio whose words are wanted. Equal to itself alone: an item's id can come again."""

    item_id: str
    samples: Samples
    """PCM16, shape (n,) at 8 kHz."""
    tell: bool = True
    """The client wants the words too."""
    unfinished: bool = False
    """The caller is still speaking: the words are of the turn so far, and not worth waiting for."""

    @property
    def seconds(self) -> float:
        """The audio's duration."""
        return self.samples.size / 8000


class Recognitions:
    """The recognitions of one session. ``possible`` says that somebody takes them and brings back the words."""

    def __init__(self, *, possible: bool) -> None:
        self.possible = possible
        self._wanted: list[Recognition] = []
        self._asked: dict[Recognition, tuple[Item, Caption]] = {}
        """Whose words are on their way, and what was told of them."""
        self._growing: str | None = None
        """The turn that is looked at while it grows."""
        self._looking = False
        """One look at a time: looks at speech that came in a rush would be work for nothing."""
        self._next_growth_ms = 0.0
        self._caption = Caption()
        """What was told of that turn."""

    def ask(self, item: Item, samples: Samples, *, tell: bool) -> list[Event]:
        """Have an item's words recognised; where that is not possible, say so to a client who wants them."""
        if self.possible:
            item.awaits_words = True
            recognition = Recognition(item.item_id, samples, tell)
            told = self._caption if item.item_id == self._growing else Caption()
            self._asked[recognition] = item, told
            self._wanted.append(recognition)
            if item.item_id == self._growing:
                self.forget_growing()
            return []
        message = "This server has no speech recognition installed."
        code = "recognition_unavailable"
        return [server_events.transcription_failed(item.item_id, code, message)] if tell else []

    def grow(self, item_id: str, span: tuple[int, int], recall: Callable[[int, int], Samples]) -> None:
        """Have the words of an unfinished turn recognised, if it has grown enough; ``span`` is in ms."""
        if item_id != self._growing:
            self._growing, self._next_growth_ms = item_id, _FIRST_GROWTH_MS
            self._caption = Caption()
        start_ms, end_ms = span
        is_due = self._next_growth_ms <= end_ms - start_ms <= _MAX_GROWN_MS
        if self.possible and is_due and not self._looking:
            self._looking = True
            self._next_growth_ms = _GROWTH * (end_ms - start_ms)
            self._wanted.append(Recognition(item_id, recall(*span), unfinished=True))

    def forget_growing(self) -> None:
        """Tell no more of the turn that is looked at while it grows."""
        self._growing = None

    def take(self) -> list[Recognition]:
        """Give what is wanted since the last call."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def done(self, recognition: Recognition, transcript: str) -> list[Event]:
        """Take the words of a recognition."""
        item_id = recognition.item_id
        if recognition.unfinished:
            self._looking = False
            overtaken = item_id != self._growing
            return [] if overtaken else _deltas(item_id, self._caption.grow(transcript))
        item, caption = self._asked.pop(recognition)
        item.awaits_words, item.heard = False, transcript
        if not recognition.tell:
            return []
        item.state = {**item.state, "content": [{"type": "input_audio", "transcript": transcript}]}
        completed = server_events.transcription_completed(item_id, transcript, recognition.seconds)
        return [*_deltas(item_id, caption.finish(transcript)), completed]

    def failed(self, recognition: Recognition, code: str, message: str) -> list[Event]:
        """Take it that the words of a recognition will not be known."""
        if recognition.unfinished:
            self._looking = False
            return []
        item, _ = self._asked.pop(recognition)
        item.awaits_words = False
        failed = server_events.transcription_failed(recognition.item_id, code, message)
        return [failed] if recognition.tell else []


def _deltas(item_id: str, delta: str) -> list[Event]:
    return [server_events.transcription_delta(item_id, delta)] if delta else []
