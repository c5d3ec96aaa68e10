"""What a test has the fake realtime server do in a session: responses, tool calls, the caller's turns."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fake_behaviour import Event
from tests.fake_conversation import Conversation
from tests.fake_dialects import Dialect, bytes_per_ms
from tests.fake_line import Line


@dataclass
class Reply:
    """A response that is being made."""

    id: str
    metadata: Event | None = None
    n_items: int = 0
    output: list[Event] = field(default_factory=list)
    """Its finished items."""
    open_item: str | None = None
    """The spoken item that is not finished."""


class ScriptedSession(Line):
    """A session that says what a test tells it to, all documented events in order."""

    def __init__(self, connection: ServerConnection, dialect: Dialect) -> None:
        super().__init__(connection, dialect)
        self.conversation = Conversation()
        self.config: Event = {}
        """The session as the client asked for it."""
        self.effective: Event = {}
        """The session as it is, with the server's defaults."""
        self._reply: Reply | None = None
        self._requested: Event | None = None
        """The parameters of a response.create that no response has followed yet."""
        self._last_calls: list[str] = []
        """The completed calls of the last response."""
        self._places: dict[str, tuple[str, int]] = {}
        """The response that an item belongs to, and its number there."""
        self._news = asyncio.Condition()

    async def say(self, item_id: str, sound: bytes, transcript: str, *, delta_ms: int = 200) -> None:
        """Make a whole response of one spoken item, at once."""
        await self.begin(item_id)
        await self.speak(item_id, sound, delta_ms=delta_ms)
        await self.finish(item_id, transcript)

    async def begin(self, item_id: str) -> None:
        """Begin a response and its spoken item."""
        reply = await self.open_response(response_id(item_id))
        reply.open_item = item_id
        item = _message(item_id, "in_progress")
        await self._begin_item(reply, item)
        await self._about(item_id, "response.content_part.added", part={"type": "audio", "transcript": ""})

    async def speak(self, item_id: str, sound: bytes, *, delta_ms: int = 200) -> None:
        """Send more of an item's audio, in the format of the session's output, cut into deltas."""
        per_ms = bytes_per_ms(self._dialect.sound(self.effective, "output"))
        step = int(delta_ms * per_ms)
        for start in range(0, len(sound), step):
            delta = sound[start : start + step]
            self.conversation.spoke(item_id, len(delta) / per_ms)
            await self._about(item_id, "response.output_audio.delta", delta=base64.b64encode(delta).decode())

    async def finish(self, item_id: str, transcript: str = "", *, status: str = "completed") -> None:
        """End an item and its response; ``status`` may also be cancelled, incomplete or failed."""
        await self.finish_item(item_id, transcript, status=status)
        await self.close_response(status)

    async def finish_item(self, item_id: str, transcript: str = "", *, status: str = "completed") -> None:
        """End a spoken item; its response goes on."""
        assert self._reply is not None
        assert self._reply.open_item == item_id, f"{item_id} is not being spoken"
        self._reply.open_item = None
        part = {"type": "audio", "transcript": transcript}
        await self._about(item_id, "response.output_audio.done")
        await self._about(item_id, "response.output_audio_transcript.delta", delta=transcript)
        await self._about(item_id, "response.output_audio_transcript.done", transcript=transcript)
        await self._about(item_id, "response.content_part.done", part=part)
        item_status = "completed" if status == "completed" else "incomplete"
        await self._finish_item(self._reply, _message(item_id, item_status, transcript))

    async def open_response(self, response: str) -> Reply:
        """Begin a response without an item, for `call_tool`."""
        assert self._reply is None, "a response is active already"
        self._reply = Reply(response, (self._requested or {}).get("metadata"))
        self._requested = None
        await self.send({"type": "response.created", "response": _response(self._reply, "in_progress")})
        return self._reply

    async def close_response(
        self, status: str = "completed", *, reason: str | None = None, error: str | None = None
    ) -> None:
        """End the response; a cancelled or incomplete one may have a reason, a failed one an error code."""
        reply, self._reply = self._reply, None
        assert reply is not None, "no response is active"
        calls = [item for item in reply.output if item["type"] == "function_call"]
        self._last_calls = [call["call_id"] for call in calls if call["status"] == "completed"]
        done = _response(reply, status, reason, error)
        await self.send({"type": "response.done", "response": done})

    async def call_tool(
        self, item_id: str, call_id: str, name: str, arguments: str, *, status: str = "completed"
    ) -> None:
        """Call a function, in the response that is active or else in one of its own.

        With the status incomplete, the call is one that was cut off: its arguments may be half.
        """
        alone = self._reply is None
        reply = await self.open_response(response_id(item_id)) if self._reply is None else self._reply
        call = {
            "type": "function_call",
            "id": item_id,
            "object": "realtime.item",
            "call_id": call_id,
            "name": name,
        }
        await self._begin_item(reply, {**call, "status": "in_progress", "arguments": ""})
        arguing = "response.function_call_arguments"
        half = len(arguments) // 2
        for delta in (arguments[:half], arguments[half:]):
            await self._about(item_id, f"{arguing}.delta", call_id=call_id, delta=delta)
        await self._about(item_id, f"{arguing}.done", call_id=call_id, name=name, arguments=arguments)
        await self._finish_item(reply, {**call, "status": status, "arguments": arguments})
        if alone:
            await self.close_response("completed" if status == "completed" else "cancelled")

    async def speech_started(self, audio_start_ms: int, *, item_id: str = "item_caller") -> None:
        """Report the caller's speech, and interrupt our own as the client asked for in its turn detection."""
        event = {"type": "input_audio_buffer.speech_started", "item_id": item_id}
        await self.send({**event, "audio_start_ms": audio_start_ms})
        if self._reply and self._dialect.turn_detection(self.config).get("interrupt_response", True):
            await self._cancel_reply("turn_detected")

    async def speech_stopped(
        self, audio_end_ms: int, transcript: str | None = None, *, item_id: str = "item_caller"
    ) -> None:
        """Report the end of the caller's speech, the item it became, and perhaps what was said."""
        content = [{"type": "input_audio", "transcript": None}]
        item = {**_message(item_id, "completed"), "role": "user", "content": content}
        previous = self.conversation.put(item)
        stopped = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms}
        await self.send({**stopped, "item_id": item_id})
        await self.send(
            {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": previous}
        )
        await self._acknowledge(item, previous)
        if transcript is not None:
            await self.transcribe(item_id, transcript)

    async def transcribe(self, item_id: str, transcript: str) -> None:
        """Report what the caller said in an item."""
        self.conversation.transcribed(item_id, transcript)
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": 1.0}
        place = {"type": kind, "item_id": item_id, "content_index": 0}
        await self.send({**place, "transcript": transcript, "usage": usage})
        await self._tell()

    async def _cancel_reply(self, reason: str) -> None:
        assert self._reply is not None
        if self._reply.open_item is not None:
            await self.finish_item(self._reply.open_item, status="cancelled")
        await self.close_response("cancelled", reason=reason)

    async def _begin_item(self, reply: Reply, item: Event) -> None:
        item_id = item["id"]
        self._places[item_id] = reply.id, reply.n_items
        reply.n_items += 1
        previous = self.conversation.put(item)
        await self._about(item_id, "response.output_item.added", item=item)
        await self.send({"type": "conversation.item.added", "previous_item_id": previous, "item": item})

    async def _finish_item(self, reply: Reply, item: Event) -> None:
        reply.output.append(item)
        previous = self.conversation.put(item)
        await self._about(item["id"], "response.output_item.done", item=item)
        await self.send({"type": "conversation.item.done", "previous_item_id": previous, "item": item})
        await self._tell()

    async def _acknowledge(self, item: Event, previous: str | None) -> None:
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self.send({"type": kind, "previous_item_id": previous, "item": item})
        await self._tell()

    async def _about(self, item_id: str, kind: str, **fields: Any) -> None:
        """Send an event of a response's item, with those of the ids that its type has."""
        response, output_index = self._places[item_id]
        ids: Event = {"response_id": response, "output_index": output_index}
        if "item" not in fields:
            ids["item_id"] = item_id
            if "call_id" not in fields:
                ids["content_index"] = 0
        await self.send({"type": kind, **ids, **fields})

    async def _tell(self) -> None:
        """Wake those who wait for something to happen."""
        async with self._news:
            self._news.notify_all()


def response_id(item_id: str) -> str:
    """The response that an item is made in, unless a test opens one by another id."""
    return f"resp_{item_id}"


def _message(item_id: str, status: str, transcript: str | None = None) -> Event:
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
    return {**item, "status": status, "content": content}


def _response(reply: Reply, status: str, reason: str | None = None, error: str | None = None) -> Event:
    details: Event | None = None
    if status == "cancelled":
        details = {"type": status, "reason": reason or "turn_detected"}
    elif status in {"incomplete", "failed"}:
        details = {"type": status}
        details |= {"reason": reason} if reason else {}
        details |= {"error": {"type": "server_error", "code": error}} if error else {}
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
    return {
        "id": reply.id,
        "object": "realtime.response",
        "conversation_id": "conv_1",
        "status": status,
        "status_details": details,
        "metadata": reply.metadata,
        "output": reply.output,
        "usage": None if status == "in_progress" else usage,
    }
