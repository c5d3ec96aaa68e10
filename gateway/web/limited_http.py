"""HTTP with the limits that uvicorn lacks: it never times out an unfinished request, nor minds the size of its head."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_TIMEOUT = 5.0
"""Seconds for a whole request."""
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024
"""All header lines and the request's target together."""
MAX_HEADER_LINE = 8 * 1024
"""What the WebSocket handshake's parser takes."""


class LimitedHttp(HttpToolsProtocol):
    """HTTP with a deadline for each request and a limit on its head."""

    _timer: asyncio.TimerHandle | None = None
    _n_header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection that asks nothing is closed too."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the clock for one more request."""
        super().on_message_begin()
        self._n_header_bytes = 0
        self._start_clock()

    def on_url(self, url: bytes) -> None:
        """Count the request's target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header line."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_message_complete(self) -> None:
        """The request is whole; what it leads to has deadlines of its own."""
        self._stop_clock()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket, which has its own clock."""
        self._stop_clock()
        super().handle_websocket_upgrade()

    def _count(self, n_bytes: int) -> None:
        self._n_header_bytes += n_bytes
        too_many = len(self.headers) > MAX_HEADERS or self._n_header_bytes > MAX_HEADER_BYTES
        if too_many or n_bytes > MAX_HEADER_LINE:
            raise ValueError(
                "the request's head is too large"
            )  # the parser reports it, and uvicorn answers 400

    def _start_clock(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(REQUEST_TIMEOUT, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
