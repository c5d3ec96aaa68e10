"""The server process: uvicorn, but one that lets calls finish before it stops.

uvicorn 0.54 hangs up on every caller at SIGTERM; its own grace period covers only what comes after.
"""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.active_calls import ActiveCalls
from gateway.ending import DRAINED
from gateway.web.limited_http import LimitedHttp
from gateway.web.media_socket import CLOSE_TIMEOUT, MediaSocket

MAX_MESSAGE_BYTES = 64 * 1024
"""A legal frame of 20 ms is about 400 bytes."""

ANSWER_TIMEOUT = 2.0
"""Seconds in which Twilio must have asked how the last calls go on; it does so as soon as their stream ends."""

_log = structlog.get_logger()


class GatewayServer(uvicorn.Server):
    """A server that lets calls finish before it stops."""

    def __init__(
        self,
        app: Starlette,
        active_calls: ActiveCalls,
        drain_timeout: float,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """Take as client's address what ``trusted_proxies``, addresses and networks, say in ``X-Forwarded-For``."""
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedHttp,
                ws=MediaSocket,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # Twilio promises no pongs; media that stays away is the better alarm
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=list(trusted_proxies),
                timeout_graceful_shutdown=2,
            )
        )
        self.ready = asyncio.Event()
        """Set once requests are answered, or never will be."""
        self._active_calls = active_calls
        self._drain_timeout = drain_timeout

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve."""
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new calls, wait for those that are going on or whose stream is on its way, and then stop.

        The listener stays open meanwhile, so that new callers hear that we are busy.
        """
        self._active_calls.draining = True
        calls = self._active_calls
        if n_calls := calls.n_taken(time.monotonic()):
            _log.info("draining", calls=n_calls, seconds=self._drain_timeout)
        await self._drained(self._drain_timeout, lambda: calls.n_taken(time.monotonic()))
        calls.end_all(DRAINED)
        await self._drained(2 * CLOSE_TIMEOUT, lambda: len(calls))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await calls.wait_answered()
        await super().shutdown(sockets)
        self._captured_signals.clear()  # an orderly stop is a success, not a death by signal

    async def _drained(self, seconds: float, n_left: Callable[[], int]) -> None:
        """Wait until there is no call left, the time is over, or somebody insists."""
        deadline = time.monotonic() + seconds
        while not self.force_exit and n_left() and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._active_calls.wait_moved()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Port 0 takes a free one.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


@contextlib.asynccontextmanager
async def serving(server: GatewayServer, listener: socket.socket) -> AsyncIterator[None]:
    """Run a server beside the body of a ``with`` statement; stop it, after the drain, however that ends."""
    running = asyncio.get_running_loop().create_task(
        server._serve([listener]),  # noqa: SLF001 - serve() would take our signals
        name="server",
    )
    try:
        await server.ready.wait()
        yield
    finally:
        server.should_exit = True
        await running


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is here."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - not to be had on Windows

    return uvloop.new_event_loop()
