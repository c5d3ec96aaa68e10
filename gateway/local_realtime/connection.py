"""Drives one session over its WebSocket: a reader, a timetable, and work beside them; sends in order, memory bounded."""

import asyncio
import time

import msgspec
import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.local_realtime.faults import NO_FAULTS, Faults
from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.heartbeat import Heartbeat
from gateway.local_realtime.observing import Recorder
from gateway.local_realtime.recognitions import Recognition
from gateway.local_realtime.responses import Speaking
from gateway.local_realtime.server_events import Event
from gateway.local_realtime.session import LocalSession
from gateway.local_realtime.voice import Voice

MAX_UNSENT_BYTES = 16 * 2**20
"""A client that leaves more than this unread is closed."""
MAX_RECOGNITIONS = 9
"""Of one session at a time, one look at an unfinished turn among them; beyond, an item's words are given up."""
WORK_TIMEOUT = 10.0
"""Seconds that words or sound may take; then it is given up."""


class Connection:
    """One client's socket and session."""

    def __init__(
        self,
        socket: ServerConnection,
        session: LocalSession,
        voice: Voice,
        recogniser: Recogniser | None,
        faults: Faults = NO_FAULTS,
        recorder: Recorder | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._socket = socket
        self._session = session
        self._voice = voice
        self._recogniser = recogniser
        self._faults = faults
        self._recorder = recorder
        self._heartbeat = heartbeat or Heartbeat()
        self._turn_to_send = asyncio.Lock()
        self._news = asyncio.Event()
        """Set when the session has been given something, and its next deadline may be another."""
        self._stalled = False
        self._n_recognitions = 0
        self._in_work: dict[str, asyncio.Timeout] = {}
        """What the voice is working on, by response."""
        self._tasks = asyncio.TaskGroup()
        self._now = asyncio.get_running_loop().time
        self._log = structlog.get_logger().bind(session_id=session.session_id)

    async def run(self) -> None:
        """Hold the session until either side closes it."""
        self._log.info("session started")
        try:
            async with self._tasks:
                await self._take(self._session.start(self._now()))
                self._tasks.create_task(self._keep_time(), name="timetable")
                self._tasks.create_task(self._go_wrong(), name="faults")
                await self._read()
        except* ConnectionClosed as closed:
            self._log.debug("socket closed", reason=str(closed.exceptions[0]))
        self._log.info("session ended")

    async def _read(self) -> None:
        """Hear the client out, to the end of the connection."""
        while True:
            text = await self._socket.recv()
            if self._recorder:  # not by the loop's clock, which in uvloop counts whole ms
                self._recorder.received(text, now := time.monotonic(), self._heartbeat.late(now))
            while self._session.has_unheard:
                await self._take(self._session.due(self._now()))
                await asyncio.sleep(0)  # minutes of audio leave room for other sessions
            await self._take(self._session.receive(text, self._now()))

    async def _keep_time(self) -> None:
        """Have the session do what is due."""
        while not self._session.expired:
            self._news.clear()
            deadline = self._session.next_deadline()
            if deadline > self._now():
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._news.wait()
                except TimeoutError:
                    pass
                continue
            await asyncio.sleep(0)  # a session with much to do leaves room for the others
            await self._take(self._session.due(self._now()))
        await self._socket.close(1001, "session expired")

    async def _take(self, events: list[Event]) -> None:
        """Send what came of something the session was given, and begin the work it wants done."""
        self._news.set()
        for recognition in self._session.take_recognitions():
            self._tasks.create_task(self._recognise(recognition), name="recognition")
        for speaking in self._session.take_speaking():
            self._tasks.create_task(self._speak(speaking), name="speech")
        for response_id, patience in self._in_work.items():
            if not self._session.wants_sound(response_id) and not patience.expired():
                patience.reschedule(0)
        await self._send(events)

    async def _send(self, events: list[Event]) -> None:
        """Send events behind those of earlier calls; close instead when the client does not read."""
        async with self._turn_to_send:
            for event in events:
                if self._stalled or event["type"] in self._faults.drop:
                    continue
                message = msgspec.json.encode(event)
                if self._recorder:
                    self._recorder.sent(event, time.monotonic())
                await self._socket.send(message, text=True)
                if self._socket.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    await self._socket.close(1013, "too much unread")

    async def _recognise(self, recognition: Recognition) -> None:
        if self._recogniser is None or self._n_recognitions >= MAX_RECOGNITIONS:
            reason = "Too many turns are being recognised."
            await self._take(self._session.not_recognised(recognition, "overloaded", reason))
            return
        self._n_recognitions += 1
        try:
            async with asyncio.timeout(WORK_TIMEOUT):
                transcript = await self._recogniser.recognise(recognition.samples)
        except (Exception, asyncio.CancelledError):  # a recogniser is anybody's code, and not needed for life
            if _is_being_cancelled():
                raise
            self._log.exception("recognition failed")
            reason = "Recognition failed."
            events = self._session.not_recognised(recognition, "recognition_failed", reason)
        else:
            events = self._session.recognised(recognition, transcript)
        finally:
            self._n_recognitions -= 1
        await self._take(events)

    async def _speak(self, speaking: Speaking) -> None:
        """Bring the sound of a response's words, piece by piece, as long as it is wanted."""
        for piece in speaking.pieces:
            if not self._session.wants_sound(speaking.response_id):
                return
            try:
                pcm16 = await self._sound(speaking, piece)
            except LookupError as exc:
                await self._take(self._session.not_spoken(speaking.response_id, str(exc)))
                return
            except (Exception, asyncio.CancelledError):  # a voice is anybody's code, too
                if _is_being_cancelled():
                    raise
                if not self._session.wants_sound(speaking.response_id):
                    return
                self._log.exception("speech failed")
                await self._take(self._session.not_spoken(speaking.response_id, "Speech synthesis failed."))
                return
            await self._take(self._session.spoken(speaking.response_id, pcm16, self._now()))

    async def _sound(self, speaking: Speaking, piece: str) -> bytes:
        """Have the voice speak, for as long as that is wanted."""
        async with asyncio.timeout(WORK_TIMEOUT) as patience:
            self._in_work[speaking.response_id] = patience
            try:
                return await self._voice.speak(piece, speed=speaking.speed)
            finally:
                del self._in_work[speaking.response_id]

    async def _go_wrong(self) -> None:
        """Have the faults that were asked for."""
        began_at, faults = self._now(), self._faults
        async with asyncio.TaskGroup() as tasks:
            if faults.stall_after is not None:
                tasks.create_task(self._stall(began_at + faults.stall_after), name="stall")
            if faults.close_after is not None:
                tasks.create_task(self._close(began_at + faults.close_after), name="close")

    async def _stall(self, at: float) -> None:
        await asyncio.sleep(at - self._now())
        self._stalled = True
        self._socket.transport.pause_reading()  # not even pings are answered

    async def _close(self, at: float) -> None:
        await asyncio.sleep(at - self._now())
        if self._faults.close_code == 1006:  # the code of a connection that was cut
            self._socket.transport.abort()
        else:
            await self._socket.close(self._faults.close_code, "This fault was asked for.")


def _is_being_cancelled() -> bool:
    """Whether it is this task that is to end, not only the work that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
