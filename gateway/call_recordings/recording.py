"""The recording of one media stream, as the event loop sees it."""

from gateway.call_recordings.file import Piece
from gateway.call_recordings.pausing import Pausing
from gateway.call_recordings.stereo_track import StereoTrack
from gateway.disk import Backlog
from gateway.metrics import Metrics
from voice_codecs import MULAW_SILENCE

BYTES_PER_SECOND = 16_000
MAX_OWED = 65_536
"""Bytes of silence in one piece."""


class Recording:
    """Takes both sides of one media stream. Nothing here waits, raises or touches the disk. Every ``now`` is float seconds.

    While it is paused, what is said and heard is recorded as silence, so that times stay right.
    """

    def __init__(self, backlog: Backlog[Piece], metrics: Metrics, pausing: Pausing) -> None:
        self._pausing = pausing
        self._track = StereoTrack()
        self._backlog = backlog
        self._lost = metrics.unrecorded_audio.labels("disk-slow")
        self._n_owed = 0
        """Bytes for which there was no room: silence will stand for them."""

    def said(self, payload: bytes, timestamp_ms: int, now: float) -> None:
        """Take a frame of the caller's, mu-law, with Twilio's time of it."""
        self._add(self._track.said(payload, timestamp_ms, now))

    def sent(self, payload: bytes, mark_name: str, now: float) -> None:
        """Take audio, mu-law, that was sent to the caller with a mark behind it."""
        self._track.heard.sent(payload, mark_name, self._track.at(now))

    def marked(self, mark_name: str, now: float) -> None:
        """Take the echo of a mark."""
        self._track.heard.marked(mark_name, self._track.at(now))

    def cleared(self, now: float) -> None:
        """Take note that what has not sounded never will."""
        self._track.heard.cleared(self._track.at(now))

    def over(self, now: float) -> None:
        """Take the end of the stream."""
        self.cleared(now)
        self._add(self._track.over(now))
        self._pay()
        self._backlog.is_over = True

    def _add(self, audio: bytes) -> None:
        if not audio:
            return
        if self._pausing.is_paused:
            audio = MULAW_SILENCE * len(audio)
        if not (self._pay() and self._backlog.put(audio, len(audio))):
            self._n_owed += len(audio)
            self._lost.inc(len(audio) / BYTES_PER_SECOND)

    def _pay(self) -> bool:
        """Make up with silence for what there was no room for; False if there is still none."""
        while self._n_owed:
            n_bytes = min(self._n_owed, MAX_OWED)
            if not self._backlog.put(n_bytes, n_bytes):
                return False
            self._n_owed -= n_bytes
        return True
