"""Plays a recorded caller over one open WebSocket, on deadlines."""

import asyncio
import socket
import struct
from typing import Literal

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.loadtest.caller import Parting, RecordedCaller
from gateway.loadtest.steps import Step

HangUp = Literal["stop", "reset", "close"]
"""How the caller's end goes away: as Twilio does, with a TCP reset, or with a close frame but no stop message."""

_REASONS = {"stop": "caller-hung-up", "reset": "caller-reset", "close": "caller-closed"}


class LiveStream:
    """One open media stream: a task that sends on deadlines, and one that reads.

    ``sooner`` is set by whoever has something that cannot wait for the deadline that is waited for.
    """

    def __init__(
        self, caller: RecordedCaller, websocket: ClientConnection, end: HangUp, sooner: asyncio.Event
    ) -> None:
        self._caller = caller
        self._websocket = websocket
        self._end = end
        self._now = asyncio.get_running_loop().time
        self._deadline = 0.0
        self._sooner = sooner
        self.is_half_open = False
        """Whether Twilio has given the stream up and left the connection as it was."""

    async def carry(self) -> Step:
        """Carry the stream until one side ends it, or gives it up; tell how the call goes on."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send_when_due(), name="caller-sends")
            reader = tasks.create_task(self._read(), name="caller-hears")
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
            if self.is_half_open:
                reader.cancel()
            else:
                await asyncio.wait((reader,))
            sender.cancel()
        code = None if self.is_half_open else self._websocket.close_code
        return self._caller.stream_closed(code, self._now())

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
            while (parting := self._caller.parting(now := self._now())) is None:
                for message in self._caller.due(now):
                    await self._websocket.send(message)
                deadline = self._caller.next_deadline()
                if deadline is not None:  # else somebody has hung up for the caller
                    await self._wait(deadline)
            await self._part(parting)
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

    async def _part(self, parting: Parting) -> None:
        match parting:
            case "hang-up":
                await self._hang_up()
            case "change":
                for message in self._caller.leave(self._now()):
                    await self._websocket.send(message)
                await self._close()
            case "break":
                self._reset()
            case "fall-silent":
                if not self._websocket.transport.is_closing():
                    self._websocket.transport.pause_reading()  # not even a ping is answered
                    self.is_half_open = True

    async def _hang_up(self) -> None:
        if self._caller.end is None:
            for message in self._caller.hang_up(self._now(), reason=_REASONS[self._end]):
                await self._websocket.send(message)
        if self._end == "reset":
            self._reset()
        else:
            await self._close()

    async def _close(self) -> None:
        async with self._websocket.send_context():
            self._websocket.protocol.send_close()  # without status, as Twilio does

    def _reset(self) -> None:
        tcp: socket.socket = self._websocket.transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._websocket.transport.abort()
