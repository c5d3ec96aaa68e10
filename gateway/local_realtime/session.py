"""One session of the embedded server: client events and caller audio in, server events out."""

from collections.abc import Iterable

import numpy as np

from gateway.local_realtime import protocol, server_events
from gateway.local_realtime.caller_turns import CallerTurns, TurnBegan, TurnEnded
from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.conversation import Conversation, Item
from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.formats import CallerAudio, bytes_per_ms
from gateway.local_realtime.hearing import MOST_KEPT_SAMPLES
from gateway.local_realtime.ids import Ids
from gateway.local_realtime.items import audio_bytes, check_content, unwritten_audio, wire_state
from gateway.local_realtime.persona import Persona
from gateway.local_realtime.recognitions import Recognition, Recognitions
from gateway.local_realtime.response import Pace
from gateway.local_realtime.responses import Responses, Speaking
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.session_fields import SessionPatch
from gateway.local_realtime.voice import Voice

SESSION_LIMIT = 3600.0
"""Seconds a session lives, unless it is told otherwise. Source: OpenAI Realtime conversations guide."""
MAX_APPEND_CHARACTERS = 15 * 2**20
"""Of base64, in one append."""


class LocalSession:
    """Sans-I/O session: text and ``now`` in, events out, `next_deadline` says when to call `due`.

    ``token`` makes its ids unique, ``opened_at`` is the Unix time in seconds, ``session_limit`` the seconds it
    lives. Somebody must take what is to be spoken and bring its sound (`spoken`, `not_spoken`); ``recognises`` says
    that somebody takes the recognitions too, and brings the words (`recognised`, `not_recognised`).
    """

    def __init__(
        self,
        *,
        voice: Voice,
        persona: Persona,
        token: str,
        opened_at: float,
        model: str | None,
        pace: Pace | None = None,
        recognises: bool = False,
        session_limit: float = SESSION_LIMIT,
    ) -> None:
        self._ids = Ids(token)
        self.session_id = self._ids.new("sess")
        self.expired = False
        """The session's time is over: everything has been said, and the socket is to be closed."""
        self._session_limit = session_limit
        self._expires_at = int(opened_at + session_limit)
        self._configuration = Configuration.default(model)
        self._conversation = Conversation()
        self._recognitions = Recognitions(possible=recognises)
        self._caller = CallerTurns(self._configuration, self._conversation, self._ids, self._recognitions)
        self._responses = Responses(
            self._conversation, voice, persona, pace or Pace(), self._ids, self._ids.new("conv")
        )

    def start(self, now: float) -> list[Event]:
        """Begin; the first event tells the defaults."""
        self._deadline = now + self._session_limit
        return self._sent([self._session_event("session.created")])

    def receive(self, text: str | bytes, now: float) -> list[Event]:
        """Take one client event; a refused one changes nothing and is answered with an error."""
        events = self._hear(now, all_of_it=True)
        try:
            client_event = protocol.decode_client_event(text)
        except ClientEventError as error:
            return self._sent([*events, server_events.error(error)])
        try:
            events += self._handle(client_event, now)
        except ClientEventError as error:
            error.event_id = client_event.event_id
            events.append(server_events.error(error))
        return self._sent(events)

    @property
    def has_unheard(self) -> bool:
        """Whether appended audio is waiting to be heard by `due`."""
        return self._caller.has_unheard

    def next_deadline(self) -> float:
        """When `due` has something to do; in the past when caller audio is waiting to be heard."""
        if self._caller.has_unheard:
            return 0.0
        deadlines = (self._responses.next_deadline(), self._idle_deadline(), self._deadline)
        return min(deadline for deadline in deadlines if deadline is not None)

    def due(self, now: float) -> list[Event]:
        """Give what has come about by ``now`` without a client event."""
        events = self._responses.due(now) + self._hear(now)
        idle_deadline = self._idle_deadline()
        if idle_deadline is not None and idle_deadline <= now and not self._caller.has_unheard:
            events += self._caller.commit_silence()
            events += self._responses.create(protocol.ResponseParams(), self._configuration, now)
        if now >= self._deadline and not self.expired:
            self.expired = True
            message = f"Your session hit the maximum duration of {self._session_limit / 60:g} minutes."
            events.append(server_events.error_detail("invalid_request_error", "session_expired", message))
        return self._sent(events)

    def take_recognitions(self) -> list[Recognition]:
        """Give the recognitions that are wanted since the last call."""
        return self._recognitions.take()

    def recognised(self, recognition: Recognition, transcript: str) -> list[Event]:
        """Take the words of a recognition."""
        events = self._recognitions.done(recognition, transcript)
        self._responses.proceed()
        return self._sent(events)

    def not_recognised(self, recognition: Recognition, code: str, message: str) -> list[Event]:
        """Take it that the words of a recognition will not be known."""
        events = self._recognitions.failed(recognition, code, message)
        self._responses.proceed()
        return self._sent(events)

    def take_speaking(self) -> list[Speaking]:
        """Give what is to be spoken since the last call."""
        return self._responses.take_speaking()

    def wants_sound(self, response_id: str) -> bool:
        """Whether a response still waits for the sound of its words."""
        return self._responses.running(response_id) is not None

    def spoken(self, response_id: str, pcm16: bytes, now: float) -> list[Event]:
        """Take the sound of a response's next piece, PCM16 at 24 kHz; it is of no use once the response is over."""
        if response := self._responses.running(response_id):
            response.take_sound(pcm16)
        return self._sent(self._responses.due(now))

    def not_spoken(self, response_id: str, message: str) -> list[Event]:
        """Take it that a piece cannot be spoken."""
        return self._sent(self._responses.fail(response_id, message))

    def _handle(self, event: protocol.ClientEvent, now: float) -> list[Event]:
        """Do what the client wants; a ClientEventError means that nothing was done."""
        match event:
            case protocol.SessionUpdate():
                return self._update(event.session, now)
            case protocol.CreateResponse():
                return self._responses.create(event.response, self._configuration, now)
            case protocol.CancelResponse():
                return self._responses.cancel(event.response_id)
            case (
                protocol.CreateItem()
                | protocol.RetrieveItem()
                | protocol.TruncateItem()
                | protocol.DeleteItem()
            ):
                return self._handle_item(event)
            case _:
                return self._handle_audio(event, now)

    def _handle_audio(
        self,
        event: protocol.AppendAudio | protocol.CommitAudio | protocol.ClearInput | protocol.ClearOutput,
        now: float,
    ) -> list[Event]:
        match event:
            case protocol.AppendAudio(audio=audio):
                return self._append(audio, now)
            case protocol.CommitAudio():
                return self._caller.commit()
            case protocol.ClearInput():
                return self._caller.clear()
            case protocol.ClearOutput():
                raise ClientEventError("There is no output buffer on a WebSocket connection.", param="type")

    def _handle_item(
        self,
        event: protocol.CreateItem | protocol.RetrieveItem | protocol.TruncateItem | protocol.DeleteItem,
    ) -> list[Event]:
        match event:
            case protocol.CreateItem():
                return self._create_item(event)
            case protocol.RetrieveItem(item_id=item_id):
                item = self._item(item_id, "item_retrieve_invalid_item_id")
                return [{"type": "conversation.item.retrieved", "item": item.state}]
            case protocol.TruncateItem(item_id=item_id, audio_end_ms=audio_end_ms):
                self._item(item_id, "invalid_value").truncate(audio_end_ms)
                return [server_events.item_truncated(item_id, audio_end_ms)]
            case protocol.DeleteItem(item_id=item_id):
                self._item(item_id, "item_delete_invalid_item_id")
                self._conversation.remove(item_id)
                return [{"type": "conversation.item.deleted", "item_id": item_id}]

    def _update(self, patch: SessionPatch, now: float) -> list[Event]:
        updated = self._configuration.updated(patch, voice_locked=self._responses.voice_locked)
        events = self._turn_events(self._caller.configure(updated), now)
        if (
            updated.turn_settings != self._configuration.turn_settings
            and self._responses.quiet_at is not None
        ):
            self._responses.quiet_at = max(self._responses.quiet_at, now)
        self._configuration = updated
        return [*events, self._session_event("session.updated")]

    def _append(self, audio: bytes, now: float) -> list[Event]:
        if len(audio) * 4 // 3 > MAX_APPEND_CHARACTERS:
            raise ClientEventError("The audio of one event may have 15 MiB at most.", param="audio")
        self._caller.append(audio)
        return self._hear(now)

    def _create_item(self, event: protocol.CreateItem) -> list[Event]:
        check_content(event.item, "item")
        state = wire_state(event.item, event.item.id or self._ids.new("item"))
        payload = unwritten_audio(event.item)
        audio_ms = audio_bytes(event.item) // bytes_per_ms(self._configuration.input_format)
        item = Item(state, audio_ms)
        before = self._conversation.add(item, event.previous_item_id)
        if payload and self._recognitions.possible:
            audio = CallerAudio(self._configuration.input_format)
            samples = np.concatenate([audio.feed(payload), audio.flush()])[-MOST_KEPT_SAMPLES:]
            self._recognitions.ask(item, samples, tell=False)
        return [server_events.item_added(state, before), server_events.item_done(state, before)]

    def _hear(self, now: float, *, all_of_it: bool = False) -> list[Event]:
        """Listen to a second of the waiting audio, or to all of it."""
        events: list[Event] = []
        while self._caller.has_unheard:
            events += self._turn_events(self._caller.hear(), now)
            if not all_of_it:
                break
        return events

    def _turn_events(self, turns: Iterable[TurnBegan | TurnEnded], now: float) -> list[Event]:
        events: list[Event] = []
        for turn in turns:
            events += turn.events
            settings = self._configuration.turn_settings
            if settings is None:
                continue
            if isinstance(turn, TurnBegan):
                self._responses.quiet_at = None
                events += self._responses.interrupt() if settings.interrupt_response else []
            elif settings.create_response and self._responses.active is None:
                events += self._responses.create(protocol.ResponseParams(), self._configuration, now)
        return events

    def _idle_deadline(self) -> float | None:
        """When the caller has been silent for too long."""
        settings, quiet_at = self._configuration.turn_settings, self._responses.quiet_at
        if settings is None or settings.idle_timeout_ms is None or quiet_at is None or self._caller.speaking:
            return None
        return quiet_at + settings.idle_timeout_ms / 1000

    def _item(self, item_id: str, code: str) -> Item:
        item = self._conversation.get(item_id)
        if item is None:
            message = f"The item with id '{item_id}' does not exist."
            raise ClientEventError(message, code=code, param="item_id")
        return item

    def _session_event(self, kind: str) -> Event:
        state = self._configuration.state
        return server_events.session_event(
            kind, state, session_id=self.session_id, expires_at=self._expires_at
        )

    def _sent(self, events: list[Event]) -> list[Event]:
        """Give events their ids, as they leave."""
        return [{"event_id": self._ids.new("event"), **event} for event in events]
