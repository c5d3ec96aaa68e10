"""Clients whose sessions are lost, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.realtime import Provider, RealtimeClient, SessionConfig
from gateway.realtime.dialogue import Dialogue
from tests.fake_behaviour import PATIENCE
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession

SECOND = bytes(48_000)


@asynccontextmanager
async def sessions(
    *behaviours: Behaviour, config: SessionConfig | None = None, **options: Any
) -> AsyncIterator[tuple[RealtimeClient, FakeRealtimeServer, FakeSession]]:
    """A client, its server, and their first session; whatever the client does wrong fails the test."""
    async with FakeRealtimeServer(behaviours, **options) as server:
        client = RealtimeClient(Provider(server.url, "m", "sk-test"), config)
        await client.connect()
        try:
            yield client, server, await server.session()
        finally:
            await client.disconnect()
    assert server.faults == []


def upcoming(client: RealtimeClient, name: str) -> asyncio.Future[Any]:
    """The next event of that name; unlike `wait_for_next`, from this very moment on."""
    arrival: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client.on_next(name, arrival.set_result)
    return arrival


def heard_of(client: RealtimeClient, *names: str) -> list[tuple[str, Any]]:
    """Everything the client tells by these names, in order."""
    told: list[tuple[str, Any]] = []

    def listener(name: str) -> Callable[[Any], None]:
        return lambda event: told.append((name, event))

    for name in names:
        client.on(name, listener(name))
    return told


async def lose(client: RealtimeClient, server: FakeRealtimeServer, session: FakeSession) -> FakeSession:
    """Cut a session off; return the next once it is restored."""
    restored = upcoming(client, "session.restored")
    session.drop()
    async with asyncio.timeout(PATIENCE):
        await restored
    return await server.session()


class Ticks:
    """Lets a test wait until the clock has been looked at a few times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tick = Dialogue.tick

        def counted(dialogue: Dialogue, now: float) -> None:
            tick(dialogue, now)
            self._n += 1
            self._came.set()

        self._n = 0
        self._came = asyncio.Event()
        monkeypatch.setattr(Dialogue, "tick", counted)
        monkeypatch.setattr("gateway.realtime.leg.TICK", 0.01)

    async def some(self, n: int = 5) -> None:
        """Return after that many more."""
        end = self._n + n
        async with asyncio.timeout(PATIENCE):
            while self._n < end:
                self._came.clear()
                await self._came.wait()
