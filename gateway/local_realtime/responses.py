"""The responses a session is generating: one that writes to the conversation, and some out of band."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from gateway.local_realtime.answer_call import AnswerCall
from gateway.local_realtime.answer_message import AnswerMessage
from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.conversation import Conversation, Item
from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.ids import Ids
from gateway.local_realtime.items import ItemReference, check_content, wire_state
from gateway.local_realtime.persona import Answer, Persona, turn_to_answer
from gateway.local_realtime.protocol import ResponseParams
from gateway.local_realtime.response import Pace, Response
from gateway.local_realtime.response_events import ResponseEvents
from gateway.local_realtime.response_settings import ResponseSettings, response_settings
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.usage import input_tokens, most_characters
from gateway.local_realtime.voice import Voice

_MAX_OUT_OF_BAND = 8


class Speaking(msgspec.Struct, frozen=True):
    """Words of a response whose sound is wanted, piece after piece."""

    response_id: str
    pieces: tuple[str, ...]
    speed: float


@dataclass
class _Unanswered:
    """A response, and what it will answer once the caller's words are known."""

    response: Response
    items: list[Item]
    settings: ResponseSettings
    instructions: str
    """The session's."""


@dataclass
class Responses:
    """Makes and runs the responses of one session. No clock.

    A response begins at once. What it says is decided when all words that it answers are known; its sound is
    asked for by `take_speaking` and comes by `take_sound`.
    """

    conversation: Conversation
    voice: Voice
    persona: Persona
    pace: Pace
    ids: Ids
    conversation_id: str
    voice_locked: bool = False
    """The client has been given audio: the voice stays."""
    quiet_at: float | None = None
    """When the caller will have heard the last answer, if it is played as it comes; None while there is another."""
    _running: list[Response] = field(default_factory=list)
    _unanswered: list[_Unanswered] = field(default_factory=list)
    _wanted: list[Speaking] = field(default_factory=list)

    @property
    def active(self) -> Response | None:
        """The response that writes to the conversation."""
        return next((response for response in self._running if response.in_conversation), None)

    def create(self, params: ResponseParams, configuration: Configuration, now: float) -> list[Event]:
        """Answer the conversation, or what ``params`` gives instead of it.

        Raises:
            ClientEventError: another response is in the way, or the parameters cannot be used.
        """
        self._check_room(params.conversation)
        items = list(self._input(params))
        settings = response_settings(params, configuration)
        if self.voice_locked and settings.voice != configuration.state["audio"]["output"]["voice"]:
            raise ClientEventError(
                "Cannot change a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param="response.audio.output.voice",
            )
        response = self._new(items, settings, in_conversation=params.conversation == "auto")
        self._running.append(response)
        self._unanswered.append(_Unanswered(response, items, settings, configuration.state["instructions"]))
        if response.in_conversation:
            self.quiet_at = None
        events = response.begin(now, self.pace)
        self.proceed()
        return events

    def proceed(self) -> None:
        """Decide the answers to whatever has got all its words."""
        unanswered, self._unanswered = self._unanswered, []
        for asked in unanswered:
            if asked.response.finished:
                continue
            if any(item.awaits_words for item in asked.items):
                self._unanswered.append(asked)
            else:
                self._answer(asked)

    def take_speaking(self) -> list[Speaking]:
        """Give what is to be spoken since the last call."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def running(self, response_id: str) -> Response | None:
        """Find a response that is not over."""
        return next((one for one in self._running if one.response_id == response_id), None)

    def fail(self, response_id: str, message: str) -> list[Event]:
        """End a response that cannot go on; nothing if it is over."""
        response = self.running(response_id)
        return self._stopped(response, response.fail(message)) if response else []

    def cancel(self, response_id: str | None) -> list[Event]:
        """Stop the named response, or the one of the conversation.

        Raises:
            ClientEventError: it is not running.
        """
        for response in self._running:
            if response.response_id == response_id or (response_id is None and response.in_conversation):
                return self._stopped(response, response.cancel("client_cancelled"))
        raise ClientEventError(
            "Cancellation failed: no active response found", code="response_cancel_not_active"
        )

    def interrupt(self) -> list[Event]:
        """Stop the conversation's response, if there is one, because the caller speaks."""
        response = self.active
        return self._stopped(response, response.cancel("turn_detected")) if response else []

    def next_deadline(self) -> float | None:
        """When the next delta is due."""
        deadlines = (response.next_deadline() for response in self._running)
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def due(self, now: float) -> list[Event]:
        """Give what has been generated by now."""
        events = [event for response in self._running for event in response.due(now)]
        active = self.active
        if active is not None and active.finished and active.audio_ms:
            self.quiet_at = now + active.audio_ms / 1000
        self._running = [response for response in self._running if not response.finished]
        self.voice_locked |= any(event["type"] == "response.output_audio.delta" for event in events)
        return events

    def _stopped(self, response: Response, events: list[Event]) -> list[Event]:
        self._running.remove(response)
        return events

    def _check_room(self, conversation: str) -> None:
        active = self.active
        if conversation == "auto" and active is not None:
            raise ClientEventError(
                f"Conversation already has an active response in progress: {active.response_id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        n_out_of_band = sum(not response.in_conversation for response in self._running)
        if conversation == "none" and n_out_of_band >= _MAX_OUT_OF_BAND:
            raise ClientEventError(
                f"There are already {_MAX_OUT_OF_BAND} responses out of band in progress.",
                code="rate_limit_exceeded",
            )

    def _input(self, params: ResponseParams) -> Iterator[Item]:
        if params.input is None:
            yield from self.conversation
            return
        for index, given in enumerate(params.input):
            if isinstance(given, ItemReference):
                item = self.conversation.get(given.id)
                if item is None:
                    message = f"There is no item with id '{given.id}'."
                    raise ClientEventError(message, param=f"response.input[{index}].id")
                yield item
            else:
                check_content(given, f"response.input[{index}]")
                yield Item(wire_state(given, given.id or ""))

    def _new(self, items: list[Item], settings: ResponseSettings, *, in_conversation: bool) -> Response:
        response_id = self.ids.new("resp")
        conversation_id = self.conversation_id if in_conversation else None
        events = ResponseEvents(response_id, settings, conversation_id=conversation_id)
        given = input_tokens(items, settings.instructions)
        conversation = self.conversation if in_conversation else None
        return Response(response_id, events, settings, given, conversation=conversation)

    def _answer(self, asked: _Unanswered) -> None:
        """Have the persona decide, and the voice cut what is to be said."""
        response, settings = asked.response, asked.settings
        turn = turn_to_answer(asked.items, asked.instructions, settings.tools, settings.request)
        answer = self.persona.answer(turn)
        answer = Answer(answer) if isinstance(answer, str) else answer
        output: list[AnswerMessage | AnswerCall] = []
        # Of what is beyond the limit only enough to notice that it is.
        if text := answer.text[: most_characters(settings.most_tokens) + 1]:
            pieces = (self.voice.pieces(text) if settings.audible else None) or [text]
            output.append(AnswerMessage(self._place(response, 0), settings, pieces))
            if settings.audible:
                self._wanted.append(Speaking(response.response_id, tuple(pieces), settings.speed))
        for output_index, call in enumerate(answer.calls, len(output)):
            output.append(AnswerCall(self._place(response, output_index), call, self.ids.new("call")))
        response.answer(output, answer.delay)

    def _place(self, response: Response, output_index: int) -> Event:
        item_id = self.ids.new("item")
        return {"response_id": response.response_id, "item_id": item_id, "output_index": output_index}
