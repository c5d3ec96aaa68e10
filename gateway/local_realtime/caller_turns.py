"""The caller's side of a session: audio becomes turns, turns become user items, items get their words."""

from collections.abc import Iterator

import msgspec

from gateway.local_realtime import server_events
from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.conversation import Conversation, Item
from gateway.local_realtime.ids import Ids
from gateway.local_realtime.input_buffer import InputBuffer
from gateway.local_realtime.recognitions import Recognitions
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.turns import SpeechStarted, SpeechStopped


class TurnBegan(msgspec.Struct, frozen=True):
    """The caller speaks."""

    events: list[Event]


class TurnEnded(msgspec.Struct, frozen=True):
    """The caller's turn is in the conversation."""

    events: list[Event]


class CallerTurns:
    """Hears the caller, and has the words recognised."""

    def __init__(
        self, configuration: Configuration, conversation: Conversation, ids: Ids, recognitions: Recognitions
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._ids = ids
        self._recognitions = recognitions
        self._buffer = InputBuffer(configuration.input_format, remembers=recognitions.possible)
        self._item_id: str | None = None
        """The item that the turn in progress will become."""

    @property
    def has_unheard(self) -> bool:
        """Whether appended audio is waiting for `hear`."""
        return self._buffer.has_unheard

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking."""
        return self._buffer.speaking

    def append(self, payload: bytes) -> None:
        """Take caller audio in the session's format, to be heard."""
        self._buffer.append(payload)

    def hear(self) -> Iterator[TurnBegan | TurnEnded]:
        """Listen to a second at most of what is waiting."""
        yield from self._turns(self._buffer.hear(self._configuration.turn_settings))
        if self._item_id is not None and self.speaking and self._configuration.transcribes:
            self._recognitions.grow(self._item_id, self._buffer.span, self._buffer.recall)

    def configure(self, configuration: Configuration) -> Iterator[TurnBegan | TurnEnded]:
        """Go on with other settings; a new format may bring the end of a turn to light."""
        settings = self._configuration.turn_settings
        yield from self._turns(self._buffer.change_format(configuration.input_format, settings))
        self._configuration = configuration
        if configuration.turn_settings is None:
            self._buffer.forget_turn()
        if configuration.turn_settings is None or not configuration.transcribes:
            self._recognitions.forget_growing()

    def commit(self) -> list[Event]:
        """Make an item of all audio since the last one.

        Raises:
            ClientEventError: there is too little of it.
        """
        return self._commit(self._buffer.commit())

    def commit_silence(self) -> list[Event]:
        """Make an item of the silence since the last one, because it lasts too long."""
        span = self._buffer.take_all()
        item_id = self._ids.new("item")
        item = _user_item(item_id, span)
        item.is_silence = True
        return [server_events.timeout_triggered(item_id, *span), *self._add(item)]

    def clear(self) -> list[Event]:
        """Forget all audio since the last item."""
        self._buffer.clear()
        self._item_id = None
        self._recognitions.forget_growing()
        return [{"type": "input_audio_buffer.cleared"}]

    def _turns(self, turns: Iterator[SpeechStarted | SpeechStopped]) -> Iterator[TurnBegan | TurnEnded]:
        for turn in turns:
            item_id = self._item_id = self._item_id or self._ids.new("item")
            match turn:
                case SpeechStarted(audio_start_ms):
                    yield TurnBegan([server_events.speech_started(item_id, audio_start_ms)])
                case SpeechStopped(audio_end_ms):
                    stopped = server_events.speech_stopped(item_id, audio_end_ms)
                    yield TurnEnded([stopped, *self._commit(self._buffer.end_turn(audio_end_ms))])

    def _commit(self, span: tuple[int, int]) -> list[Event]:
        item = _user_item(self._item_id or self._ids.new("item"), span)
        self._item_id = None
        wanted = self._configuration.transcribes
        return [*self._add(item), *self._recognitions.ask(item, self._buffer.recall(*span), tell=wanted)]

    def _add(self, item: Item) -> list[Event]:
        before = self._conversation.put(item)
        return [
            server_events.committed(item.item_id, before),
            server_events.item_added(item.state, before),
            server_events.item_done(item.state, before),
        ]


def _user_item(item_id: str, span: tuple[int, int]) -> Item:
    start_ms, end_ms = span
    state = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    return Item(state, end_ms - start_ms)
