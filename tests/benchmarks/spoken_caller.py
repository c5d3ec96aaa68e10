"""A caller who speaks recorded sentences to a realtime server, each when the last answer was heard out, in real time."""

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect

from gateway.sample_orders import order_status
from voice_codecs import MULAW_SILENCE, Downsampler, mulaw_encode

CLIPS = Path(__file__).parents[1] / "recordings" / "order_call"
FRAME_BYTES = 160
FRAME_SECONDS = 0.02
THINKS = 0.6
"""Seconds of silence before the caller answers."""
GIVES_UP = 15.0
"""Seconds after which a caller stops waiting for an answer, and goes on."""
_PCMU = {"type": "audio/pcmu"}
_TOOLS = [
    {
        "type": "function",
        "name": "order_status",
        "description": "Look up the status of an order.",
        "parameters": {
            "type": "object",
            "properties": {"order_number": {"type": "string"}},
            "required": ["order_number"],
        },
    }
]


@dataclass
class Exchange:
    """One sentence of the caller's and what came of it. Times are the event loop's clock, seconds."""

    said: str
    ended_at: float = 0.0
    """When its last sample was sent."""
    stopped_at: float | None = None
    """When the server told that the caller had stopped."""
    words_at: float | None = None
    words: str = ""
    sound_at: float | None = None
    """When the first audio of the answer came."""
    answer: str = ""


@dataclass
class SpokenCaller:
    """One conversation: the clips by name, in order."""

    clips: Sequence[str]
    exchanges: list[Exchange] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    """Seconds by which each frame was late."""
    _heard_until: float = 0.0
    _answered: bool = False

    async def converse(self, url: str) -> None:
        """Hold the conversation, to its end."""
        async with connect(url, compression=None, max_size=None) as socket:
            audio = {
                "input": {"format": _PCMU, "transcription": {"model": "any"}},
                "output": {"format": _PCMU},
            }
            session = {"type": "realtime", "audio": audio, "tools": _TOOLS}
            await _send(socket, "session.update", session=session)
            async with asyncio.TaskGroup() as tasks:
                listener = tasks.create_task(self._listen(socket))
                self.exchanges.append(Exchange(""))
                await _send(socket, "response.create")
                await self._speak(socket)
                listener.cancel()

    async def _speak(self, socket: ClientConnection) -> None:
        now = asyncio.get_running_loop().time
        next_at = now()
        for name in self.clips:
            waits_since = now()
            while (
                not (self._answered and now() > self._heard_until + THINKS) and now() < waits_since + GIVES_UP
            ):
                next_at = await self._send_frame(socket, MULAW_SILENCE * FRAME_BYTES, next_at)
            self._answered = False
            self.exchanges.append(Exchange(name))
            payload = clip(name)
            for start in range(0, len(payload), FRAME_BYTES):
                next_at = await self._send_frame(socket, payload[start : start + FRAME_BYTES], next_at)
            self.exchanges[-1].ended_at = now()
        waits_since = now()
        while not (self._answered and now() > self._heard_until) and now() < waits_since + GIVES_UP:
            next_at = await self._send_frame(socket, MULAW_SILENCE * FRAME_BYTES, next_at)

    async def _send_frame(self, socket: ClientConnection, payload: bytes, at: float) -> float:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(at - now())
        self.lateness.append(now() - at)
        await _send(socket, "input_audio_buffer.append", audio=base64.b64encode(payload).decode())
        return at + FRAME_SECONDS

    async def _listen(self, socket: ClientConnection) -> None:
        async for message in socket:
            event = msgspec.json.decode(message)
            await self._take(socket, event, asyncio.get_running_loop().time())

    async def _take(self, socket: ClientConnection, event: dict[str, Any], now: float) -> None:
        exchange = self.exchanges[-1]
        match event["type"]:
            case "error":
                raise AssertionError(event["error"])
            case "input_audio_buffer.speech_stopped":
                exchange.stopped_at = now
            case "conversation.item.input_audio_transcription.completed":
                exchange.words_at, exchange.words = now, event["transcript"]
            case "response.output_audio.delta":
                exchange.sound_at = exchange.sound_at or now
                duration = len(event["delta"]) * 3 / 4 / 8000
                self._heard_until = max(self._heard_until, now) + duration
            case "response.output_audio_transcript.done":
                exchange.answer += event["transcript"] + " "
            case "response.done":
                await self._response_done(socket, event["response"])

    async def _response_done(self, socket: ClientConnection, response: dict[str, Any]) -> None:
        calls = [item for item in response["output"] if item["type"] == "function_call"]
        for call in calls:
            output = json.dumps(await order_status(**json.loads(call["arguments"])))
            item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
            await _send(socket, "conversation.item.create", item=item)
        if calls:
            await _send(socket, "response.create")
        else:
            self._answered = response["status"] == "completed"


def clip(name: str) -> bytes:
    """A recorded sentence, mu-law at 8 kHz."""
    samples, sample_rate = soundfile.read(CLIPS / f"{name}.flac", dtype="int16")
    assert sample_rate == 24_000
    downsampler = Downsampler()
    whole = samples[: samples.size - samples.size % 3]
    return mulaw_encode(np.concatenate([downsampler.feed(whole), downsampler.flush()]))


async def _send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(msgspec.json.encode({"type": kind, **fields}), text=True)
