"""Clients of the fake realtime server for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.realtime import Provider, RealtimeAPI, RealtimeClient, SessionConfig
from tests.fake_behaviour import PATIENCE, Behaviour
from tests.fakes import FakeRealtimeServer, FakeSession

MANUAL = SessionConfig(turn_detection=None)


@dataclass(frozen=True)
class Connected:
    """A client, its server, and their session."""

    client: RealtimeClient
    server: FakeRealtimeServer
    session: FakeSession


@contextlib.asynccontextmanager
async def connected(
    config: SessionConfig | None = None,
    behaviour: Behaviour | None = None,
    *tools: Any,
    keep_audio: bool = False,
) -> AsyncIterator[Connected]:
    """Open a session with a strict server; at the end, close it and hold the server's faults against the client."""
    async with FakeRealtimeServer(behaviour) as server:
        client = RealtimeClient(Provider(server.url, "m"), config, keep_audio=keep_audio)
        for tool in tools:
            await client.add_tool(tool)
        await client.connect()
        try:
            yield Connected(client, server, await server.session())
        finally:
            await client.disconnect()
        assert server.faults == []


@contextlib.asynccontextmanager
async def opened_api() -> AsyncIterator[tuple[RealtimeAPI, FakeRealtimeServer, FakeSession]]:
    """Open a socket to a server that does not greet."""
    async with FakeRealtimeServer(Behaviour(greets=False)) as server:
        api = RealtimeAPI(Provider(server.url, "m"))
        await api.connect()
        try:
            yield api, server, await server.session()
        finally:
            await api.disconnect()


async def next_event(source: Any, name: str) -> Any:
    """The next event of that name, in the time a test has."""
    return await source.wait_for_next(name, timeout=PATIENCE)


def record(source: Any, *names: str) -> list[tuple[str, Any]]:
    """A list that grows with each event of those names."""
    seen: list[tuple[str, Any]] = []

    def listen(name: str) -> None:
        source.on(name, lambda event: seen.append((name, event)))

    for name in names:
        listen(name)
    return seen


async def until_handled(client: RealtimeClient, session: FakeSession) -> None:
    """Return when the client has taken everything that the session sent so far."""
    arrived = asyncio.ensure_future(next_event(client.realtime, "server.rate_limits.updated"))
    await asyncio.sleep(0)
    await session.send({"type": "rate_limits.updated", "rate_limits": []})
    await arrived


async def until_taken(client: RealtimeClient, session: FakeSession) -> None:
    """Return when the session has taken everything that the client sent so far, and the client the answers."""
    arrived = asyncio.Event()
    handler = client.on("error", lambda error: arrived.set() if error.event_id == event_id else None)
    event_id = await client.realtime.send("response.cancel", {"response_id": "none"})
    async with asyncio.timeout(PATIENCE):
        await arrived.wait()
    client.off("error", handler)
