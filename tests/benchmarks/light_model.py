"""A realtime model that costs little: it answers on a timetable, in the GA protocol's order of events."""

import asyncio
import base64
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.benchmarks.light_caller import HeardItem, LightCaller
from tests.benchmarks.wire import WebSocketPeer, accept_key

CYCLE = 6.0
DELTA_SPACING = 0.025
"""Seconds between deltas of 200 ms: eight times real time."""
CUT_SHORT_AFTER = 8
"""Deltas before the barge-in of a response that is cut while it is being made."""
_AUDIO = b'"audio":"'


@dataclass
class Reply:
    """One response, as the model knows it."""

    item_id: str
    heard: HeardItem
    kind: int
    """0 is heard to its end, 1 is interrupted while it plays, 2 while it is still being made."""
    deltas_at: list[float]
    done: bool = False
    speech_started_at: float | None = None
    true_ms: float = 0.0
    """How much of it had sounded when speech_started was sent."""


class ModelSession(WebSocketPeer):
    """The server's end of one session."""

    def __init__(self, arrived: "asyncio.Queue[ModelSession]") -> None:
        super().__init__()
        self.appends: list[tuple[float, int]] = []
        """Arrival, and samples at 24 kHz in all."""
        self.audio: list[bytes] | None = None
        """What was appended, if it is to be kept."""
        self.truncations: list[tuple[float, str, int]] = []
        self.other: list[str] = []
        """Types of all other client events."""
        self.faults: list[str] = []
        self.ready = asyncio.Event()
        self._arrived = arrived
        self._n_samples = 0

    def upgraded(self, head: str) -> None:
        found = re.search(r"(?im)^sec-websocket-key:\s*(\S+)", head)
        assert found is not None
        accept = accept_key(found[1])
        self.transport.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self.emit("session.created", session={"type": "realtime", "id": "sess_1"})
        self._arrived.put_nowait(self)

    def emit(self, kind: str, **fields: Any) -> None:
        """Send a server event."""
        self.send(msgspec.json.encode({"type": kind, "event_id": "event_1", **fields}))

    def message(self, text: bytes, now: float) -> None:
        start = text.find(_AUDIO, 0, 200)
        if start > 0:
            start += len(_AUDIO)
            n_bytes = (len(text) - 2 - start) // 4 * 3 - text.count(b"=", len(text) - 4)
            self._n_samples += n_bytes // 2
            self.appends.append((now, self._n_samples))
            if n_bytes % 2 or not self.ready.is_set():
                self.faults.append("half a sample" if n_bytes % 2 else "audio before session.updated")
            if self.audio is not None:
                self.audio.append(base64.b64decode(text[start:-2]))
        else:
            self._other(msgspec.json.decode(text), now)

    def _other(self, event: dict[str, Any], now: float) -> None:
        if event["type"] == "session.update":
            self.emit("session.updated", session=event["session"])
            self.ready.set()
        elif event["type"] == "conversation.item.truncate":
            self.truncations.append((now, event["item_id"], event["audio_end_ms"]))
            echo = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
            self.emit("conversation.item.truncated", **echo)
        else:
            self.other.append(event["type"])


class Timetable:
    """Has a model answer its caller every few seconds, and the caller interrupt two answers out of three."""

    def __init__(
        self, session: ModelSession, caller: LightCaller, chunks: Sequence[bytes], number: int
    ) -> None:
        self.session, self.caller = session, caller
        self.replies: list[Reply] = []
        self._chunks = chunks
        self._number = number
        self._random = random.Random(number)
        self._loop = asyncio.get_running_loop()
        self._stopped = False

    def start(self, delay: float) -> None:
        """Begin with the first answer after ``delay`` seconds."""
        self._loop.call_later(delay, self._answer)

    def stop(self) -> None:
        """Begin no more answers."""
        self._stopped = True

    def _answer(self) -> None:
        if self._stopped:
            return
        self._loop.call_later(CYCLE, self._answer)
        n = len(self.replies)
        item_id = f"item_{self._number}_{n}"
        reply = Reply(item_id, self.caller.expect(item_id), (n + self._number) % 3, [])
        self.replies.append(reply)
        self._about("response.created", reply, response=self._response(reply, "in_progress"))
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self._about("response.output_item.added", reply, item=item)
        self._about("conversation.item.added", reply, item=item)
        self._about("response.content_part.added", reply, part={"type": "audio", "transcript": ""})
        self._send_delta(reply)
        if reply.kind == 1:
            self._loop.call_later(self._random.uniform(0.8, 2.7), self._interrupt, reply)

    def _send_delta(self, reply: Reply) -> None:
        n = len(reply.deltas_at)
        self._about("response.output_audio_transcript.delta", reply, delta="words ")
        head = (
            f'{{"type":"response.output_audio.delta","event_id":"event_1","response_id":"r_{reply.item_id}",'
        )
        place = f'"item_id":"{reply.item_id}","output_index":0,"content_index":0,"delta":"'
        text = b"".join([head.encode(), place.encode(), self._chunks[n], b'"}'])
        reply.deltas_at.append(time.monotonic())
        self.session.send(text)
        if reply.kind == 2 and n + 1 == CUT_SHORT_AFTER:
            self._interrupt(reply)
        if (reply.kind == 2 and n + 1 == CUT_SHORT_AFTER + 2) or n + 1 == len(self._chunks):
            self._finish(reply)
        else:
            self._loop.call_later(DELTA_SPACING, self._send_delta, reply)

    def _interrupt(self, reply: Reply) -> None:
        reply.speech_started_at = time.monotonic()
        reply.true_ms = reply.heard.heard_ms(reply.speech_started_at)
        self.session.emit("input_audio_buffer.speech_started", item_id=f"c_{reply.item_id}", audio_start_ms=0)
        self._loop.call_later(
            1.0,
            lambda: self.session.emit(
                "input_audio_buffer.speech_stopped", item_id=f"c_{reply.item_id}", audio_end_ms=0
            ),
        )

    def _finish(self, reply: Reply) -> None:
        status = "cancelled" if reply.kind == 2 else "completed"
        item_status = "incomplete" if reply.kind == 2 else "completed"
        item = {
            "id": reply.item_id,
            "type": "message",
            "role": "assistant",
            "status": item_status,
            "content": [],
        }
        self._about("response.output_audio.done", reply)
        self._about("response.output_audio_transcript.done", reply, transcript="words")
        self._about("response.content_part.done", reply, part={"type": "audio", "transcript": "words"})
        self._about("response.output_item.done", reply, item=item)
        self._about("conversation.item.done", reply, item=item)
        self._about("response.done", reply, response=self._response(reply, status))
        reply.done = True

    def _response(self, reply: Reply, status: str) -> dict[str, Any]:
        return {"id": f"r_{reply.item_id}", "object": "realtime.response", "status": status, "output": []}

    def _about(self, kind: str, reply: Reply, **fields: Any) -> None:
        ids = {"response_id": f"r_{reply.item_id}", "item_id": reply.item_id}
        self.session.emit(kind, **ids, output_index=0, content_index=0, **fields)
