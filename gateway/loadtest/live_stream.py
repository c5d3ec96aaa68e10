"""Plays a recorded caller over one open WebSocket, on deadlines."""

import asyncio
import socket
import struct
from typing import Literal

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.steps import Step

HangUp = Literal["stop", "reset", "close"]
"""How the caller's end goes away: as Twilio does, with a TCP reset, or with a close frame but no stop message."""

_REASONS = {"stop": "caller-hung-up", "reset": "caller-reset", "close": "caller-closed"}


class LiveStream:
    """One open media stream: a task that sends on deadlines, and the reader."""

    def __init__(self, caller: RecordedCaller, websocket: ClientConnection, end: HangUp) -> None:
        self._caller = caller
        self._websocket = websocket
        self._end = end
        self._now = asyncio.get_running_loop().time
        self._deadline = 0.0
        self._sooner = asyncio.Event()
        """Set when something is due before the deadline that is waited for."""

    async def carry(self) -> Step:
        """Carry the stream until one side ends it; tell how the call goes on."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_when_due(), name="caller-sends")
            await self._read()
            sender.cancel()
        return self._caller.stream_closed(self._websocket.close_code, self._now())

    async def _read(self) -> None:
        caller = self._caller
        try:
            async for message in self._websocket:
                caller.receive(message, self._now())
                deadline = caller.next_deadline()
                if deadline is not None and deadline < self._deadline:
                    self._sooner.set()
        except ConnectionClosed:
            pass  # the close code says it

    async def _send_when_due(self) -> None:
        try:
            for message in self._caller.begin(self._now()):
                await self._websocket.send(message)
            while not self._caller.wants_to_hang_up(now := self._now()):
                for message in self._caller.due(now):
                    await self._websocket.send(message)
                deadline = self._caller.next_deadline()
                if deadline is None:  # somebody hung up for the caller
                    break
                await self._wait(deadline)
            await self._hang_up()
        except ConnectionClosed:
            pass  # the reader has seen it too

    async def _wait(self, deadline: float) -> None:
        self._deadline = deadline
        self._sooner.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._sooner.wait()
        except TimeoutError:
            pass

    async def _hang_up(self) -> None:
        websocket = self._websocket
        if self._caller.end is None:
            for message in self._caller.hang_up(self._now(), reason=_REASONS[self._end]):
                await websocket.send(message)
        if self._end == "reset":
            tcp: socket.socket = websocket.transport.get_extra_info("socket")
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            websocket.transport.abort()
        else:
            async with websocket.send_context():
                websocket.protocol.send_close()  # without status, as Twilio does
