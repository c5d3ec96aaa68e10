"""Both sides of a media stream as one track: left what the caller said, right what the caller heard. Pure."""

import math

import numpy as np

from gateway.call_recordings.heard_track import HeardTrack
from voice_codecs import MULAW_SILENCE

_RATE = 8000
_MS = 8
MAX_OUT_OF_PLACE = 2 * _RATE
"""Samples by which a timestamp may lie before the track's end or beyond our clock; one that is further out is wrong."""
MAX_SILENCE = 2 * _RATE
"""Samples of the caller's silence that a stream's end may add, if nothing came before it."""


class StereoTrack:
    """Interleaved mu-law of one media stream at 8 kHz, given out as it grows. Every ``now`` is float seconds.

    It begins with the first frame. The caller's frames are placed by Twilio's timestamps, with silence where some are missing. What the caller hears is
    placed by our clock, which the frames that came with the least delay set by Twilio's.
    """

    def __init__(self) -> None:
        self.heard = HeardTrack()
        self._zero = math.inf
        """When the track's first sample was, on our clock."""
        self._first_ms = 0
        """Twilio's time of it."""
        self._end = 0

    def at(self, now: float) -> int:
        """Tell where on the track it is now; its end before the first frame."""
        return self._end if self._zero == math.inf else max(self._end, round((now - self._zero) * _RATE))

    def said(self, payload: bytes, timestamp_ms: int, now: float) -> bytes:
        """Take a frame of the caller's; give the track up to its end, nothing if that is given out already."""
        if self._zero == math.inf:
            self._first_ms, self._zero = timestamp_ms, now - len(payload) / _RATE
        start = (timestamp_ms - self._first_ms) * _MS
        if not self._end - MAX_OUT_OF_PLACE <= start <= self.at(now) + MAX_OUT_OF_PLACE:
            start = self._end
        self._zero = min(self._zero, now - (start + len(payload)) / _RATE)
        begun = max(0, self._end - start)
        return self._grown(MULAW_SILENCE * max(0, start - self._end) + payload[begun:])

    def over(self, now: float) -> bytes:
        """Give the rest of the track when the stream ends."""
        return self._grown(MULAW_SILENCE * min(MAX_SILENCE, max(0, self.at(now) - self._end)))

    def _grown(self, left: bytes) -> bytes:
        self._end += len(left)
        both = np.empty((len(left), 2), np.uint8)
        both[:, 0] = np.frombuffer(left, np.uint8)
        both[:, 1] = np.frombuffer(self.heard.take(self._end), np.uint8)
        return both.tobytes()
