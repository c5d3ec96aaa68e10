"""What has been said in a session, built from the server's events. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from gateway.realtime.events import (
    ArgumentsDelta,
    AudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    ContentPart,
    ItemAdded,
    ItemCreated,
    ItemDeleted,
    ItemDone,
    ItemState,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
    Usage,
    convert_event,
)

BYTES_PER_MS = 48
"""PCM16 at 24 kHz."""
MAX_ITEMS = 1000
MAX_ITEM_TEXT = 256 * 1024
"""Characters kept of one item's transcript, text or arguments."""


@dataclass
class Formatted:
    """An item in the form applications want it."""

    transcript: str = ""
    text: str = ""
    arguments: str = ""
    output: str = ""
    n_audio_bytes: int = 0
    audio: bytearray = field(default_factory=bytearray, repr=False)
    """PCM16 24 kHz, kept only if the conversation was told to."""

    @property
    def audio_ms(self) -> int:
        """Duration of the audio received for this item, up to where it was truncated."""
        return self.n_audio_bytes // BYTES_PER_MS


@dataclass
class Item:
    """One entry of the conversation: a message, a function call or its output."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str = "in_progress"
    """``in_progress``, ``completed`` or ``incomplete``."""
    name: str | None = None
    call_id: str | None = None
    formatted: Formatted = field(default_factory=Formatted)
    audio_start_ms: int | None = None
    """Where the caller's speech began in the session's input audio."""
    audio_end_ms: int | None = None


@dataclass(frozen=True)
class Delta:
    """What an event added to an item: exactly one of these."""

    audio: bytes | None = field(default=None, repr=False)
    transcript: str | None = None
    text: str | None = None
    arguments: str | None = None


class RealtimeConversation:
    """The items of a conversation, in its order.

    Events may come early, late, twice or not at all: a transcript before its item is kept for it, an event about
    an item that is not known creates it, and one that does not change anything is let pass. Audio is counted, and
    kept only with ``keep_audio``. At most 1000 items are kept, the oldest are forgotten.
    """

    def __init__(self, *, keep_audio: bool = False) -> None:
        self._keep_audio = keep_audio
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self.usage = Usage()
        """Tokens of all responses so far."""

    def get_item(self, item_id: str) -> Item | None:
        """The item of that id, if there is one."""
        return self._items.get(item_id)

    def get_items(self) -> list[Item]:
        """All items, in the order of the conversation."""
        return [self._items[item_id] for item_id in self._order]

    def process_event(
        self, event: ServerEvent | Unknown | dict[str, Any]
    ) -> tuple[Item | None, Delta | None]:
        """Apply a server event; return the item it was about and what it added, if anything.

        Raises:
            RemoteProtocolError: the event is a dict and is not a server event.
        """
        if isinstance(event, dict):
            event = convert_event(event)
        match event:
            case AudioDelta(item_id=item_id, delta=audio):
                return self._add_audio(self._item(item_id), audio)
            case (
                TranscriptDelta(item_id=item_id, delta=text)
                | CallerTranscriptDelta(item_id=item_id, delta=text)
            ):
                formatted = self._item(item_id).formatted
                formatted.transcript = _joined(formatted.transcript, text)
                return self._items[item_id], Delta(transcript=text)
            case TextDelta(item_id=item_id, delta=text):
                formatted = self._item(item_id).formatted
                formatted.text = _joined(formatted.text, text)
                return self._items[item_id], Delta(text=text)
            case ArgumentsDelta(item_id=item_id, delta=text):
                formatted = self._item(item_id).formatted
                formatted.arguments = _joined(formatted.arguments, text)
                return self._items[item_id], Delta(arguments=text)
            case _:
                return self._process_whole(event)

    def _process_whole(self, event: ServerEvent | Unknown) -> tuple[Item | None, Delta | None]:
        """Apply an event that says how something is, rather than what was added."""
        match event:
            case ItemAdded() | ItemCreated() | ItemDone():
                return self._describe(event.item, event.previous_item_id), None
            case OutputItemAdded() | OutputItemDone():
                return self._describe(event.item, None), None
            case TranscriptDone() | CallerTranscript() | TextDone():
                return self._finish_text(event)
            case SpeechStarted(item_id=item_id, audio_start_ms=ms) if item_id:
                self._item(item_id, role="user").audio_start_ms = ms
            case SpeechStopped(item_id=item_id, audio_end_ms=ms) if item_id:
                self._item(item_id, role="user").audio_end_ms = ms
            case ItemTruncated(item_id=item_id, audio_end_ms=ms):
                return self._truncate(self._items.get(item_id), ms), None
            case ItemDeleted(item_id=item_id):
                return self._forget(item_id), None
            case ResponseDone(response=response) if response.usage is not None:
                self._add_usage(response.usage)
            case _:
                pass
        return None, None

    def _finish_text(self, event: TranscriptDone | CallerTranscript | TextDone) -> tuple[Item, Delta | None]:
        """Take a whole text, which replaces what its deltas gave."""
        item = self._item(event.item_id, role="user" if isinstance(event, CallerTranscript) else "assistant")
        if isinstance(event, TextDone):
            item.formatted.text = event.text[:MAX_ITEM_TEXT]
            return item, None
        item.formatted.transcript = event.transcript[:MAX_ITEM_TEXT]
        return item, Delta(transcript=event.transcript) if isinstance(event, CallerTranscript) else None

    def _add_audio(self, item: Item, audio: bytes) -> tuple[Item, Delta]:
        item.formatted.n_audio_bytes += len(audio)
        if self._keep_audio:
            item.formatted.audio += audio
        return item, Delta(audio=audio)

    def _item(self, item_id: str, *, role: str = "assistant") -> Item:
        item = self._items.get(item_id)
        return item if item is not None else self._insert(Item(item_id, role=role), None)

    def _insert(self, item: Item, previous_item_id: str | None) -> Item:
        self._items[item.id] = item
        if previous_item_id in self._items:
            self._order.insert(self._order.index(previous_item_id) + 1, item.id)
        else:
            self._order.append(item.id)
        if len(self._order) > MAX_ITEMS:
            del self._items[self._order.pop(0)]
        return item

    def _describe(self, state: ItemState, previous_item_id: str | None) -> Item:
        item = self._items.get(state.id)
        if item is None:
            item = self._insert(Item(state.id), previous_item_id)
        item.type, item.name, item.call_id = (
            state.type,
            state.name or item.name,
            state.call_id or item.call_id,
        )
        item.role = state.role or (item.role if state.type == "message" else None)
        item.status = state.status or item.status
        formatted = item.formatted
        formatted.arguments = (state.arguments or formatted.arguments)[:MAX_ITEM_TEXT]
        formatted.output = (state.output or formatted.output)[:MAX_ITEM_TEXT]
        formatted.text = _content(state.content, "text") or formatted.text
        formatted.transcript = _content(state.content, "transcript") or formatted.transcript
        return item

    def _truncate(self, item: Item | None, audio_end_ms: int) -> Item | None:
        """Cut an item's audio. Its transcript stays: only the playback knows how much of it was heard."""
        if item is not None:
            n_bytes = max(0, audio_end_ms) * BYTES_PER_MS
            item.formatted.n_audio_bytes = min(item.formatted.n_audio_bytes, n_bytes)
            del item.formatted.audio[n_bytes:]
        return item

    def _forget(self, item_id: str) -> Item | None:
        item = self._items.pop(item_id, None)
        if item is not None:
            self._order.remove(item_id)
        return item

    def _add_usage(self, usage: Usage) -> None:
        self.usage = Usage(
            self.usage.total_tokens + usage.total_tokens,
            self.usage.input_tokens + usage.input_tokens,
            self.usage.output_tokens + usage.output_tokens,
        )


def _joined(text: str, more: str) -> str:
    return text + more if len(text) < MAX_ITEM_TEXT else text


def _content(parts: list[ContentPart], field_name: str) -> str:
    return "".join(getattr(part, field_name) or "" for part in parts)[:MAX_ITEM_TEXT]
