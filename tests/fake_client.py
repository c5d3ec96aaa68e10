"""A client of the fake realtime server that a test drives by hand, event by event."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.client import ClientConnection, connect

from gateway.realtime import Provider, SessionConfig
from tests.fake_behaviour import Event
from tests.fakes import FakeRealtimeServer, FakeSession

UPDATE: Event = {
    "type": "session.update",
    "event_id": "u",
    "session": Provider("ws://127.0.0.1", "m").session(SessionConfig()),
}
APPEND: Event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(960)).decode()}
OFFICIAL: Mapping[str, TypeAdapter[Any]] = {
    "ga": TypeAdapter(RealtimeServerEvent),
    "beta": TypeAdapter(BetaServerEvent),
}
"""The official server events of a dialect."""


async def event_of(client: ClientConnection, kind: str, dialect: str = "ga") -> Event:
    """Read on until an event of that type, and hold all of them against the official types."""
    while True:
        event: Event = json.loads(await client.recv())
        OFFICIAL[dialect].validate_python(event)
        if event["type"] == kind:
            return event


async def opened(
    server: FakeRealtimeServer, update: Event = UPDATE, dialect: str = "ga"
) -> tuple[ClientConnection, FakeSession]:
    """Open a session by hand, to its confirmation."""
    client = await connect(server.url + "?model=m", compression=None)
    await event_of(client, "session.created", dialect)
    await client.send(json.dumps(update))
    await event_of(client, "session.updated", dialect)
    return client, await server.session()


async def ask(client: ClientConnection, *events: Event) -> list[Event]:
    """Send events and a cancellation that fails at once; return what was answered before that."""
    for event in events:
        await client.send(json.dumps(event))
    await client.send(json.dumps({"type": "response.cancel", "response_id": "none", "event_id": "last"}))
    answers: list[Event] = []
    while not answers or answers[-1].get("error", {}).get("event_id") != "last":
        answers.append(json.loads(await client.recv()))
        OFFICIAL["ga"].validate_python(answers[-1])
    return answers[:-1]


def created(item: Event, *, event_id: str | None = None, **fields: Any) -> Event:
    """A conversation.item.create."""
    named = {"event_id": event_id} if event_id else {}
    return {"type": "conversation.item.create", "item": item, **named, **fields}


def message(role: str, text: str, item_id: str, kind: str | None = None) -> Event:
    """A message of text, of the type of content that its role has unless told."""
    kind = kind or ("output_text" if role == "assistant" else "input_text")
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def call(call_id: str, item_id: str) -> Event:
    """A function call, as replayed."""
    named = {"call_id": call_id, "name": "get_hours", "arguments": "{}"}
    return {"id": item_id, "type": "function_call", **named}


def output(call_id: str, item_id: str) -> Event:
    """A function call's output."""
    return {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": "9 to 5"}
