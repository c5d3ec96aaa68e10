"""One WebSocket to a realtime server: sending client events, dispatching server events."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime.dispatch import RealtimeEventHandler
from gateway.realtime.events import ServerEvent, Unknown
from gateway.realtime.model_socket import ModelSocket, Strays
from gateway.realtime.providers import Provider
from gateway.realtime.retry import closed


class RealtimeAPI(RealtimeEventHandler):
    """The socket of a model session.

    Dispatches ``server.<type>`` and ``server.*`` with each server event, ``client.<type>`` and ``client.*`` with
    each client event before it is written, all as dicts, and ``close`` with ``{"code", "reason", "error"}``.
    Server events have their GA names; where the server used another, its own name is dispatched too.
    """

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider
        self._socket: ModelSocket | None = None
        self._opening: ModelSocket | None = None
        self._strays = Strays()
        self.on_server_event: Callable[[ServerEvent | Unknown], None] | None = None
        """Called with each server event of sockets opened from now on, typed, before the handlers; must not raise."""
        self.on_lost: Callable[[int, str], None] | None = None
        """Called with the close code and reason when the socket was not closed by us, before ``close``."""

    @property
    def n_malformed(self) -> int:
        """Messages that were not server events: skipped."""
        return self._strays.n_malformed

    @property
    def unknown_events(self) -> Counter[str]:
        """Server events of kinds we do not know, by type; at most 100 types are told apart."""
        return self._strays.unknown_events

    def is_connected(self) -> bool:
        """Whether events can be sent."""
        return self._socket is not None and self._socket.is_open

    async def connect(self, model: str | None = None) -> None:
        """Open the socket.

        Raises:
            LocalProtocolError: it is open already.
            RealtimeError: it cannot be opened, or `disconnect` came first.
        """
        if self._opening is not None or self._socket is not None:
            raise LocalProtocolError("already connected, disconnect first")
        self._opening = socket = self.new_socket(self.on_server_event)
        try:
            await socket.open(model)
            if self._opening is not socket:
                socket.abort()
                raise RealtimeError("disconnected while connecting", code="not_connected")
            self.use(socket)
        finally:
            if self._opening is socket:
                self._opening = None

    def new_socket(self, on_event: Callable[[ServerEvent | Unknown], None] | None) -> ModelSocket:
        """Make a further socket, whose events are dispatched here as well; `use` makes it the one to send on."""
        socket = ModelSocket(self.provider, self, self._strays)
        socket.on_event = on_event
        return socket

    def use(self, socket: ModelSocket) -> ModelSocket | None:
        """Send on this socket from now on; return the former one, which is the caller's to close.

        Raises:
            RealtimeError: the socket has been closed already.
        """
        if not socket.is_open:
            raise RealtimeError("the server closed at once", code=closed(1006))
        former, self._socket = self._socket, socket
        if former is not None:
            former.on_event = former.on_closed = former.on_writing_paused = None
        socket.on_closed = self._closed
        return former

    def drop(self, reason: str) -> None:
        """Give up the socket at once, as if the server had cut it off."""
        if self._socket is not None:
            self._socket.abort()
            self._closed(1006, reason)

    async def disconnect(self) -> None:
        """Close the socket and stop the handlers; does nothing when it is closed already."""
        self._opening = None
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await self.stop_handlers()
        if socket is not None:
            self.dispatch("close", {"code": 1000, "reason": "", "error": False})

    async def send(self, event_type: str, data: Mapping[str, Any] | None = None) -> str:
        """Send a client event; return its event id, which an ``error`` event would name.

        ``bytes`` values are sent as base64.

        Raises:
            RealtimeError: the socket is not open.
        """
        return self.send_nowait(event_type, data)

    def send_nowait(self, event_type: str, data: Mapping[str, Any] | None = None) -> str:
        """Do as `send`; neither ever waits."""
        if self._socket is None:
            raise RealtimeError("not connected", code="not_connected")
        return self._socket.send(event_type, data)

    def _closed(self, code: int, reason: str) -> None:
        self._socket = None
        if self.on_lost is not None:
            self.on_lost(code, reason)
        self.dispatch("close", {"code": code, "reason": reason, "error": True})
