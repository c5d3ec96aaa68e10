"""What the caller has heard, as opposed to what the model has said and what was sent.

Twilio plays what it is sent in order, at 8 kHz, and echoes a mark when the audio before it has played, but also
when a clear throws that audio away. So marks carry a generation: a clear begins a new one, and echoes of older
marks say nothing. Between marks the clock is asked, but only as far as the next mark that has not come back.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

SAMPLE_RATE = 8000
SAMPLES_PER_MS = 8
MAX_REMEMBERED = 64
"""Items remembered without audio on its way, and items heard to their end that nobody has asked for."""


class Cut(msgspec.Struct, frozen=True):
    """Where an item must end, because the caller heard no more of it."""

    item_id: str
    audio_end_ms: int
    """Never beyond the audio the model made for the item."""


class Unheard(msgspec.Struct, frozen=True):
    """Audio that was sent and has not sounded."""

    item_id: str
    payload: bytes
    """Mu-law, 8 kHz."""
    start: int
    """Samples of the item before it."""
    said_ms: int
    """All of the item that the model made."""


@dataclass
class _Item:
    item_id: str
    said_ms: int = 0
    n_sent: int = 0
    n_heard: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class _Segment:
    """Audio between two marks."""

    mark_name: str
    item: _Item
    end_in_item: int
    """Samples of the item sent up to and with this segment."""
    end: int
    """Samples of the whole stream played when this segment has played."""
    payload: bytes
    """Its mu-law, if that was given."""


@dataclass
class Playback:
    """Accounts for the audio of one media stream. Amounts are samples at 8 kHz unless their name says ms."""

    generation: int = 0
    """Counts the clears. Marks of an older generation do not count."""
    _items: dict[str, _Item] = field(default_factory=dict)
    _heard_whole: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_REMEMBERED))
    _pending: deque[_Segment] = field(default_factory=deque)
    _n_marks: int = 0
    _end: int = 0
    _confirmed: int = 0
    _confirmed_at: float = 0.0

    def said(self, item_id: str, total_ms: int) -> None:
        """Account for an item's audio made by the model so far, in whole milliseconds."""
        self._item(item_id).said_ms = total_ms

    def sent(self, item_id: str, n_samples: int, now: float, payload: bytes = b"") -> str:
        """Account for an item's next audio handed to Twilio; return the name of the mark to send after it.

        The ``payload`` is kept until it has been heard, for `unheard`.
        """
        if not self._pending:  # nothing is playing, so this audio starts now
            self._confirmed, self._confirmed_at = self._end, now
        item = self._item(item_id)
        item.n_sent += n_samples
        self._end += n_samples
        self._n_marks += 1
        name = f"g{self.generation}:{self._n_marks}"
        self._pending.append(_Segment(name, item, item.n_sent, self._end, payload))
        return name

    def marked(self, name: str, now: float) -> bool:
        """Take an echoed mark; return whether it is one we are waiting for.

        A mark also vouches for those sent before it, should their echoes be lost.
        """
        if all(segment.mark_name != name for segment in self._pending):
            return False
        while True:
            segment = self._pending.popleft()
            segment.item.n_heard = segment.end_in_item
            self._confirmed, self._confirmed_at = segment.end, now
            if segment.item.finished and segment.item.n_heard == segment.item.n_sent:
                self._forget_heard(segment.item)
            if segment.mark_name == name:
                return True

    def finished(self, item_id: str) -> None:
        """No more audio of this item will come: forget it once it has been heard."""
        item = self._items.get(item_id)
        if item is None:
            return
        item.finished = True
        if item.n_heard == item.n_sent:
            self._forget_heard(item)

    def pop_heard(self) -> list[str]:
        """Take out the items that were heard to their end since this was last asked, in order; the latest 64."""
        heard = list(self._heard_whole)
        self._heard_whole.clear()
        return heard

    @property
    def is_unheard(self) -> bool:
        """Whether some audio has not been confirmed as heard."""
        return bool(self._pending)

    def has_unheard(self, item_id: str) -> bool:
        """Whether some audio of that item has not been confirmed as heard."""
        return any(segment.item.item_id == item_id for segment in self._pending)

    @property
    def playing(self) -> str | None:
        """The item that is sounding, as far as marks tell."""
        return self._pending[0].item.item_id if self._pending else None

    @property
    def n_pending_marks(self) -> int:
        """Marks sent and not yet echoed."""
        return len(self._pending)

    def unheard_ms(self, now: float) -> int:
        """Audio at Twilio that has not sounded yet."""
        return (self._end - self._position(now)) // SAMPLES_PER_MS

    def heard_ms(self, item_id: str, now: float) -> int:
        """How much of an item has sounded. An item that is unknown, or forgotten once heard, gives 0."""
        item = self._items.get(item_id)
        return 0 if item is None else self._heard(item, self._position(now)) // SAMPLES_PER_MS

    def unheard(self, now: float) -> list[Unheard]:
        """What has not sounded of the audio whose payload was given, in order of playing."""
        position = self._position(now)
        unheard = []
        for segment in self._pending:
            n_left = min(len(segment.payload), segment.end - position)
            if n_left > 0:
                payload = segment.payload[len(segment.payload) - n_left :]
                item = segment.item
                start = segment.end_in_item - n_left
                unheard.append(Unheard(item.item_id, payload, start, item.said_ms))
        return unheard

    def go_on(self, item_id: str, n_samples: int, said_ms: int) -> None:
        """Take up an item again that was cut: its next audio begins that many samples into it."""
        self._items[item_id] = _Item(item_id, said_ms, n_samples, n_samples)

    def cuts(self, now: float) -> list[Cut]:
        """Where each item with unheard audio would have to be cut if all sound stopped now, in order of playing.

        An item of which everything has sounded, by the clock, is not cut: the server would drop its transcript.
        """
        position = self._position(now)
        heard = [(item, self._heard(item, position) // SAMPLES_PER_MS) for item in self._unheard_items()]
        return [Cut(item.item_id, heard_ms) for item, heard_ms in heard if heard_ms < item.said_ms]

    def cleared(self, now: float) -> list[Cut]:
        """Give up on unheard audio; return where each item it belonged to must be cut, as `cuts` says."""
        cuts, position = self.cuts(now), self._position(now)
        cut_ids = {cut.item_id for cut in cuts}
        for item in self._unheard_items():
            item.n_sent = item.n_heard = self._heard(item, position)
            if item.item_id in cut_ids:
                del self._items[item.item_id]
            elif item.finished:
                self._forget_heard(item)
        self._pending.clear()
        self._end = position
        self.generation += 1
        return cuts

    def _item(self, item_id: str) -> _Item:
        item = self._items.get(item_id)
        if item is None:
            self._forget_idle()
            item = self._items[item_id] = _Item(item_id)
        return item

    def _forget_idle(self) -> None:
        """Make room for an item; one whose end never came goes first, if no audio of it is on its way."""
        if len(self._items) >= MAX_REMEMBERED:
            idle = next((each for each in self._items.values() if each.n_heard == each.n_sent), None)
            if idle is not None:
                del self._items[idle.item_id]

    def _forget_heard(self, item: _Item) -> None:
        del self._items[item.item_id]
        self._heard_whole.append(item.item_id)

    def _unheard_items(self) -> list[_Item]:
        """Items with audio that has not been confirmed as heard, in order of playing."""
        return list({segment.item.item_id: segment.item for segment in self._pending}.values())

    def _position(self, now: float) -> int:
        """Samples of the stream that have sounded: the last confirmed mark, and the clock since, up to the next."""
        if not self._pending:
            return self._end
        elapsed = max(0, int((now - self._confirmed_at) * SAMPLE_RATE))
        return min(self._confirmed + elapsed, self._pending[0].end)

    def _heard(self, item: _Item, position: int) -> int:
        """Samples of an item that have sounded when the stream is at ``position``."""
        first = next((segment for segment in self._pending if segment.item is item), None)
        if first is None:
            return item.n_heard
        return max(item.n_heard, first.end_in_item - (first.end - position))
