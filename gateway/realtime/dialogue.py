"""The course of one conversation over its sessions: who has the floor, what is owed, what a new session must know."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.errors import RealtimeError
from gateway.realtime import history
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.conversation import Delta, Item, RealtimeConversation
from gateway.realtime.events import (
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemState,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    Unknown,
)
from gateway.realtime.ids import generate_id
from gateway.realtime.known_items import KnownItems
from gateway.realtime.opening import SessionOpening
from gateway.realtime.response_gate import ResponseGate
from gateway.realtime.restored_words import restored_words
from gateway.realtime.resumption import ANSWER_WAS_CUT, LINE_WAS_LOST, Lost, what_is_lost
from gateway.realtime.retry import is_retryable
from gateway.realtime.tool_runner import ToolRunner
from gateway.tools import Toolbox

ASK_AGAIN_AFTER = 3.0
"""Seconds after which a caller who was speaking when the session was lost is asked to say it again."""
RETRY_AFTER = 1.0
"""Seconds after which a response that failed on the server's side is asked for once more."""
SILENCE_TIMEOUT = 20.0
"""Seconds without any event after which a response that was begun is taken to be stuck."""
ACTIVE_RESPONSE = "conversation_already_has_active_response"


class Dialogue:
    """Follows the server's events and decides what is to be sent; `RealtimeClient` owns it.

    ``publish`` dispatches an event to the application, ``until_ready`` waits for a session, ``is_for_application``
    says of a tool's name that the application answers it itself.
    """

    def __init__(
        self,
        api: RealtimeAPI,
        conversation: RealtimeConversation,
        toolbox: Toolbox,
        *,
        server_answers: bool,
        publish: Callable[[str, Any], None],
        until_ready: Callable[[], Awaitable[None]],
        is_for_application: Callable[[str], bool],
    ) -> None:
        self.gate = ResponseGate(server_answers=server_answers)
        self.tasks: asyncio.TaskGroup | None = None
        """Where tools run."""
        self._api = api
        self._conversation = conversation
        self._publish = publish
        self._until_ready = until_ready
        self._is_for_application = is_for_application
        self._tools = ToolRunner(toolbox, self._answer_tool, self._follow_up)
        self._known = KnownItems()
        self._lost: Lost | None = None
        self._ask_at: float | None = None
        """When to ask for a response of our own accord."""
        self._ask_with: Mapping[str, Any] = {}
        """The parameters of that response."""
        self._repeats_question = False
        self._has_retried = False
        self._heard_at = 0.0

    # What is sent

    def create_item(self, item: Mapping[str, Any]) -> str:
        """Put an item into the conversation; return its id.

        Raises:
            RealtimeError: no session is open.
        """
        item = {"id": generate_id("item_"), **item}
        event_id = self._api.send_nowait("conversation.item.create", {"item": self._api.provider.item(item)})
        self._known.sent(item, event_id)
        return str(item["id"])

    def ask(self, params: Mapping[str, Any] | None = None) -> None:
        """Ask for a response as soon as none is in the way; one outside of the conversation never has to wait.

        Args:
            params: Of response.create, in the provider's shape.

        Raises:
            RealtimeError: no session is open for a response outside of the conversation.
        """
        if params and params.get("conversation") == "none":
            self._api.send_nowait("response.create", {"response": params})
            return
        self.gate.want(params)
        self.ask_if_possible(time.monotonic())

    def ask_if_possible(self, now: float) -> None:
        """Send the response.create whose time has come."""
        if self._lost is not None or self._tools.n_running:
            return
        wish = self.gate.next_wish(now)
        if wish is None:
            return
        data = {"response": wish.params} if wish.params else None
        try:
            event_id = self._api.send_nowait("response.create", data)
        except RealtimeError:  # the session is being lost; the wish outlives it
            event_id = ""
        self.gate.asked(wish, event_id, now)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model that this much of an item was heard; if there is no session now, the next will be told.

        An item of an earlier session is only words in this one, so it is replaced by fewer words.
        """
        item = self._conversation.get_item(item_id)
        if item is not None:
            item.heard_ms = audio_end_ms
        with contextlib.suppress(RealtimeError):
            if item is None or item.generation == self._conversation.generation:
                place = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
                self._api.send_nowait("conversation.item.truncate", place)
            elif self._known.is_restored(item_id):
                self._replace(item)

    def restore(self, item_id: str, from_ms: int, to_ms: int) -> None:
        """Tell the model that of an item that was cut more has been heard; if there is no session, the next is told."""
        item = self._conversation.get_item(item_id)
        if item is None:
            return
        if item.generation != self._conversation.generation:
            self.truncate(item_id, to_ms)  # it is only words there, and is replaced by more
            return
        item.heard_ms = to_ms
        if (restored := restored_words(item, from_ms, to_ms)) is not None:
            data = {"previous_item_id": item_id, "item": self._api.provider.item(restored)}
            with contextlib.suppress(RealtimeError):
                self._known.sent(restored, self._api.send_nowait("conversation.item.create", data))

    def delete(self, item_id: str) -> None:
        """Have the server remove an item, and tell no later session of it.

        Raises:
            RealtimeError: no session is open.
        """
        self._api.send_nowait("conversation.item.delete", {"item_id": self._known.delete(item_id)})

    def _replace(self, item: Item) -> None:
        """Exchange an item of an earlier session for what was heard of it."""
        place = {"previous_item_id": self._known_before(item)}
        self._api.send_nowait("conversation.item.delete", {"item_id": self._known.forget(item.id)})
        if words := history.heard_text(item):
            fewer = history.message(generate_id("item_"), "assistant", words)
            self._known.know_as(item.id, fewer["id"])
            wire = self._api.provider.item(fewer)
            event_id = self._api.send_nowait("conversation.item.create", {**place, "item": wire})
            self._known.sent(fewer, event_id, is_new=False)

    def _known_before(self, item: Item) -> str:
        """The id, in this session, of the item before another; ``root`` if there is none."""
        before = "root"
        for each in itertools.takewhile(lambda each: each is not item, self._conversation.get_items()):
            if self._is_known(each.id) and each.id not in self._known.deleting:
                before = self._known.wire_id(each.id)
        return before

    # The session

    def history(self) -> list[dict[str, Any]]:
        """The items that a new session must be told of, as GA has them."""
        known = self._known
        return history.replay(self._conversation.get_items(), known.unacknowledged, known.deleting)

    def session_lost(self) -> None:
        """Take note of what was going on; `session_ready` will see to it."""
        self._lost = what_is_lost(self.gate, self._conversation.get_items())
        unfinished = [item for item in self._conversation.get_items() if not item.is_final]
        self._conversation.begin_session()
        for item in unfinished:
            self._end_item(item)
        self._known.begin_session()
        self._ask_at = None
        self.gate.reset()
        self._tools.session_lost()

    def session_ready(self, opening: SessionOpening) -> None:
        """Take a new session, told of the old one; its events, those of the opening first, and `resume` follow."""
        if self._lost is None:  # the first session, or a planned one
            self.session_lost()
        items = [item.id for item in self._conversation.get_items()]
        for item_id in self._known.session_ready(items, opening.restored):
            self.gate.item_known(item_id)

    def is_quiet(self) -> bool:
        """Whether nobody speaks, generates, waits for an answer, or runs a tool."""
        return self.gate.is_idle and self._tools.n_running == 0 and self._ask_at is None

    @property
    def is_answering(self) -> bool:
        """Whether the model generates, was asked to, or runs a tool."""
        return self.gate.is_answering or self._tools.n_running > 0

    def is_stuck(self, now: float) -> bool:
        """Whether a response was begun and nothing has come since for too long, or one was asked for in vain."""
        return self.gate.is_ignored or (
            self.gate.active is not None and now - self._heard_at > SILENCE_TIMEOUT
        )

    def tick(self, now: float) -> None:
        """Look at the clock."""
        if self._ask_at is not None and now >= self._ask_at and self.gate.is_idle:
            self._ask_at = None
            if self._repeats_question:
                self._note(LINE_WAS_LOST)
            self.gate.want(self._ask_with)
        self.ask_if_possible(now)

    def resume(self) -> None:
        """Go on where the old session was left."""
        lost, self._lost = self._lost, None
        self._known.forget_unacknowledged()
        self._heard_at = now = time.monotonic()
        match lost:
            case Lost.CALLER_SPEAKING if self.gate.server_answers:
                self._ask_later(now + ASK_AGAIN_AFTER, {}, repeats_question=True)
            case Lost.ANSWER:
                if not self._last_words_are_known():
                    self._note(LINE_WAS_LOST)
                self.gate.want()
            case Lost.REST_OF_ANSWER:
                self._note(ANSWER_WAS_CUT)
                self.gate.want()
            case _:
                pass
        self.ask_if_possible(now)

    def _last_words_are_known(self) -> bool:
        """Whether the last message of the user is one that could be restored."""
        users = [item for item in self._conversation.get_items() if item.role == "user"]
        return bool(users) and self._is_known(users[-1].id)

    def _note(self, text: str) -> None:
        note = history.message(generate_id(history.NOTE_PREFIX), "system", text)
        with contextlib.suppress(RealtimeError):  # the session is lost again
            self.create_item(note)

    # What comes

    def take(self, event: ServerEvent | Unknown) -> None:
        """Take a server event, in this session's turn of the conversation."""
        self._heard_at = now = time.monotonic()
        if self._is_echo(event):
            return
        item, delta = self._conversation.process_event(event)
        match event:
            case SpeechStarted():
                self._ask_at = None
                self.gate.speech_started(now)
                self._publish("conversation.interrupted", None)
            case SpeechStopped():
                self.gate.speech_stopped(now)
            case ResponseCreated() if event.response.conversation_id is not None:  # else it is out of band
                self._ask_at = None
                self.gate.created(event.response.id)
            case ResponseDone():
                self._response_done(event, now)
            case OutputItemDone():
                self._call_tool(event)
            case _:
                pass
        if item is not None:
            self._publish_item(event, item, delta)
        if isinstance(event, ItemAdded | ItemDone):
            self.gate.item_known(event.item.id)
        if isinstance(event, ItemAdded | ItemDone | ResponseDone | SpeechStopped):
            self.ask_if_possible(now)

    def refused(self, event_id: str | None, code: str) -> None:
        """Take it that the server refused a client event."""
        because_active = code == ACTIVE_RESPONSE
        wish = self.gate.refused(event_id, because_active=because_active)
        if wish is not None and not because_active:
            self._retry(code, time.monotonic(), wish.params)
        self._known.refused(event_id)

    def _is_echo(self, event: ServerEvent | Unknown) -> bool:
        """Whether an event only says that an item of an earlier session is known in this one, or was replaced."""
        match event:
            case ItemAdded() | ItemDone():
                if isinstance(event, ItemAdded):
                    self.gate.item_known(self._known.added(event.item))
                self._known.acknowledged(event.item.id)
                own_id = self._known.own_id(event.item.id)
                return own_id is not None and self._conversation.get_item(own_id) is not None
            case ItemDeleted() if self._known.own_id(event.item_id) is not None:
                own_id = self._known.deleted(event.item_id)
                if own_id is not None:
                    self._known.deleting.pop(own_id, None)
                    self._conversation.process_event(ItemDeleted(own_id))
                return True
            case ItemDeleted():
                self._known.deleting.pop(event.item_id, None)
                return False
            case _:
                return False

    def _response_done(self, event: ResponseDone, now: float) -> None:
        response = event.response
        self.gate.done(response.id)
        self._tools.response_done(response.id)
        error = response.status_details.error if response.status_details else None
        code = (error.code or error.type) if error else ""
        if response.status == "failed":
            self._retry(code or "", now, {})
        elif response.status == "completed":
            self._has_retried = False
        if (record := self._conversation.get_response(response.id)) is not None:
            self._publish("response.completed", {"response": record})

    def _retry(self, code: str, now: float, params: Mapping[str, Any]) -> None:
        """Ask once more for a response that failed by no fault of ours."""
        if is_retryable(code) and not self._has_retried:
            self._has_retried = True
            self._ask_later(now + RETRY_AFTER, params, repeats_question=False)

    def _ask_later(self, at: float, params: Mapping[str, Any], *, repeats_question: bool) -> None:
        self._ask_at, self._ask_with, self._repeats_question = at, params, repeats_question

    def _call_tool(self, event: OutputItemDone) -> None:
        response = self._conversation.get_response(event.response_id)
        if response is not None and response.out_of_band:
            return  # whoever asked for it will answer its calls
        if self.tasks is not None and not self._is_for_application(event.item.name or ""):
            self._tools.item_done(event, self.tasks)

    def _publish_item(self, event: ServerEvent | Unknown, item: Item, delta: Delta | None) -> None:
        if isinstance(event, ItemAdded) and not item.appended:
            item.appended = True
            self._publish("conversation.item.appended", {"item": item})
        self._publish("conversation.updated", {"item": item, "delta": delta})
        if item.appended and isinstance(event, ItemAdded | ItemDone | OutputItemDone):
            self._end_item(item)

    def _end_item(self, item: Item) -> None:
        """Tell, once, that no more will come of an item."""
        if item.is_final and not item.ended:
            item.ended = True
            kind = "completed" if item.status == "completed" else "incomplete"
            self._publish(f"conversation.item.{kind}", {"item": item})

    # Tools

    async def _answer_tool(self, call: ItemState, output: str) -> str:
        item = history.function_call_output(generate_id("item_"), str(call.call_id), output)
        try:
            await self._until_ready()
            if not self._is_known(call.id):
                self._restore_call(call)
            self.create_item(item)
        except RealtimeError:  # the session is being lost: the next one will know the output
            self._known.sent(item, "")
        return str(item["id"])

    def _restore_call(self, call: ItemState) -> None:
        """Create a call of an earlier session again, so that its output is no orphan."""
        wire_id = history.wire_id(call.id)
        self._known.know_as(call.id, wire_id)
        self._conversation.move_to_end(call.id)
        fields = {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        self.create_item({"id": wire_id, "type": "function_call", **fields})

    def _follow_up(self, outputs: list[str]) -> None:
        self.gate.want(None, outputs, follow_up=True)
        self.ask_if_possible(time.monotonic())

    def _is_known(self, item_id: str) -> bool:
        """Whether the server of this session knows an item."""
        item = self._conversation.get_item(item_id)
        is_of_this_session = item is not None and item.generation == self._conversation.generation
        return is_of_this_session or self._known.is_restored(item_id)
