"""What the caller hears, on the call's clock: what was sent, placed where it sounds, and cut where it was cleared. Pure.

Times are samples at 8 kHz since the media stream began. Twilio plays what it is sent in order and echoes a mark when the
audio before it has sounded; the echo takes its time, and so does what is sent.
"""

from collections import deque
from dataclasses import dataclass

from voice_codecs import MULAW_SILENCE

_MS = 8
MAX_LAG = 500 * _MS
"""A longer way is not believed: Twilio, or our loop, was busy."""
FIRST_LAG = 60 * _MS
"""From sending until it sounds, before a mark has told better."""
_WEIGHT = 4
"""How slowly what marks tell is believed."""
MAX_DRIFT = 250 * _MS
"""If a mark is so much later than we thought, the audio behind it waits: something had held it up."""


@dataclass(slots=True)
class _Sent:
    payload: bytes
    mark_name: str


class HeardTrack:
    """The right channel of one media stream."""

    def __init__(self) -> None:
        self._waiting: deque[_Sent] = deque()
        self._n_taken = 0
        """Samples of the first one that are on the track."""
        self._begins_at = 0
        """Where the first one goes on."""
        self._end = 0
        """Of the track, as far as it was taken."""
        self._lag = FIRST_LAG
        self._sounded: deque[tuple[str, int]] = deque(maxlen=64)
        """Names of marks whose audio is on the track, and where that ends."""

    def sent(self, payload: bytes, mark_name: str, at: int) -> None:
        """Take audio, mu-law, that was sent at ``at`` with a mark behind it."""
        if not self._waiting:
            self._begins_at = max(self._end, self._begins_at, at + self._lag)
            self._n_taken = 0
        self._waiting.append(_Sent(payload, mark_name))

    def marked(self, mark_name: str, at: int) -> None:
        """Take the echo of a mark: what was sent before it has sounded by ``at``."""
        end = next((end for name, end in self._sounded if name == mark_name), None)
        if end is None:
            return  # of an audio that we have not come to, or that was cleared
        drift = at - end
        self._lag = min(MAX_LAG, max(0, self._lag + drift // _WEIGHT))
        if drift > MAX_DRIFT and self._waiting and self._n_taken == 0:
            self._begins_at = max(self._begins_at, at)

    def cleared(self, at: int) -> None:
        """Take a clear: of what waits, no more sounds than does until ``at``."""
        n_left = max(0, at - max(self._begins_at, self._end))
        kept: deque[_Sent] = deque()
        n_skipped = self._n_taken
        for each in self._waiting:
            if n_left <= 0:
                break
            payload = each.payload[: n_skipped + n_left]
            n_left -= len(payload) - n_skipped
            n_skipped = 0
            kept.append(_Sent(payload, ""))
        self._waiting = kept

    def take(self, until: int) -> bytes:
        """Give what sounds from where this was last asked up to ``until``, mu-law; silence where nothing does."""
        track = bytearray()
        while self._waiting and self._begins_at < until:
            track += MULAW_SILENCE * max(0, self._begins_at - self._end - len(track))
            first = self._waiting[0]
            payload = first.payload[self._n_taken : self._n_taken + until - self._begins_at]
            track += payload
            self._begins_at += len(payload)
            self._n_taken += len(payload)
            if self._n_taken >= len(first.payload):
                self._sounded.append((first.mark_name, self._begins_at))
                self._waiting.popleft()
                self._n_taken = 0
        track += MULAW_SILENCE * max(0, until - self._end - len(track))
        self._end += len(track)
        return bytes(track)
