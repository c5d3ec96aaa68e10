"""What an application, or a call, talks to: one conversation with a realtime model."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.conversation import RealtimeConversation
from gateway.realtime.dispatch import Handler, RealtimeEventHandler
from gateway.realtime.events import (
    ErrorEvent,
    ItemAdded,
    ItemCreated,
    ItemDone,
    OutputItemDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    Unknown,
)
from gateway.realtime.held_audio import HeldAudio
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig, check_formats, session_update

SESSION_TIMEOUT = 8.0
"""Seconds that the server gets to confirm our session, once its socket is open."""
BENIGN_ERRORS = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    }
)
"""Errors that only say that a race was lost."""

_log = structlog.get_logger()


class RealtimeClient(RealtimeEventHandler):
    """A session with a realtime model over one socket: audio and text in, audio and text out.

    Dispatches ``realtime.event`` ({"time", "source", "event"}), ``conversation.updated`` ({"item", "delta"}),
    ``conversation.item.appended`` and ``conversation.item.completed`` ({"item"}), ``conversation.interrupted``,
    ``error`` (ErrorDetail) and ``close`` ({"code", "reason", "error"}).
    """

    def __init__(
        self, provider: Provider, config: SessionConfig | None = None, *, keep_audio: bool = False
    ) -> None:
        super().__init__()
        self.realtime = RealtimeAPI(provider)
        self.conversation = RealtimeConversation(keep_audio=keep_audio)
        self.config = config or SessionConfig()
        self.session_id: str | None = None
        self.on_server_event: Callable[[ServerEvent | Unknown], None] | None = None
        """Called with each server event, typed, after the conversation has seen it; must not raise."""
        self._ready = False
        self._paused_at: float | None = None
        self._held = HeldAudio()
        self._created: asyncio.Future[None] | None = None
        self._confirmed: asyncio.Future[None] | None = None
        self._update_id: str | None = None
        self._completed: deque[str] = deque(maxlen=64)
        self.realtime.on_server_event = self._server_event
        self.realtime.on_writing_paused = self._writing_paused
        self.realtime.on("close", self._closed)

    def on(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on every event of that name; return it."""
        if name == "realtime.event" and not self.has_handlers(name):
            self.realtime.on("server.*", lambda event: self.dispatch(name, _observed("server", event)))
            self.realtime.on("client.*", lambda event: self.dispatch(name, _observed("client", event)))
        return super().on(name, handler)

    def is_connected(self) -> bool:
        """Whether the socket is open."""
        return self.realtime.is_connected()

    @property
    def is_ready(self) -> bool:
        """Whether the server has confirmed our session, so that audio goes straight to it."""
        return self._ready

    def congested_for(self, now: float) -> float:
        """Seconds for which the server has not kept up with what we send; 0 when it does."""
        return 0.0 if self._paused_at is None else now - self._paused_at

    @property
    def n_dropped_ms(self) -> int:
        """Caller audio given up because the server was not ready or did not keep up."""
        return self._held.n_dropped_ms

    async def connect(self, model: str | None = None) -> None:
        """Open a session: socket, ``session.created``, our complete ``session.update``, ``session.updated``.

        Raises:
            LocalProtocolError: it is open already.
            RealtimeError: it cannot be opened, or the server refuses our session or confirms another audio format.
        """
        if self._created is not None:
            raise LocalProtocolError("already connected, disconnect first")
        loop = asyncio.get_running_loop()
        self._created, self._confirmed = loop.create_future(), loop.create_future()
        try:
            await self.realtime.connect(model)
            async with asyncio.timeout(SESSION_TIMEOUT):
                await self._created
                session = session_update(self.config)
                self._update_id = await self.realtime.send("session.update", {"session": session})
                await self._confirmed
        except TimeoutError:
            await self.disconnect()
            raise RealtimeError("the server did not confirm the session in time", code="timeout") from None
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Close the session; does nothing when it is closed already."""
        self._ready = False
        for future in (self._created, self._confirmed):
            if future is not None:
                future.cancel()
        self._created = self._confirmed = None
        await self.realtime.disconnect()
        await self.stop_handlers()

    async def append_input_audio(self, pcm16: bytes) -> None:
        """Give the model caller audio: PCM16 24 kHz, little-endian, whole samples."""
        self.append_input_audio_nowait(pcm16)

    def append_input_audio_nowait(self, pcm16: bytes) -> None:
        """Do as `append_input_audio`. Until the session is ready, and while it is congested, audio is held."""
        if len(pcm16) % 2:
            raise ValueError("half a sample of PCM16")
        if not pcm16:
            return
        if self._ready and self._paused_at is None:
            self.realtime.send_nowait("input_audio_buffer.append", {"audio": pcm16})
            return
        self._held.hold(pcm16)

    async def send_user_message_content(self, content: Sequence[Mapping[str, Any]]) -> None:
        """Add a message of the user and have the model answer it.

        Args:
            content: parts such as ``{"type": "text", "text": ...}``; ``bytes`` audio is sent as base64.
        """
        parts = [{**part, "type": "input_text"} if part["type"] == "text" else dict(part) for part in content]
        if parts:
            item = {"type": "message", "role": "user", "content": parts}
            await self.realtime.send("conversation.item.create", {"item": item})
        await self.create_response()

    async def create_response(self) -> None:
        """Have the model answer now."""
        await self.realtime.send("response.create")

    async def cancel_response(self, response_id: str | None = None) -> None:
        """Have the model stop generating; losing the race against its end is harmless."""
        self.cancel_response_nowait(response_id)

    def cancel_response_nowait(self, response_id: str | None = None) -> None:
        """Do as `cancel_response`."""
        self.realtime.send_nowait("response.cancel", {"response_id": response_id} if response_id else None)

    def truncate_item_nowait(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model that the caller heard this much of an item, and no more."""
        data = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
        self.realtime.send_nowait("conversation.item.truncate", data)

    async def delete_item(self, item_id: str) -> None:
        """Remove an item from the conversation."""
        await self.realtime.send("conversation.item.delete", {"item_id": item_id})

    def _server_event(self, event: ServerEvent | Unknown) -> None:
        item, delta = self.conversation.process_event(event)
        match event:
            case SessionCreated():
                self.session_id = event.session.id
                _settle(self._created)
            case SessionUpdated():
                self._session_updated(event)
            case ErrorEvent():
                self._error(event)
            case SpeechStarted():
                self.dispatch("conversation.interrupted")
            case _:
                pass
        if item is not None:
            if isinstance(event, ItemAdded | ItemCreated):
                self.dispatch("conversation.item.appended", {"item": item})
            self.dispatch("conversation.updated", {"item": item, "delta": delta})
            final = isinstance(event, ItemDone | OutputItemDone) and item.status == "completed"
            if final and item.id not in self._completed:
                self._completed.append(item.id)
                self.dispatch("conversation.item.completed", {"item": item})
        if self.on_server_event is not None:
            self.on_server_event(event)

    def _session_updated(self, event: SessionUpdated) -> None:
        try:
            check_formats(event.session)
        except RealtimeError as exc:
            _settle(self._confirmed, exc)
            return
        if _settle(self._confirmed):
            self._ready = True
            self._release()

    def _error(self, event: ErrorEvent) -> None:
        error = event.error
        code = error.code or error.type or "error"
        if error.event_id in {None, self._update_id} and self._fail_setup(
            RealtimeError("the server refused the session", code=code)
        ):
            return
        if code not in BENIGN_ERRORS:
            _log.warning("model error", code=code[:80])
        self.dispatch("error", error)

    def _fail_setup(self, exc: RealtimeError) -> bool:
        """End a `connect` that is still waiting; return whether there was one."""
        return _settle(self._created, exc) or _settle(self._confirmed, exc)

    def _closed(self, event: dict[str, Any]) -> None:
        self._ready = False
        self._fail_setup(RealtimeError(f"the server closed with {event['code']}", code="closed"))
        self.dispatch("close", event)

    def _writing_paused(self, paused: bool) -> None:
        self._paused_at = time.monotonic() if paused else None
        if not paused:
            self._release()

    def _release(self) -> None:
        """Send the audio that was held."""
        while self._held and self._ready and self._paused_at is None:
            self.realtime.send_nowait("input_audio_buffer.append", {"audio": self._held.release()})


def _observed(source: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"time": datetime.now(UTC).isoformat(), "source": source, "event": event}


def _settle(future: asyncio.Future[None] | None, exc: Exception | None = None) -> bool:
    """Finish a future that somebody may be waiting for; return whether it was open."""
    if future is None or future.done():
        return False
    if exc is None:
        future.set_result(None)
    else:
        future.set_exception(exc)
        future.exception()  # whoever waits sees it; nobody may be waiting yet
    return True
