"""Model sessions held for calls whose media stream is on its way: the first one, or another after a break."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gateway.agent_leg import AgentLeg

LEASE = 20.0
"""Seconds that a session is kept for a call whose media stream has not started."""


class Lease:
    """One call's agent, and what became of opening its session."""

    def __init__(self, leg: AgentLeg) -> None:
        self.leg = leg
        self._taken = asyncio.Event()
        self._settled = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether its session could not be opened."""
        return self._failure is not None

    @property
    def is_taken(self) -> bool:
        """Whether the session is a call's own."""
        return self._taken.is_set()

    def take(self) -> None:
        """Make the session the call's own, which disconnects it from now on."""
        self._taken.set()

    async def ready(self) -> None:
        """Wait until the session is open.

        Raises:
            RealtimeError: it cannot be opened, or it was lost meanwhile and no other can be had.
            Exception: whatever else went wrong.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure
        await self.leg.client.wait_for_session_created()

    async def hold(self, seconds: float) -> None:
        """Open the session, unless it is, and keep it until somebody takes it or its time is over; not if it fails."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._open()
                if not self.failed:
                    await self._taken.wait()

    async def _open(self) -> None:
        client = self.leg.client
        try:
            if self.leg.is_connected:  # or about to be: a stream may end before its session is open
                await client.wait_for_session_created()
            else:
                self.leg.is_connected = True
                await client.connect()
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

    def open(self, call_sid: str, new_leg: Callable[[], AgentLeg]) -> None:
        """Begin to open a call's session; a webhook that is repeated changes nothing."""
        if call_sid not in self._leases:
            self._begin(call_sid, Lease(new_leg()), LEASE)

    def park(self, leg: AgentLeg, seconds: float) -> None:
        """Keep the session of a call that has left its media stream and may open another."""
        self.drop(leg.call_sid)
        self._begin(leg.call_sid, Lease(leg), seconds)

    def waiting(self, call_sid: str) -> AgentLeg | None:
        """Give the agent of a call that is expected, or between two media streams."""
        lease = self._leases.get(call_sid)
        return lease.leg if lease is not None and not lease.failed else None

    def parked(self) -> list[AgentLeg]:
        """Give the agents of calls that are between two media streams."""
        return [lease.leg for lease in self._leases.values() if lease.leg.has_begun]

    def take(self, call_sid: str, new_leg: Callable[[], AgentLeg]) -> Lease:
        """Give a call its lease; one that begins now, if there is none any more, or nothing came of it."""
        lease = self._leases.get(call_sid)
        if lease is None or lease.failed:
            self._begin(call_sid, Lease(new_leg()), LEASE)
        lease = self._leases.pop(call_sid)
        lease.take()
        return lease

    def drop(self, call_sid: str) -> None:
        """Close the session of a call that is over, or comes no more; nothing if there is none."""
        if call_sid in self._leases:
            _call_off(self._holding[call_sid])

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._holding.values():
            _call_off(task)
        await self._tasks.__aexit__(kind, exc, trace)

    def _begin(self, call_sid: str, lease: Lease, seconds: float) -> None:
        self._leases[call_sid] = lease
        holding = self._hold(call_sid, lease, seconds)
        self._holding[call_sid] = self._tasks.create_task(holding, name="model lease")

    async def _hold(self, call_sid: str, lease: Lease, seconds: float) -> None:
        try:
            await lease.hold(seconds)
        finally:
            if self._holding.get(call_sid) is asyncio.current_task():
                del self._holding[call_sid]
            if self._leases.get(call_sid) is lease:
                del self._leases[call_sid]
            if not lease.is_taken:
                await lease.leg.client.disconnect()


def _call_off(holding: asyncio.Task[None]) -> None:
    """Cancel it once it has begun: before that, nobody would close the session."""
    asyncio.get_running_loop().call_soon(holding.cancel)
