"""One session of the fake realtime server: strict towards its client, scripted by a test.

Whatever a client may not do is written down as a fault. Time is `time.monotonic`.
"""

import asyncio
import base64
import binascii
import contextlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
from openai.types import realtime as official
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

Event = dict[str, Any]
BYTES_PER_MS = 48
"""PCM16 at 24 kHz."""
PATIENCE = 10.0
"""Seconds that a test waits for what should come."""
PCM16_24K = {"type": "audio/pcm", "rate": 24_000}

_CLIENT_EVENTS: dict[str, type[pydantic.BaseModel]] = {
    "session.update": official.SessionUpdateEvent,
    "input_audio_buffer.append": official.InputAudioBufferAppendEvent,
    "input_audio_buffer.commit": official.InputAudioBufferCommitEvent,
    "input_audio_buffer.clear": official.InputAudioBufferClearEvent,
    "conversation.item.create": official.ConversationItemCreateEvent,
    "conversation.item.truncate": official.ConversationItemTruncateEvent,
    "conversation.item.delete": official.ConversationItemDeleteEvent,
    "response.create": official.ResponseCreateEvent,
    "response.cancel": official.ResponseCancelEvent,
}
"""Those that are legal over a WebSocket, with their official shape."""


@dataclass(frozen=True)
class Behaviour:
    """In what way the server is not as it should be."""

    handshake_status: int | None = None
    """Answer the handshake with this instead: 401, 503, or 302 with the next field."""
    location: str | None = None
    greets: bool = True
    """Send session.created at all."""
    glued: bool = False
    """Send session.created in the same write as the handshake's response."""
    confirms: bool = True
    """Answer session.update at all."""
    update_error: str | None = None
    """Answer it with an error of this code."""
    output_format: Event | None = None
    """Confirm this in place of the output format that was asked for."""


@dataclass(frozen=True)
class Received:
    """A client event, and when it came."""

    at: float
    event: Event


