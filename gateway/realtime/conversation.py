"""What has been said in a session, built from the server's events. No I/O."""

from collections.abc import Callable
from typing import Any, ClassVar

from gateway.realtime.caller_speech import CallerSpeech
from gateway.realtime.events import (
    ArgumentsDelta,
    ArgumentsDone,
    AudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    ContentPartAdded,
    ContentPartDone,
    InputCommitted,
    InputTimedOut,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemState,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
    convert_event,
)
from gateway.realtime.item_list import MAX_EARLY, MAX_ITEMS, ItemList
from gateway.realtime.items import (
    FINAL,
    MAX_ITEM_TEXT,
    MAX_PARTS,
    NOTHING,
    Change,
    Delta,
    Formatted,
    FormattedTool,
    Item,
    Part,
    whole_ms,
)
from gateway.realtime.responses import Response, Responses
from gateway.realtime.usage import TokenUsage, TranscriptionUsage
from voice_codecs import PCM16_24K, AudioFormat

__all__ = [
    "MAX_EARLY",
    "MAX_ITEMS",
    "MAX_ITEM_TEXT",
    "MAX_PARTS",
    "Delta",
    "Formatted",
    "FormattedTool",
    "Item",
    "Part",
    "RealtimeConversation",
    "Response",
    "TokenUsage",
    "TranscriptionUsage",
]


