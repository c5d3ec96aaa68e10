"""What the model says, on its way to the caller: transcoded, in pieces with a mark behind each, and accounted for.

No I/O and no clock: audio and now in, commands out.
"""

from dataclasses import dataclass

from gateway.commands import Command, PlayAudio
from gateway.playback import SAMPLES_PER_MS, Playback
from gateway.realtime.events import AudioDelta
from voice_codecs.formats import AudioFormat
from voice_codecs.transcode import model_to_caller

MARK_SPACING_MS = 200
"""There is a mark at least this often, so the heard position is never a guess of more."""

MAX_UNHEARD_MS = 180_000
"""More than this waiting at Twilio, and the response is a runaway."""
MAX_PENDING_MARKS = 4096
"""The same for a model that sends its audio in crumbs."""


@dataclass
class Speaking:
    """The item whose audio is passing through the transcoder."""

    item_id: str
    response: str
    n_bytes: int = 0


class ModelAudio:
    """The model's audio on one media stream, from a session that makes ``output_format``.

    With ``keeps``, what has been sent is kept until it was heard.
    """

    def __init__(self, output_format: AudioFormat, playback: Playback, *, keeps: bool) -> None:
        self.speaking: Speaking | None = None
        self._format = output_format
        self._chunk_bytes = output_format.ms_to_bytes(MARK_SPACING_MS)
        self._playback = playback
        self._keeps = keeps
        self._to_caller = model_to_caller(output_format)

    def take(self, event: AudioDelta, response: str, now: float) -> list[Command]:
        """Send more of an item, which may be another than before."""
        commands: list[Command] = []
        speaking = self.speaking
        if speaking is None or speaking.item_id != event.item_id:
            commands += self.finish(now)
            speaking = self.speaking = Speaking(event.item_id, response)
        for start in range(0, len(event.delta), self._chunk_bytes):
            chunk = event.delta[start : start + self._chunk_bytes]
            speaking.n_bytes += len(chunk)
            self._playback.said(event.item_id, self._format.bytes_to_ms(speaking.n_bytes))
            commands += self._play(self._to_caller.feed(chunk), event.item_id, now)
        return commands

    def finish(self, now: float) -> list[Command]:
        """Send what the filter holds of the item that was passing through it."""
        speaking, self.speaking = self.speaking, None
        if speaking is None:
            return []
        commands = self._play(self._to_caller.flush(), speaking.item_id, now)
        self._playback.finished(speaking.item_id)
        return commands

    def runaway(self, now: float) -> Speaking | None:
        """The item that is passing through, if far too much waits at Twilio."""
        playback = self._playback
        is_one = playback.unheard_ms(now) > MAX_UNHEARD_MS or playback.n_pending_marks > MAX_PENDING_MARKS
        return self.speaking if is_one else None

    def drop(self) -> None:
        """Forget the item that was passing through."""
        self.speaking = None
        self._to_caller.reset()

    def say(self, payload: bytes, item_id: str, now: float) -> list[Command]:
        """Send audio of our own, mu-law; an item whose audio is coming goes on behind it."""
        chunk_bytes = MARK_SPACING_MS * SAMPLES_PER_MS
        chunks = [payload[start : start + chunk_bytes] for start in range(0, len(payload), chunk_bytes)]
        return [command for chunk in chunks for command in self._play(chunk, item_id, now)]

    def _play(self, payload: bytes, item_id: str, now: float) -> list[Command]:
        if not payload:
            return []
        kept = payload if self._keeps else b""
        return [PlayAudio(payload, self._playback.sent(item_id, len(payload), now, kept))]
