"""The caller's side of a session: audio becomes turns, turns become user items, items get their words."""

from collections.abc import Iterator

import msgspec

from gateway.local_realtime import server_events
from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.conversation import Conversation, Item
from gateway.local_realtime.formats import Samples
from gateway.local_realtime.ids import Ids
from gateway.local_realtime.input_buffer import InputBuffer
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.turns import SpeechStarted, SpeechStopped


class Recognition(msgspec.Struct, frozen=True):
    """Caller audio whose words are wanted."""

    item_id: str
    samples: Samples
    """PCM16, shape (n,) at 8 kHz."""

    @property
    def seconds(self) -> float:
        """The audio's duration."""
        return self.samples.size / 8000


class TurnBegan(msgspec.Struct, frozen=True):
    """The caller speaks."""

    events: list[Event]


class TurnEnded(msgspec.Struct, frozen=True):
    """The caller's turn is in the conversation."""

    events: list[Event]


class CallerTurns:
    """Hears the caller. ``recognises`` says that somebody takes the recognitions away."""

    def __init__(
        self, configuration: Configuration, conversation: Conversation, ids: Ids, *, recognises: bool
    ) -> None:
        self._configuration = configuration
        self._conversation = conversation
        self._ids = ids
        self._recognises = recognises
        self._recognitions: list[Recognition] = []
        self._buffer = InputBuffer(configuration.input_format, remembers=recognises)
        self._item_id: str | None = None
        """The item that the turn in progress will become."""

    @property
    def has_unheard(self) -> bool:
        """Whether appended audio is waiting for `hear`."""
        return self._buffer.has_unheard

    def append(self, payload: bytes) -> None:
        """Take caller audio in the session's format, to be heard."""
        self._buffer.append(payload)

    def hear(self) -> Iterator[TurnBegan | TurnEnded]:
        """Listen to a second at most of what is waiting."""
        yield from self._turns(self._buffer.hear(self._configuration.turn_settings))

    def configure(self, configuration: Configuration) -> Iterator[TurnBegan | TurnEnded]:
        """Go on with other settings; a new format may bring the end of a turn to light."""
        settings = self._configuration.turn_settings
        yield from self._turns(self._buffer.change_format(configuration.input_format, settings))
        self._configuration = configuration
        if configuration.turn_settings is None:
            self._buffer.forget_turn()
            self._item_id = None

    def commit(self) -> list[Event]:
        """Make an item of all audio since the last one.

        Raises:
            ClientEventError: there is too little of it.
        """
        return self._commit(self._buffer.commit())

    def clear(self) -> list[Event]:
        """Forget all audio since the last item."""
        self._buffer.clear()
        self._item_id = None
        return [{"type": "input_audio_buffer.cleared"}]

    def take_recognitions(self) -> list[Recognition]:
        """Give the recognitions that are wanted since the last call."""
        wanted, self._recognitions = self._recognitions, []
        return wanted

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
        start_ms, end_ms = span
        item_id = self._item_id or self._ids.new("item")
        self._item_id = None
        state = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        before = self._conversation.add(Item(state, end_ms - start_ms))
        return [
            server_events.committed(item_id, before),
            server_events.item_added(state, before),
            server_events.item_done(state, before),
            *self._transcribe(item_id, span),
        ]

    def _transcribe(self, item_id: str, span: tuple[int, int]) -> list[Event]:
        if not self._configuration.transcribes:
            return []
        if self._recognises:
            self._recognitions.append(Recognition(item_id, self._buffer.recall(*span)))
            return []
        message = "This server has no speech recognition installed."
        return [server_events.transcription_failed(item_id, "recognition_unavailable", message)]