class FakeSession:
    """One client's session: what it did, and the means to talk to it."""

    def __init__(self, connection: ServerConnection, behaviour: Behaviour, number: int) -> None:
        self.received: list[Received] = []
        self.faults: list[str] = []
        self.audio = bytearray()
        """Everything that was appended, PCM16 at 24 kHz."""
        self.config: Event = {}
        """The session as the client asked for it."""
        self.id = f"sess_{number}"
        self.closed = asyncio.Event()
        self._connection = connection
        self._behaviour = behaviour
        self._confirmed = False
        self._active: str | None = None
        self._said_ms: dict[str, float] = {}
        self._items: set[str] = set()
        self._event_ids: set[str] = set()
        self._n_waited: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()

    # What a test asks

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

    async def wait_for_audio(self, n_samples: int) -> None:
        """Wait until that many samples at 24 kHz have been appended; raises as `wait_for`."""
        await self._until(lambda: len(self.audio) >= 2 * n_samples)

    # What a test has the server do

    async def say(self, item_id: str, pcm16: bytes, transcript: str, *, delta_ms: int = 200) -> None:
        """Make a whole response of one spoken item, at once."""
        await self.begin(item_id)
        await self.speak(item_id, pcm16, delta_ms=delta_ms)
        await self.finish(item_id, transcript)

    async def begin(self, item_id: str) -> None:
        """Begin a response and its item."""
        assert self._active in {None, "requested"}, "a response is active already"
        self._active = item_id
        self._said_ms[item_id] = 0.0
        item = _message(item_id, "in_progress")
        await self._about(item_id, "response.created", response=_response(item_id, "in_progress"))
        await self._about(item_id, "response.output_item.added", item=item)
        await self.send({"type": "conversation.item.added", "previous_item_id": None, "item": item})
        await self._about(item_id, "response.content_part.added", part={"type": "audio", "transcript": ""})

    async def speak(self, item_id: str, pcm16: bytes, *, delta_ms: int = 200) -> None:
        """Send more of an item's audio, cut into deltas."""
        step = delta_ms * BYTES_PER_MS
        for start in range(0, len(pcm16), step):
            delta = pcm16[start : start + step]
            self._said_ms[item_id] += len(delta) / BYTES_PER_MS
            await self._about(item_id, "response.output_audio.delta", delta=base64.b64encode(delta).decode())

    async def finish(self, item_id: str, transcript: str = "", *, status: str = "completed") -> None:
        """End an item and its response; ``status`` may also be cancelled, incomplete or failed."""
        item_status = "completed" if status == "completed" else "incomplete"
        item = _message(item_id, item_status, transcript)
        part = {"type": "audio", "transcript": transcript}
        await self._about(item_id, "response.output_audio.done")
        await self._about(item_id, "response.output_audio_transcript.delta", delta=transcript)
        await self._about(item_id, "response.output_audio_transcript.done", transcript=transcript)
        await self._about(item_id, "response.content_part.done", part=part)
        await self._about(item_id, "response.output_item.done", item=item)
        await self.send({"type": "conversation.item.done", "previous_item_id": None, "item": item})
        self._active = None
        await self._about(item_id, "response.done", response=_response(item_id, status))

    async def speech_started(self, audio_start_ms: int, *, item_id: str = "item_caller") -> None:
        """Report the caller's speech, and interrupt our own as the client asked for in its turn detection."""
        event = {"type": "input_audio_buffer.speech_started", "item_id": item_id}
        await self.send({**event, "audio_start_ms": audio_start_ms})
        detection = self.config.get("audio", {}).get("input", {}).get("turn_detection") or {}
        if self._active not in {None, "requested"} and detection.get("interrupt_response", True):
            assert self._active is not None
            await self.finish(self._active, status="cancelled")

    async def speech_stopped(
        self, audio_end_ms: int, transcript: str | None = None, *, item_id: str = "item_caller"
    ) -> None:
        """Report the end of the caller's speech, the item it became, and perhaps what was said."""
        self._items.add(item_id)
        item = {**_message(item_id, "completed"), "role": "user", "content": []}
        stopped = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms}
        await self.send({**stopped, "item_id": item_id})
        await self.send({"type": "input_audio_buffer.committed", "item_id": item_id})
        await self.send({"type": "conversation.item.added", "item": item})
        await self.send({"type": "conversation.item.done", "item": item})
        if transcript is not None:
            kind = "conversation.item.input_audio_transcription.completed"
            usage = {"type": "duration", "seconds": 1.0}
            place = {"type": kind, "item_id": item_id, "content_index": 0}
            await self.send({**place, "transcript": transcript, "usage": usage})

    async def error(self, code: str, message: str = "", *, event_id: str | None = None) -> None:
        """Report an error."""
        detail = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id}
        await self.send({"type": "error", "error": detail})

    async def send(self, event: Event) -> None:
        """Send any event; its ``event_id`` is put in."""
        await self.send_raw(json.dumps({"event_id": f"event_{next(self._numbers)}", **event}))

    async def send_raw(self, message: str | bytes) -> None:
        """Send any message: text, or binary. It is lost if the client has gone."""
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the session's socket properly."""
        await self._connection.close(code, reason)

    def drop(self) -> None:
        """Cut the connection off without a word."""
        self._connection.transport.abort()

    # What the server does by itself

    async def run(self) -> None:
        """Serve the client until it has gone."""
        if self._behaviour.greets and not self._behaviour.glued:
            await self.send(greeting(self.id))
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                await self._take(message, time.monotonic())
        self.closed.set()

    async def _take(self, message: str | bytes, now: float) -> None:
        try:
            event = json.loads(message)
            kind = event["type"]
            shape = _CLIENT_EVENTS[kind]
            shape.model_validate(event, strict=True)
        except (ValueError, LookupError, TypeError) as exc:
            self._fault(f"not a client event: {type(exc).__name__} {str(exc)[:200]}")
            return
        if isinstance(message, bytes):
            self._fault("a binary message")
        for name in event.keys() - shape.model_fields.keys():
            self._fault(f"{kind} has an unknown field {name}")
        event_id = event.get("event_id")
        if event_id is not None and event_id in self._event_ids:
            self._fault(f"event id {event_id} used twice")
        self._event_ids.add(event_id)
        self.received.append(Received(now, event))
        await self._answer(kind, event)
        async with self._news:
            self._news.notify_all()

    async def _answer(self, kind: str, event: Event) -> None:
        match kind:
            case "session.update":
                await self._update(event)
            case "input_audio_buffer.append":
                self._append(event["audio"])
            case "conversation.item.create":
                await self._create_item(event["item"])
            case "conversation.item.truncate":
                await self._truncate(event)
            case "conversation.item.delete":
                await self._delete(event)
            case "response.create":
                if self._active is not None:
                    self._fault("response.create while a response is active")
                    await self.error(
                        "conversation_already_has_active_response", event_id=event.get("event_id")
                    )
                self._active = self._active or "requested"
            case "response.cancel":
                await self._cancel(event)

    async def _update(self, event: Event) -> None:
        session, behaviour = event["session"], self._behaviour
        known = official.RealtimeSessionCreateRequest.model_fields.keys()
        for name in session.keys() - known:
            self._fault(f"session.update has an unknown field {name}")
        self.config = session
        if behaviour.update_error is not None:
            await self.error(behaviour.update_error, event_id=event.get("event_id"))
        elif behaviour.confirms:
            confirmed = json.loads(json.dumps({**greeting(self.id)["session"], **session}))
            if behaviour.output_format is not None:
                confirmed["audio"]["output"]["format"] = behaviour.output_format
            self._confirmed = True
            await self.send({"type": "session.updated", "session": confirmed})

    def _append(self, audio: str) -> None:
        if not self._confirmed:
            self._fault("audio before session.updated")
        try:
            pcm16 = base64.b64decode(audio, validate=True)
        except binascii.Error:
            self._fault("audio is not base64")
            return
        if not pcm16 or len(pcm16) % 2:
            self._fault("appended audio is empty" if not pcm16 else "appended audio is not whole samples")
        self.audio += pcm16

    async def _create_item(self, item: Event) -> None:
        item = {"id": f"item_client_{next(self._numbers)}", "object": "realtime.item", **item}
        self._items.add(item["id"])
        item["status"] = "completed"
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self.send({"type": kind, "previous_item_id": None, "item": item})

    async def _truncate(self, event: Event) -> None:
        item_id, end_ms = event["item_id"], event["audio_end_ms"]
        said_ms = self._said_ms.get(item_id)
        if said_ms is None or event["content_index"] != 0 or end_ms < 0:
            problem = "Only model output audio messages can be truncated"
        elif end_ms > said_ms:
            problem = f"Audio content of {said_ms:.0f}ms is already shorter than {end_ms}ms"
        else:
            self._said_ms[item_id] = end_ms
            place = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
            await self.send({"type": "conversation.item.truncated", **place})
            return
        self._fault(f"truncate of {item_id} at {end_ms}: {problem}")
        await self.error("invalid_value", problem, event_id=event.get("event_id"))

    async def _delete(self, event: Event) -> None:
        item_id = event["item_id"]
        if item_id not in self._items | self._said_ms.keys():
            self._fault(f"delete of the unknown item {item_id}")
            await self.error("item_delete_invalid_item_id", event_id=event.get("event_id"))
            return
        self._items.discard(item_id)
        self._said_ms.pop(item_id, None)
        await self.send({"type": "conversation.item.deleted", "item_id": item_id})

    async def _cancel(self, event: Event) -> None:
        """Losing the race against a response's end is harmless, so that is no fault."""
        named = event.get("response_id")
        active = self._active if self._active != "requested" else None
        if active is None or named not in {None, response_id(active)}:
            await self.error("response_cancel_not_active", event_id=event.get("event_id"))
        else:
            await self.finish(active, status="cancelled")

    async def _about(self, item_id: str, kind: str, **fields: Any) -> None:
        """Send an event of a response, with those of the ids that its type has."""
        ids: Event = {"response_id": response_id(item_id)}
        if "item" in kind:
            ids = {**ids, "output_index": 0}
        elif kind not in {"response.created", "response.done"}:
            ids = {**ids, "item_id": item_id, "output_index": 0, "content_index": 0}
        else:
            ids = {}
        await self.send({"type": kind, **ids, **fields})

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(is_so)

    def _fault(self, fault: str) -> None:
        self.faults.append(fault)


def greeting(session_id: str) -> Event:
    """The session.created event, with the server's own defaults."""
    session = {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": "gpt-realtime-2.1",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": PCM16_24K, "transcription": None, "turn_detection": {"type": "server_vad"}},
            "output": {"format": PCM16_24K, "voice": "alloy"},
        },
    }
    return {"type": "session.created", "session": session}


def response_id(item_id: str) -> str:
    """The response that an item is made in."""
    return f"resp_{item_id}"


def _message(item_id: str, status: str, transcript: str | None = None) -> Event:
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
    return {**item, "status": status, "content": content}


def _response(item_id: str, status: str) -> Event:
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
    reason = {"type": "cancelled", "reason": "turn_detected"} if status == "cancelled" else None
    response = {"id": response_id(item_id), "object": "realtime.response", "status": status, "output": []}
    return {**response, "status_details": reason, "usage": None if status == "in_progress" else usage}
