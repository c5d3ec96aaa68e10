"""One WebSocket to a realtime server: sending client events, dispatching server events."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from gateway.errors import LocalProtocolError, RealtimeError, RemoteProtocolError
from gateway.realtime.connection import ModelConnection, open_connection
from gateway.realtime.dispatch import RealtimeEventHandler
from gateway.realtime.events import ServerEvent, Unknown, decode_event
from gateway.realtime.providers import Provider

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Any])
_log = structlog.get_logger()


class RealtimeAPI(RealtimeEventHandler):
    """The socket of a model session.

    Dispatches ``server.<type>`` and ``server.*`` with each server event, ``client.<type>`` and ``client.*`` with
    each client event before it is written, all as dicts, and ``close`` with ``{"code", "reason", "error"}``.
    A program that wants server events typed, and at the least cost, sets ``on_server_event``.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider
        self._connection: ModelConnection | None = None
        self._opening = False
        self._event_ids = itertools.count(1)
        self._session_prefix = f"evt_{time.time_ns():x}"
        self.on_server_event: Callable[[ServerEvent | Unknown], None] | None = None
        """Called with each server event, before the handlers; must not raise."""
        self.on_writing_paused: Callable[[bool], None] | None = None
        """Called with True when the server does not keep up with what is sent, and with False when it does."""
        self.n_malformed = 0
        """Messages that were not server events: skipped."""
        self.unknown_events: Counter[str] = Counter()
        """Events of kinds the gateway does not know, by type; at most 100 types are told apart."""

    def is_connected(self) -> bool:
        """Whether events can be sent."""
        return self._connection is not None

    async def connect(self, model: str | None = None) -> None:
        """Open the socket.

        Raises:
            LocalProtocolError: it is open already.
            RealtimeError: it cannot be opened.
        """
        if self._opening or self._connection is not None:
            raise LocalProtocolError("already connected")
        self._opening = True
        try:
            url = self._provider.connect_url(model)
            connection = await open_connection(url, self._provider.headers(), self)
            if not connection.is_open:
                raise RealtimeError("the server closed at once", code="closed")
            self._connection = connection
        finally:
            self._opening = False

    async def disconnect(self) -> None:
        """Close the socket and stop the handlers; does nothing when it is closed already."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        await self.stop_handlers()

    async def send(self, event_type: str, data: Mapping[str, Any] | None = None) -> str:
        """Send a client event; return its event id, which an ``error`` event would name.

        ``bytes`` values are sent as base64.

        Raises:
            RealtimeError: the socket is not open.
        """
        return self.send_nowait(event_type, data)

    def send_nowait(self, event_type: str, data: Mapping[str, Any] | None = None) -> str:
        """Do as `send`. Nothing ever waits: what the server is slow to take is the connection's to buffer."""
        event = {
            "event_id": f"{self._session_prefix}_{next(self._event_ids)}",
            "type": event_type,
            **(data or {}),
        }
        if self._connection is None:
            raise RealtimeError("not connected", code="not_connected")
        name = f"client.{event_type}"
        if self.has_handlers(name) or self.has_handlers("client.*"):
            self.dispatch(name, event)
            self.dispatch("client.*", event)
        if not self._connection.write_text(_encoder.encode(event)):
            raise RealtimeError("the connection is closing", code="not_connected")
        return str(event["event_id"])

    def message_received(self, text: bytes) -> None:
        """Take a message from the socket: decode it, deliver it typed, dispatch it raw."""
        try:
            event = decode_event(text)
        except RemoteProtocolError as exc:
            self.n_malformed += 1
            if self.n_malformed == 1:
                _log.warning("malformed server event skipped", reason=str(exc))
            return
        if isinstance(event, Unknown):
            known = event.type in self.unknown_events or len(self.unknown_events) < 100
            self.unknown_events[event.type if known else "other"] += 1
        if self.on_server_event is not None:
            self.on_server_event(event)
        name = "server." + (event.type if isinstance(event, Unknown) else str(event.__struct_config__.tag))
        if self.has_handlers(name) or self.has_handlers("server.*"):
            raw = _decoder.decode(text)
            self.dispatch(name, raw)
            self.dispatch("server.*", raw)

    def connection_closed(self, code: int, reason: str) -> None:
        """Take the end of the socket."""
        if self._opening:
            return  # `connect` reports it
        expected, self._connection = self._connection is None, None
        self.dispatch("close", {"code": code, "reason": reason, "error": not expected})

    def writing_paused(self, *, paused: bool) -> None:
        """Take the socket's word on whether the server keeps up."""
        if self.on_writing_paused is not None:
            self.on_writing_paused(paused)
