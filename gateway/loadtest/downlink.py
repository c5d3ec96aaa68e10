"""Where the model's answers went: which of the caller's audio belongs to which item, and what was heard of it. Pure.

Nothing on the phone's side names an item, so samples are counted: one at 8 kHz for three at 24 kHz, in the order in
which the model sent them. A clear ends every item that has begun; after it the count starts anew with the next one. So
it does for an item that had begun before its first audio came and after a pause of half a second, so that samples lost
of one answer are not taken from the next. Audio that comes when no item is open is the server's own and counts for none.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.loadtest.playback import BYTES_PER_SECOND, CutBy
from gateway.loadtest.timeline import Timeline
from gateway.observed import RATIO, Observed, ObservedItem, Truncation

FILTER_SAMPLES = {"pcm16": 32, "pcmu": 0}
"""What a linear-phase filter holds back until more audio comes, at 8 kHz: 4 ms."""
PAUSE = 0.5
"""Seconds without audio after which the caller does not wait for the rest of an answer."""
_IN_FLIGHT = 0.1
"""Seconds by which a clear may come later than the truncation that goes with it."""
_ROUNDING = 1e-6


@dataclass(eq=False)
class Answer:
    """One output item, and what the caller got of it. Samples are those of 8 kHz."""

    item: ObservedItem
    truncation: Truncation | None
    """The first one."""
    n_received: int = 0
    n_heard: int = 0
    cut_by: CutBy | None = None
    """What kept some of it from sounding."""
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    """How many samples had been received by when."""

    @property
    def began_at(self) -> float:
        """When the model sent its first audio."""
        return self.item.deltas[0].at

    @property
    def sent_at(self) -> float:
        """When the model sent its last audio."""
        return self.item.deltas[-1].at

    @property
    def n_sent(self) -> int:
        """What the model sent, as many samples as become of it."""
        return -(-sum(each.n_samples for each in self.item.deltas) // RATIO)

    def latencies_ms(self) -> list[float]:
        """Of each delta that the caller got to its end: from its sending until its last sample had come.

        The 4 ms that a filter holds back do not count.
        """
        latencies, n_sent = [], 0
        counts = [count for count, _ in self.arrivals]
        for delta in self.item.deltas:
            n_sent += delta.n_samples
            wanted = max(1, -(-n_sent // RATIO) - FILTER_SAMPLES[self.item.encoding])
            index = bisect_left(counts, wanted)
            if index == len(counts):
                break
            latencies.append((self.arrivals[index][1] - delta.at) * 1000)
        return latencies


def answers(timeline: Timeline, observed: Sequence[Observed]) -> list[Answer]:
    """Follow a call's audio; the answers of all its sessions, in the order in which the model began them."""
    found = [answer for session in observed for answer in _answers(session)]
    found.sort(key=lambda each: each.began_at)
    clears = [event.at for event in timeline.events if event.kind == "clear-received"]
    walk = _Walk(deque(each for each in found if not _was_dropped(each, clears)))
    for event in timeline.events:
        match event.kind:
            case "media-received":
                walk.receive(event.n_samples, event.at)
            case "clear-received":
                walk.cut(event.at, "clear")
            case "stop-sent" | "stream-closed" | "ended":
                walk.cut(event.at, "stream-end")
            case _:
                pass
    walk.play_out()
    return found


def _answers(session: Observed) -> list[Answer]:
    first: dict[str, Truncation] = {}
    for each in session.truncations:
        first.setdefault(each.item_id, each)
    return [Answer(item, first.get(item.item_id)) for item in session.items]


def _was_dropped(answer: Answer, clears: list[float]) -> bool:
    """Whether the server never passed it on: it told the model that nothing was heard, and cleared nothing."""
    told = answer.truncation
    if told is None or told.audio_end_ms:
        return False
    return not any(answer.began_at <= at <= told.at + _IN_FLIGHT for at in clears)


@dataclass(frozen=True)
class _Piece:
    answer: Answer | None
    start: float
    n_samples: int


class _Walk:
    """Goes through a call in the order of time, with the caller's playback buffer by its side."""

    def __init__(self, to_come: deque[Answer]) -> None:
        self._to_come = to_come
        self._open: deque[Answer] = deque()
        """Of which audio may come, the next one first."""
        self._pieces: list[_Piece] = []
        """Received since the last cut."""
        self._played_until = 0.0
        self._received_at = 0.0

    def receive(self, n_samples: int, at: float) -> None:
        """Take audio for the answer that it belongs to."""
        self._begin(at)
        is_after_pause = at - self._received_at >= PAUSE
        self._received_at = at
        if len(self._open) > 1 and is_after_pause and self._open[0].n_received:
            self._open.popleft()
        while n_samples:
            while len(self._open) > 1 and self._open[0].n_received >= self._open[0].n_sent:
                self._open.popleft()
            if is_after_pause and self._open and self._open[0].n_received >= self._open[0].n_sent:
                self._open.popleft()
            answer = self._open[0] if self._open else None
            n_taken = n_samples
            if answer and len(self._open) > 1:
                n_taken = min(n_samples, answer.n_sent - answer.n_received)
            self._queue(answer, n_taken, at)
            n_samples -= n_taken

    def cut(self, at: float, by: CutBy) -> None:
        """Take it that nothing queued sounds any more, and nothing more comes of what has begun."""
        self._begin(at)
        for answer in self._open:
            last_at = max(answer.sent_at, self._received_at)
            if answer.n_received < answer.n_sent and at - last_at < PAUSE:
                answer.cut_by = answer.cut_by or by
        for piece in self._pieces:
            n_heard = int((at - piece.start + _ROUNDING) * BYTES_PER_SECOND)
            n_heard = max(0, min(piece.n_samples, n_heard))
            if piece.answer is not None:
                piece.answer.n_heard += n_heard
                if n_heard < piece.n_samples:
                    piece.answer.cut_by = piece.answer.cut_by or by
        self._open.clear()
        self._pieces.clear()
        self._played_until = min(self._played_until, at)

    def play_out(self) -> None:
        """Take it that all that is queued sounds."""
        for piece in self._pieces:
            if piece.answer is not None:
                piece.answer.n_heard += piece.n_samples

    def _begin(self, at: float) -> None:
        while self._to_come and self._to_come[0].began_at <= at:
            self._open.append(self._to_come.popleft())

    def _queue(self, answer: Answer | None, n_samples: int, at: float) -> None:
        start = max(at, self._played_until)
        self._played_until = start + n_samples / BYTES_PER_SECOND
        self._pieces.append(_Piece(answer, start, n_samples))
        if answer is not None:
            answer.n_received += n_samples
            answer.arrivals.append((answer.n_received, at))
