"""Drives one session over its WebSocket: one reader, one timetable, sends in order, memory bounded."""

import asyncio

import msgspec
import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.local_realtime.caller_turns import Recognition
from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.session import LocalSession

MAX_UNSENT_BYTES = 16 * 2**20
"""A client that leaves more than this unread is closed."""
MAX_RECOGNITIONS = 8
"""Turns of one session being recognised at a time; beyond, the transcript is given up."""


class Connection:
    """One client's socket and session."""

    def __init__(
        self, socket: ServerConnection, session: LocalSession, recogniser: Recogniser | None
    ) -> None:
        self._socket = socket
        self._session = session
        self._recogniser = recogniser
        self._turn_to_send = asyncio.Lock()
        self._n_recognitions = 0
        self._log = structlog.get_logger().bind(session_id=session.session_id)

    async def run(self) -> None:
        """Hold the session until either side closes it."""
        self._log.info("session started")
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._converse(tasks)
        except* ConnectionClosed as closed:
            self._log.debug("socket closed", reason=str(closed.exceptions[0]))
        self._log.info("session ended")

    async def _converse(self, tasks: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        await self._send(self._session.start(clock()))
        while not self._session.expired:
            await self._send(await self._next_events())
            for recognition in self._session.take_recognitions():
                await self._recognise_beside(recognition, tasks)
        await self._socket.close(1001, "session expired")

    async def _next_events(self) -> list[Event]:
        """Wait for the client or for the timetable, whichever comes first."""
        clock = asyncio.get_running_loop().time
        if self._session.next_deadline() <= clock():
            await asyncio.sleep(0)  # a session with much to do leaves room for the others
            return self._session.due(clock())
        try:
            async with asyncio.timeout_at(self._session.next_deadline()):
                text = await self._socket.recv()
        except TimeoutError:
            return self._session.due(clock())
        return self._session.receive(text, clock())

    async def _send(self, events: list[Event]) -> None:
        """Send events behind those of earlier calls; close instead when the client does not read."""
        async with self._turn_to_send:
            for event in events:
                await self._socket.send(msgspec.json.encode(event), text=True)
                if self._socket.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    await self._socket.close(1013, "too much unread")

    async def _recognise_beside(self, recognition: Recognition, tasks: asyncio.TaskGroup) -> None:
        if self._recogniser is None or self._n_recognitions >= MAX_RECOGNITIONS:
            reason = "Too many turns are being recognised."
            await self._send(self._session.not_recognised(recognition.item_id, "overloaded", reason))
            return
        self._n_recognitions += 1
        tasks.create_task(self._recognise(self._recogniser, recognition), name="recognition")

    async def _recognise(self, recogniser: Recogniser, recognition: Recognition) -> None:
        try:
            transcript = await recogniser.recognise(recognition.samples)
        except Exception:  # a recogniser is anybody's code, and the call goes on without its words
            self._log.exception("recognition failed")
            reason = "Recognition failed."
            events = self._session.not_recognised(recognition.item_id, "recognition_failed", reason)
        else:
            events = self._session.recognised(recognition, transcript)
        finally:
            self._n_recognitions -= 1
        await self._send(events)
