"""The socket of one session of the fake realtime server, with the means to maltreat it."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.fake_behaviour import Event
from tests.fake_dialects import Dialect


class Line:
    """Sends events to one client, reads its messages, and can stop doing either."""

    def __init__(self, connection: ServerConnection, dialect: Dialect) -> None:
        self.closed = asyncio.Event()
        """The client has gone."""
        self._connection = connection
        self._dialect = dialect
        self._numbers = itertools.count(1)
        self._reads = asyncio.Event()
        self._reads.set()
        self._writes = asyncio.Event()
        self._writes.set()

    async def send(self, event: Event) -> None:
        """Send any event, given as GA writes it; its ``event_id`` is put in."""
        for message in self._written(event):
            await self.send_raw(message)

    async def send_raw(self, message: str | bytes) -> None:
        """Send any message: text, or binary. It is lost if the client has gone, and waits while we are frozen."""
        await self._writes.wait()
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(message)

    async def error(self, code: str, message: str = "", *, event_id: str | None = None) -> None:
        """Report an error."""
        detail = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id}
        await self.send({"type": "error", "error": detail})

    async def flood_errors(self, n: int, code: str = "server_error") -> None:
        """Report as many errors, one behind the other."""
        for number in range(n):
            await self.error(code, f"number {number}")

    async def session_expired(self) -> None:
        """End the session as at its time limit."""
        message = "The session has reached its longest duration."
        await self.error("session_expired", message)
        await self.close(1001, message)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the session's socket properly."""
        self.thaw()
        await self._connection.close(code, reason)

    async def close_behind(self, event: Event, code: int = 1000) -> None:
        """Send an event and close, in one write."""
        protocol = self._connection.protocol
        for message in self._written(event):
            protocol.send_text(message.encode())
        protocol.send_close(code)
        self._connection.transport.write(b"".join(protocol.data_to_send()))

    def drop(self) -> None:
        """Cut the connection off without a word."""
        self._connection.transport.abort()
        self._reads.set()
        self._writes.set()

    def stop_reading(self) -> None:
        """Take nothing from the socket any more, so that the client's writes pile up; we can still send."""
        self._reads.clear()
        self._connection.transport.pause_reading()

    def freeze(self) -> None:
        """Read nothing, send nothing, answer no ping: only the socket is still there. A client's going is not seen."""
        self._writes.clear()
        self.stop_reading()

    def thaw(self) -> None:
        """Go on as if nothing had been."""
        self._writes.set()
        if not self._reads.is_set():
            self._reads.set()
            if not self._connection.transport.is_closing():
                self._connection.transport.resume_reading()

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """What the client sends, until it has gone."""
        with contextlib.suppress(ConnectionClosed):
            async for message in self._connection:
                if not self._reads.is_set():  # taking a message makes the library resume reading
                    self._connection.transport.pause_reading()
                await self._reads.wait()
                yield message

    def _written(self, event: Event) -> list[str]:
        wired = self._dialect.on_wire(event)
        return [json.dumps({"event_id": f"event_{next(self._numbers)}", **each}) for each in wired]
