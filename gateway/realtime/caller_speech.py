"""What the caller said: speech, its audio and its transcript, which all come apart from their item."""

from collections import deque

from gateway.realtime.events import (
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    InputCommitted,
    InputTimedOut,
    RecognitionUsage,
    SpeechStarted,
    SpeechStopped,
)
from gateway.realtime.input_audio import InputAudio
from gateway.realtime.item_list import ItemList, remember
from gateway.realtime.items import NOTHING, Change, Delta, Item, whole_ms
from gateway.realtime.usage import TranscriptionUsage
from voice_codecs import AudioFormat

MAX_QUEUED_AUDIO = 4
"""Manual commits whose items are still to come."""


class CallerSpeech:
    """Brings the caller's speech and transcripts to their items, before or after these are announced."""

    def __init__(self, items: ItemList, audio_format: AudioFormat, *, keep_audio: bool) -> None:
        self.usage = TranscriptionUsage()
        self.input = InputAudio(audio_format, keep=keep_audio)
        self._items = items
        self._format = audio_format
        self._keep_audio = keep_audio
        self._recognised: dict[tuple[str, int], None] = {}
        self._queued: deque[bytes | int] = deque(maxlen=MAX_QUEUED_AUDIO)

    def begin_session(self) -> None:
        """Count input audio from 0 again; what was committed in the old session gets no item any more."""
        self._queued.clear()
        self.input.restart()

    def queue(self, audio: bytes) -> None:
        """Hold the audio of a manual commit for its item."""
        self._queued.append(bytes(audio) if self._keep_audio else len(audio))
        self.input.trim(self.input.duration_ms)

    def give_queued(self, item: Item) -> None:
        """Give queued audio to a user item that was just announced, unless it was typed or detected."""
        typed = bool(item.content) and all(part.type == "input_text" for part in item.content)
        if item.role == "user" and self._queued and not typed and item.audio_end_ms is None:
            audio = self._queued.popleft()
            if isinstance(audio, int):
                self._give(item, audio, b"")
            else:
                self._give(item, len(audio), audio)

    def delta(self, event: CallerTranscriptDelta) -> Change:
        """Take more of a transcript; after its end there is no more."""
        item = self._items.caller_item(event.item_id)
        if item is None or item.transcribed or not event.delta:
            return NOTHING
        item.add_transcript(item.part(event.content_index, "input_audio"), event.delta)
        return self._if_announced(item, Delta(transcript=event.delta))

    def updated(self, event: CallerTranscriptUpdated) -> Change:
        """Take all of a transcript so far; the delta is what was added, None if it was rewritten."""
        item = self._items.caller_item(event.item_id)
        if item is None:
            return NOTHING
        part = item.part(event.content_index, "input_audio")
        known, whole = part.transcript, event.transcript
        item.set_transcript(part, whole)
        grew = whole.startswith(known) and whole != known
        return self._if_announced(item, Delta(transcript=whole[len(known) :]) if grew else None)

    def transcript(self, event: CallerTranscript) -> Change:
        """Take a final transcript; a later one replaces it, and is not counted again."""
        if event.usage is not None:
            self._count(event, event.usage)
        item = self._items.caller_item(event.item_id)
        if item is None:
            return NOTHING
        item.set_transcript(item.part(event.content_index, "input_audio"), event.transcript)
        item.transcribed, item.transcription_error = True, None
        return self._if_announced(item, Delta(transcript=event.transcript))

    def failed(self, event: CallerTranscriptFailed) -> Change:
        """Take the news that there is no transcript."""
        item = self._items.caller_item(event.item_id)
        if item is None:
            return NOTHING
        error = event.error
        reason = (error.code or error.type or error.message) if error else ""
        item.transcription_error = reason[:200] or "unknown"
        return self._if_announced(item, None)

    def started(self, event: SpeechStarted) -> Change:
        """Take the beginning of speech."""
        return self._span(event.item_id, event.audio_start_ms, None)

    def stopped(self, event: SpeechStopped) -> Change:
        """Take the end of speech; without a beginning it is empty."""
        return self._span(event.item_id, None, event.audio_end_ms)

    def timed_out(self, event: InputTimedOut) -> Change:
        """Take a silence that becomes an item."""
        return self._span(event.item_id, event.audio_start_ms, event.audio_end_ms)

    def committed(self, event: InputCommitted) -> Change:
        """Let go of input audio that belongs to an item now."""
        item = self._items.find(event.item_id)
        if item is not None and item.audio_end_ms is not None:
            self.input.trim(item.audio_end_ms)
        return NOTHING

    def _span(self, item_id: str, start_ms: float | None, end_ms: float | None) -> Change:
        item = self._items.caller_item(item_id)
        if item is None:
            return NOTHING
        if end_ms is not None:
            item.audio_end_ms = whole_ms(end_ms)
        if start_ms is not None:
            item.audio_start_ms = whole_ms(start_ms)
        elif item.audio_start_ms is None:
            item.audio_start_ms = item.audio_end_ms
        if item.audio_start_ms is not None and item.audio_end_ms is not None:
            span = item.audio_start_ms, item.audio_end_ms
            self._give(item, self.input.count_between(*span), self.input.between(*span))
        return NOTHING

    def _give(self, item: Item, n_bytes: int, audio: bytes) -> None:
        item.formatted.count_audio(n_bytes, self._format)
        self._items.kept.cut(item, 0)
        if audio:
            self._items.kept.add(item, audio)

    def _count(self, event: CallerTranscript, usage: RecognitionUsage) -> None:
        key = event.item_id, event.content_index
        if event.item_id and key in self._recognised:
            return
        remember(self._recognised, key)
        self.usage += usage

    def _if_announced(self, item: Item, delta: Delta | None) -> Change:
        return (item, delta) if item in self._items else NOTHING
