"""One session of the fake realtime server: strict towards its client, scripted by a test.

Whatever a client may not do is written down as a fault. Time is `time.monotonic`.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fake_behaviour import PATIENCE, Behaviour, Event, Received, applies
from tests.fake_conversation import Refusal
from tests.fake_dialects import Dialect, merged, sample_bytes
from tests.fake_script import ScriptedSession

SESSION_LIMIT = 3600.0
"""Seconds that a session lasts, OpenAI's Realtime guide; a behaviour's ``session_limit`` is shorter."""


class FakeSession(ScriptedSession):
    """One client's session: what it did, and the means to talk to it."""

    def __init__(
        self, connection: ServerConnection, behaviour: Behaviour, number: int, dialect: Dialect
    ) -> None:
        super().__init__(connection, dialect)
        self.behaviour = behaviour
        self.id = f"sess_{number}"
        self.received: list[Received] = []
        self.faults: list[str] = []
        self.audio = bytearray()
        """Everything that was appended, in the format of the session's input."""
        self.expires_at = int(time.time() + (behaviour.session_limit or SESSION_LIMIT))
        """Unix time."""
        self.effective = dialect.defaults(self.id, self.expires_at)
        self._confirmed = False
        self._event_ids: set[str] = set()
        self._n_waited: dict[str, int] = {}
        self._later: list[asyncio.Task[None]] = []

    # What a test asks

    @property
    def items(self) -> list[Event]:
        """The conversation's items as the server has them, in its order."""
        return self.conversation.items

    def history_text(self) -> str:
        """The conversation to read: ``user: hello``, ``call ID: NAME ARGUMENTS``, ``output ID: ...``, by line."""
        return self.conversation.text()

    def orphan_calls(self) -> list[str]:
        """The call ids of the completed function calls that have no output so far."""
        return self.conversation.orphan_calls()

    def events(self, event_type: str) -> list[Received]:
        """All client events of one type so far."""
        return [received for received in self.received if received.event["type"] == event_type]

    async def wait_for(self, event_type: str) -> Received:
        """Return the first event of that type that was not returned before, once it is there.

        Raises:
            TimeoutError: it does not come.
        """
        n = self._n_waited.get(event_type, 0)
        await self._until(lambda: len(self.events(event_type)) > n)
        self._n_waited[event_type] = n + 1
        return self.events(event_type)[n]

    async def wait_for_item(self, is_it: Callable[[Event], bool]) -> Event:
        """Return the first item of the conversation of which that is true, once there is one; raises as `wait_for`."""
        await self._until(lambda: any(is_it(item) for item in self.items))
        return next(item for item in self.items if is_it(item))

    async def wait_for_audio(self, n_samples: int) -> None:
        """Wait until that many samples have been appended; raises as `wait_for`."""
        await self._until(lambda: len(self.audio) >= n_samples * self._sample_bytes())

    # What the server does by itself

    def greetings(self) -> list[str]:
        """The messages that open the session."""
        events = self._dialect.greetings(self.effective)
        return [message for event in events for message in self._written(event)]

    async def run(self) -> None:
        """Serve the client until it has gone."""
        if self.behaviour.session_limit is not None:
            self._do_later(self.behaviour.session_limit, self.session_expired)
        try:
            if self.behaviour.greets and not self.behaviour.glued:
                for greeting in self.greetings():
                    await self.send_raw(greeting)
            async for message in self._messages():
                await self._take(message, time.monotonic())
        finally:
            for task in self._later:
                task.cancel()
            await asyncio.gather(*self._later, return_exceptions=True)
            self.closed.set()
            await self._tell()

    def _do_later(self, delay: float, action: Callable[[], Awaitable[None]]) -> None:
        async def wait_and_act() -> None:
            await asyncio.sleep(delay)
            await action()

        self._later.append(asyncio.create_task(wait_and_act()))

    async def _take(self, message: str | bytes, now: float) -> None:
        event: Any = None
        try:
            event = json.loads(message)
            unknown = self._dialect.unknown_fields(event)
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            self._fault(f"not a client event: {type(exc).__name__} {str(exc)[:300]}")
            await self.error("invalid_value", event_id=_event_id(event))
            return
        if isinstance(message, bytes):
            self._fault("a binary message")
        for name in unknown:
            self._fault(f"{event['type']} has an unknown field {name}")
        event_id = event.get("event_id")
        if event_id is not None and event_id in self._event_ids:
            self._fault(f"event id {event_id} used twice")
        self._event_ids.add(event_id)
        self.received.append(Received(now, event))
        if unknown and event["type"] == "session.update":
            await self.error("unknown_parameter", unknown[0], event_id=event_id)
        else:
            await self._answer(event)
        await self._tell()

    async def _answer(self, event: Event) -> None:
        match event["type"]:
            case "session.update":
                await self._update(event)
            case "input_audio_buffer.append":
                self._append(event["audio"])
            case "conversation.item.create":
                await self._create_item(event)
            case "conversation.item.truncate":
                await self._truncate(event)
            case "conversation.item.delete":
                await self._delete(event)
            case "response.create":
                await self._respond(event)
            case "response.cancel":
                await self._cancel(event)

    async def _update(self, event: Event) -> None:
        session, behaviour = event["session"], self.behaviour
        voice, dialect = self._dialect.voice(session), self._dialect
        if voice not in (None, dialect.voice(self.effective)) and self.conversation.has_spoken:
            await self._refuse(event, Refusal("cannot_update_voice", "the voice changes after audio"))
            return
        self.config = merged(self.config, json.loads(json.dumps(session)))
        if behaviour.update_error is not None:
            await self.error(behaviour.update_error, event_id=event.get("event_id"))
        elif behaviour.confirms and behaviour.update_delay:
            self._do_later(behaviour.update_delay, self._confirm)
        elif behaviour.confirms:
            await self._confirm()

    async def _confirm(self) -> None:
        self.effective = json.loads(json.dumps(merged(self.effective, self.config)))
        if self.behaviour.output_format is not None:
            self._dialect.set_output_format(self.effective, self.behaviour.output_format)
        self._confirmed = True
        await self.send({"type": "session.updated", "session": self.effective})

    def _append(self, audio: str) -> None:
        if not self._confirmed:
            self._fault("audio before session.updated")
        try:
            sound = base64.b64decode(audio, validate=True)
        except binascii.Error:
            self._fault("audio is not base64")
            return
        if not sound or len(sound) % self._sample_bytes():
            self._fault("appended audio is empty" if not sound else "appended audio is not whole samples")
        self.audio += sound

    async def _create_item(self, event: Event) -> None:
        item = {"id": f"item_client_{next(self._numbers)}", "object": "realtime.item", **event["item"]}
        item["status"] = "completed"
        if self.behaviour.own_ids:
            item["id"] = f"item_server_{next(self._numbers)}"
        previous = event.get("previous_item_id")
        if applies(self.behaviour.refuses_items, item):
            await self.error("server_error", "not this item", event_id=event.get("event_id"))
        elif refusal := self.conversation.refusal(item, previous):
            await self._refuse(event, refusal)
        else:
            previous = self.conversation.put(item, previous)
            if not applies(self.behaviour.silent_items, item):
                await self._acknowledge(item, previous)

    async def _truncate(self, event: Event) -> None:
        place = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        refusal = self.conversation.truncate(*place.values())
        if refusal is None:
            await self.send({"type": "conversation.item.truncated", **place})
        else:
            await self._refuse(event, refusal)

    async def _delete(self, event: Event) -> None:
        refusal = self.conversation.delete(event["item_id"])
        if refusal is None:
            await self.send({"type": "conversation.item.deleted", "item_id": event["item_id"]})
        else:
            await self._refuse(event, refusal)

    async def _respond(self, event: Event) -> None:
        """A response outside of the conversation may run at any time, and is left without an answer."""
        params = event.get("response") or {}
        if params.get("conversation") == "none":
            return
        if self._reply is not None or self._requested is not None:
            await self._refuse(
                event, Refusal("conversation_already_has_active_response", "while a response is active")
            )
            return
        for call_id in set(self._last_calls).intersection(self.orphan_calls()):
            self._fault(f"response.create while the call {call_id} is unanswered")
        if self.behaviour.create_error is not None:
            await self.error(self.behaviour.create_error, event_id=event.get("event_id"))
        elif not self.behaviour.drops_created:
            self._requested = params

    async def _cancel(self, event: Event) -> None:
        """Losing the race against a response's end is harmless, so that is no fault."""
        if self._reply is None or event.get("response_id") not in {None, self._reply.id}:
            await self.error("response_cancel_not_active", event_id=event.get("event_id"))
        else:
            await self._cancel_reply("client_cancelled")

    async def _refuse(self, event: Event, refusal: Refusal) -> None:
        self._fault(f"{event['type']} refused: {refusal.message}")
        await self.error(refusal.code, refusal.message, event_id=event.get("event_id"))

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(is_so)

    def _sample_bytes(self) -> int:
        return sample_bytes(self._dialect.sound(self.effective, "input"))

    def _fault(self, fault: str) -> None:
        self.faults.append(fault)


def _event_id(event: Any) -> str | None:
    """The id of what may not even be an event."""
    event_id = event.get("event_id") if isinstance(event, dict) else None
    return event_id if isinstance(event_id, str) else None
