"""Model sessions opened ahead: while Twilio is still dialling its way to us, the model's server is already asked."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from gateway.call_tools import KeyTones
from gateway.goodbye import Goodbye
from gateway.realtime import RealtimeClient

LEASE = 20.0
"""Seconds that a session is kept for a call whose media stream has not started."""


class Lease:
    """One call's client, with the tools that act on the call, and what became of opening its session.

    ``greeting`` is what the model says first, None waits for the caller; of ``tools`` it gets those that act on the call.
    """

    def __init__(
        self, client: RealtimeClient, *, greeting: str | None = None, tools: Collection[str] = ("hang_up",)
    ) -> None:
        self.client = client
        self.greeting = greeting
        self.goodbye = Goodbye()
        self.key_tones = KeyTones()
        for tool in (self.goodbye.tool(), self.key_tones.tool()):
            if tool.name in tools:
                client.toolbox.add(tool)
        self._taken = asyncio.Event()
        self._settled = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether its session could not be opened."""
        return self._failure is not None

    def take(self) -> None:
        """Make the client the call's own, which disconnects it from now on."""
        self._taken.set()

    async def ready(self) -> None:
        """Wait until the session is open.

        Raises:
            RealtimeError: it cannot be opened.
            Exception: whatever else went wrong.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    async def hold(self) -> None:
        """Open the session, and keep it until somebody takes it or its time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEASE):
                await self._open()
                await self._taken.wait()

    async def _open(self) -> None:
        try:
            await self.client.connect()
        except Exception as exc:  # it is for the call to deal with, and no other call's concern
            self._failure = exc
        finally:
            self._settled.set()


class ModelLeases:
    """The leases of calls that are expected, by CallSid. Owns the tasks that hold them, inside ``async with``."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._tasks = asyncio.TaskGroup()
        self._holding: dict[str, asyncio.Task[None]] = {}

    def open(self, call_sid: str, new_lease: Callable[[], Lease]) -> None:
        """Begin to open a call's session; a webhook that is repeated changes nothing."""
        if call_sid not in self._leases:
            self._begin(call_sid, new_lease())

    def take(self, call_sid: str, new_lease: Callable[[], Lease]) -> Lease:
        """Give a call its lease; one that begins now, if there is none any more, or nothing came of it."""
        lease = self._leases.get(call_sid)
        if lease is None or lease.failed:
            self._begin(call_sid, new_lease())
        lease = self._leases.pop(call_sid)
        lease.take()
        return lease

    def drop(self, call_sid: str) -> None:
        """Close the session of a call that is over before its stream has started; nothing if there is none."""
        if call_sid in self._leases:
            self._holding[call_sid].cancel()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._holding.values():
            task.cancel()
        await self._tasks.__aexit__(kind, exc, trace)

    def _begin(self, call_sid: str, lease: Lease) -> None:
        self._leases[call_sid] = lease
        self._holding[call_sid] = self._tasks.create_task(self._hold(call_sid, lease), name="model lease")

    async def _hold(self, call_sid: str, lease: Lease) -> None:
        try:
            await lease.hold()
        finally:
            if self._holding.get(call_sid) is asyncio.current_task():
                del self._holding[call_sid]
            if self._leases.get(call_sid) is lease:  # nobody took it
                del self._leases[call_sid]
                await lease.client.disconnect()
