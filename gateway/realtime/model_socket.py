"""One WebSocket of a realtime session: client events out, server events in, and nothing remembered of them."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from gateway.errors import RealtimeError, RemoteProtocolError
from gateway.realtime.connection import ModelConnection, open_connection
from gateway.realtime.dispatch import RealtimeEventHandler
from gateway.realtime.events import ServerEvent, Unknown, decode_event, ga_type, wire_type
from gateway.realtime.ids import generate_id
from gateway.realtime.providers import Provider
from gateway.realtime.retry import closed

MAX_UNKNOWN_TYPES = 100

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Any])
_log = structlog.get_logger()


@dataclass
class Strays:
    """Messages that could not be acted on."""

    n_malformed: int = 0
    """Messages that were not server events: skipped."""
    unknown_events: Counter[str] = field(default_factory=Counter)
    """Events of kinds the gateway does not know, by type; at most 100 types are told apart."""


class ModelSocket:
    """Encodes, decodes, and tells ``observers`` of every event as a dict.

    They receive ``client.<type>`` and ``client.*`` before an event is written, ``server.<type>`` and ``server.*``
    when one has come; where a server uses another name than GA's, both names.
    """

    def __init__(self, provider: Provider, observers: RealtimeEventHandler, strays: Strays) -> None:
        self._provider = provider
        self._observers = observers
        self._strays = strays
        self._connection: ModelConnection | None = None
        self._event_ids = itertools.count(1)
        self._id_prefix = generate_id("evt_", 16)
        self._closed: tuple[int, str] | None = None
        self._is_given_up = False
        self.on_event: Callable[[ServerEvent | Unknown], None] | None = None
        """Called with each server event, typed, before the observers; must not raise."""
        self.on_closed: Callable[[int, str], None] | None = None
        """Called once with the close code and reason, unless we closed it ourselves."""
        self.on_writing_paused: Callable[[bool], None] | None = None
        """Called with True when the server does not keep up with what is sent, with False when it does again."""

    async def open(self, model: str | None = None) -> None:
        """Open the socket, for the provider's model or another.

        Raises:
            RealtimeError: it cannot be opened.
        """
        provider = self._provider
        self._connection = await open_connection(provider.connect_url(model), provider.headers(), self)
        if self._closed is not None:
            raise RealtimeError("the server closed at once", code=closed(self._closed[0]))

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""
        return self._connection is not None and self._connection.is_open

    def send(self, event_type: str, data: Mapping[str, Any] | None = None) -> str:
        """Send a client event, without waiting; return its event id, which an ``error`` event would name.

        ``bytes`` values become base64. What the server is slow to take is the connection's to buffer.

        Raises:
            RealtimeError: the socket is not open.
        """
        event = {
            "event_id": f"{self._id_prefix}_{next(self._event_ids)}",
            "type": event_type,
            **(data or {}),
        }
        connection = self._connection
        if connection is None or not connection.is_open:
            raise RealtimeError("not connected", code="not_connected")
        text = _encoder.encode(event)
        observers = self._observers
        if observers.has_any_handlers and any(
            observers.has_handlers(name) for name in (f"client.{event_type}", "client.*")
        ):
            raw = _decoder.decode(text)
            observers.dispatch(f"client.{event_type}", raw)
            observers.dispatch("client.*", raw)
        connection.write_text(text)
        return str(event["event_id"])

    async def close(self) -> None:
        """Close the socket; nothing is delivered any more."""
        self._give_up()
        if self._connection is not None:
            await self._connection.close()

    def abort(self) -> None:
        """Cut the socket off without waiting for the server, which may be stuck."""
        self._give_up()
        if self._connection is not None:
            self._connection.transport.abort()

    def _give_up(self) -> None:
        self._is_given_up = True
        self.on_event = self.on_closed = self.on_writing_paused = None

    def message_received(self, text: bytes) -> None:
        """Take a message from the connection: decode it, deliver it typed, dispatch it raw."""
        if self._is_given_up:
            return
        try:
            event = decode_event(text)
        except RemoteProtocolError as exc:
            self._strays.n_malformed += 1
            if self._strays.n_malformed == 1:
                _log.warning("malformed server event skipped", reason=str(exc))
            return
        if type(event) is Unknown:
            unknown = self._strays.unknown_events
            known = event.type in unknown or len(unknown) < MAX_UNKNOWN_TYPES
            unknown[event.type if known else "other"] += 1
        if self.on_event is not None:
            self.on_event(event)
        if self._observers.has_any_handlers:
            self._show(event, text)

    def connection_closed(self, code: int, reason: str) -> None:
        """Take the end of the connection."""
        self._closed = code, reason
        if self.on_closed is not None:
            self.on_closed(code, reason)

    def writing_paused(self, *, paused: bool) -> None:
        """Take the connection's word on whether the server keeps up."""
        if self.on_writing_paused is not None:
            self.on_writing_paused(paused)

    def _show(self, event: ServerEvent | Unknown, text: bytes) -> None:
        """Dispatch an event as a dict, decoded only if somebody wants it."""
        names = dict.fromkeys((f"server.{wire_type(event)}", f"server.{ga_type(event)}", "server.*"))
        if any(self._observers.has_handlers(name) for name in names):
            raw = _decoder.decode(text)
            for name in names:
                self._observers.dispatch(name, raw)