class RealtimeConversation:
    """The items of a conversation, in its order, over one session or several.

    Events may come early, late, twice or not at all. What the model makes for an item that is not known creates
    the item; what is known of the caller's speech waits for its item; an event without an item id, or about a
    deleted item, is let pass. Nothing is shared with the events. Audio is counted, and kept only with
    ``keep_audio``: the latest 16 MiB of it. At most 1000 items are kept, the oldest are forgotten.
    """

    def __init__(
        self,
        *,
        keep_audio: bool = False,
        input_format: AudioFormat = PCM16_24K,
        output_format: AudioFormat = PCM16_24K,
    ) -> None:
        self._keep_audio = keep_audio
        self._input_format = input_format
        self._output_format = output_format
        self._items = ItemList(-1)
        self.clear()

    def clear(self) -> bool:
        """Forget everything; events of the session until now belong to an older generation."""
        self.usage = TokenUsage()
        """Tokens of all responses so far, each response counted once."""
        self._items = ItemList(self.generation + 1)
        self._caller = CallerSpeech(self._items, self._input_format, keep_audio=self._keep_audio)
        self._responses = Responses()
        return True

    @property
    def generation(self) -> int:
        """The number of the present session."""
        return self._items.generation

    @property
    def transcription_usage(self) -> TranscriptionUsage:
        """What recognising the caller took so far, each transcript counted once."""
        return self._caller.usage

    def begin_session(self) -> int:
        """Go on in a new session, on a new socket; return its generation.

        What was being made ends incomplete, what waited for its item is dropped, and input audio counts from 0.
        """
        self._items.begin_session()
        self._caller.begin_session()
        self._responses.end_session()
        return self.generation

    def move_to_end(self, item_id: str) -> None:
        """Let an item be the last: it was created again, behind all others."""
        self._items.move_to_end(item_id)

    def get_item(self, item_id: str) -> Item | None:
        """The item of that id, if there is one."""
        return self._items.get(item_id)

    def get_spoken_message(self, item_id: str) -> Item:
        """The assistant's message of that id, of which there is sound.

        Raises:
            LookupError: there is none; the words are those of the published contract.
        """
        item = self.get_item(item_id)
        if item is None:
            raise LookupError(f'Could not find item "{item_id}"')
        if item.type != "message":
            raise LookupError('Can only cancelResponse messages with type "message"')
        if item.role != "assistant":
            raise LookupError('Can only cancelResponse messages with role "assistant"')
        if not item.formatted.audio_ms:
            raise LookupError("Could not find audio on item to cancel")
        return item

    def get_items(self) -> list[Item]:
        """All items, in the order of the conversation; without those of out-of-band responses."""
        return [item for item in self._items if not item.out_of_band]

    def get_response(self, response_id: str) -> Response | None:
        """The response of that id, if it is one of the latest 64."""
        return self._responses.get(response_id)

    def queue_input_audio(self, audio: bytes) -> bytes:
        """Hold the audio of a manual commit for the next user item with audio; return it."""
        self._caller.queue(audio)
        return audio

    def append_input_audio(self, audio: bytes | bytearray | memoryview) -> None:
        """Account for caller audio that was sent to the server, in the input format."""
        self._caller.input.append(audio)

    def process_event(
        self, event: ServerEvent | Unknown | dict[str, Any], *, generation: int | None = None
    ) -> Change:
        """Apply a server event; return the item it was about and what it added, if anything.

        Args:
            event: typed, or a dict as the server wrote it.
            generation: the session it came from; what comes from an earlier one is let pass.

        Raises:
            RemoteProtocolError: the event is a dict and is not a server event.
        """
        if isinstance(event, dict):
            event = convert_event(event)
        if generation is not None and generation != self.generation:
            return NOTHING
        kind = type(event)
        if kind in self._caller_steps:
            return self._caller_steps[kind](self._caller, event)
        step = self._steps.get(kind) or self._steps.get(kind.__base__)  # the base of an older name
        return NOTHING if step is None else step(self, event)

    # --- What the model makes ---

    def _audio_delta(self, event: AudioDelta) -> Change:
        item = self._made(event.item_id, event.response_id)
        if item is None or item.heard_ms is not None:
            return NOTHING  # nobody will hear what comes after a cut
        item.part(event.content_index, "output_audio")
        n_bytes = item.formatted.n_audio_bytes + len(event.delta)
        item.formatted.count_audio(n_bytes, self._output_format)
        if self._keep_audio:
            self._items.kept.add(item, event.delta)
        return item, Delta(audio=event.delta)

    def _transcript_delta(self, event: TranscriptDelta) -> Change:
        item = self._made(event.item_id, event.response_id)
        if item is None:
            return NOTHING
        item.add_transcript(item.part(event.content_index, "output_audio"), event.delta)
        return item, Delta(transcript=event.delta)

    def _text_delta(self, event: TextDelta) -> Change:
        item = self._made(event.item_id, event.response_id)
        if item is None:
            return NOTHING
        item.add_text(item.part(event.content_index, "output_text"), event.delta)
        return item, Delta(text=event.delta)

    def _arguments_delta(self, event: ArgumentsDelta) -> Change:
        item = self._made(event.item_id, event.response_id, "function_call")
        if item is None or item.type != "function_call":
            return NOTHING
        item.add_arguments(item.call(call_id=event.call_id), event.delta)
        return item, Delta(arguments=event.delta)

    def _arguments_done(self, event: ArgumentsDone) -> Change:
        item = self._made(event.item_id, event.response_id, "function_call")
        if item is None or item.type != "function_call":
            return NOTHING
        item.call(event.name, event.call_id, event.arguments)
        return item, None

    def _text_done(self, event: TranscriptDone | TextDone) -> Change:
        item = self._made(event.item_id, event.response_id)
        if item is None:
            return NOTHING
        if isinstance(event, TextDone):
            item.settle(item.part(event.content_index, "output_text"), event.text, None)
        else:
            item.settle(item.part(event.content_index, "output_audio"), None, event.transcript)
        return item, None

    def _content_part(self, event: ContentPartAdded | ContentPartDone) -> Change:
        item = self._made(event.item_id, event.response_id)
        if item is not None:
            part = item.part(event.content_index)
            item.retype(part, event.part.type)
            item.settle(part, event.part.text, event.part.transcript)
        return NOTHING

    def _made(self, item_id: str, response_id: str, kind: str = "message") -> Item | None:
        """The item for which the model made something, created if need be."""
        item = self._items.get(item_id)
        if item is None:
            item = self._items.insert(item_id)
            if item is None:
                return None
            item.type, item.role = kind, "assistant" if kind == "message" else None
        elif item.generation != self._items.generation:
            return None
        self._join_response(item, response_id)
        return item

    def _join_response(self, item: Item, response_id: str) -> None:
        if response_id and item.response_id != response_id:
            response = self._responses.take(response_id)
            response.add_item(item.id)
            item.response_id = response_id
            item.out_of_band = response.out_of_band and not self._items.is_announced(item)

    # --- Items as the server describes them ---

    def _item_added(self, event: ItemAdded) -> Change:
        self._items.readmit(event.item.id)
        return self._announce(event, final=False), None

    def _item_done(self, event: ItemDone) -> Change:
        return self._announce(event, final=True), None

    def _announce(self, event: ItemAdded | ItemDone, *, final: bool) -> Item | None:
        item = self._describe(event.item, final=final)
        if item is not None:
            item.out_of_band = False
            if self._items.place(item, event.previous_item_id):
                self._caller.give_queued(item)
        return item

    def _output_item_added(self, event: OutputItemAdded) -> Change:
        item = self._describe(event.item, final=False)
        if item is not None:
            self._join_response(item, event.response_id)
        return NOTHING

    def _output_item_done(self, event: OutputItemDone) -> Change:
        item = self._describe(event.item, final=True)
        if item is not None:
            self._join_response(item, event.response_id)
        return item, None

    def _describe(self, state: ItemState, *, final: bool) -> Item | None:
        item = self._items.get(state.id)
        if item is None:
            item = self._items.insert(state.id)
            if item is None:
                return None
        elif item.generation != self._items.generation:
            item.generation, item.taken_over = self._items.generation, True
        if not item.taken_over:  # else the server has it from us, and we know more
            item.describe(state, final=final)
        return item

    def _item_truncated(self, event: ItemTruncated) -> Change:
        item = self._items.get(event.item_id)
        if item is None:
            return NOTHING
        item.said_ms = max(item.said_ms or 0, item.formatted.audio_ms)
        item.heard_ms = whole_ms(event.audio_end_ms)
        n_bytes = min(item.formatted.n_audio_bytes, self._output_format.ms_to_bytes(item.heard_ms))
        item.formatted.count_audio(n_bytes, self._output_format)
        self._items.kept.cut(item, n_bytes)
        return item, None

    def _item_deleted(self, event: ItemDeleted) -> Change:
        return self._items.forget(event.item_id), None

    # --- Responses ---

    def _response_created(self, event: ResponseCreated) -> Change:
        self._responses.take(event.response.id).update(event.response)
        return NOTHING

    def _response_done(self, event: ResponseDone) -> Change:
        response = self._responses.take(event.response.id)
        response.finish(event.response)
        if event.response.usage is not None and response.usage is None:
            response.usage = TokenUsage.of(event.response.usage)
            self.usage += response.usage
        for state in event.response.output or ():
            self._finish(state.id, response, state)
        for item_id in response.item_ids:
            self._finish(item_id, response, None)
        return NOTHING

    def _finish(self, item_id: str, response: Response, state: ItemState | None) -> None:
        """End an item of a response that is done, if its own end did not come."""
        item = self._items.get(item_id)
        if item is None or item.is_final or item.generation != self._items.generation:
            return
        if state is not None:
            item.describe(state, final=True)
        if state is None or state.status not in FINAL:
            item.status = "completed" if response.status == "completed" else "incomplete"

    _steps: ClassVar[dict[type | None, Callable[..., Change]]] = {
        AudioDelta: _audio_delta,
        TranscriptDelta: _transcript_delta,
        TextDelta: _text_delta,
        ArgumentsDelta: _arguments_delta,
        ArgumentsDone: _arguments_done,
        TranscriptDone: _text_done,
        TextDone: _text_done,
        ContentPartAdded: _content_part,
        ContentPartDone: _content_part,
        ItemAdded: _item_added,
        ItemDone: _item_done,
        ItemTruncated: _item_truncated,
        ItemDeleted: _item_deleted,
        OutputItemAdded: _output_item_added,
        OutputItemDone: _output_item_done,
        ResponseCreated: _response_created,
        ResponseDone: _response_done,
    }
    _caller_steps: ClassVar[dict[type, Callable[..., Change]]] = {
        CallerTranscriptDelta: CallerSpeech.delta,
        CallerTranscriptUpdated: CallerSpeech.updated,
        CallerTranscript: CallerSpeech.transcript,
        CallerTranscriptFailed: CallerSpeech.failed,
        SpeechStarted: CallerSpeech.started,
        SpeechStopped: CallerSpeech.stopped,
        InputTimedOut: CallerSpeech.timed_out,
        InputCommitted: CallerSpeech.committed,
    }
