"""The softphone: a page to talk to the gateway from, on this machine alone.

A browser cannot sign as Twilio does. So the page's WebSocket leads here, and what is signed is made here; the call
itself takes the gateway's front door.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.console.phone_line import PhoneLine
from gateway.console.phone_page import PhonePage
from gateway.feed import Feed
from gateway.loadtest.identity import new_identity
from gateway.loadtest.signalling import Signalling

MAX_CALLS = 4
"""Calls from browsers at once."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names under which a browser on this machine may know us; any other one is somebody else's page."""
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "microphone=(self)",
        "Cache-Control": "no-cache",
    }
)

_log = structlog.get_logger()


def _read_files() -> dict[str, bytes]:
    folder = resources.files("gateway").joinpath("console", "static")
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if each.name.rpartition(".")[2] in MEDIA_TYPES
    }


@dataclass
class Phone:
    """Serves the page and carries its calls."""

    public_url: str
    """The gateway's own address, http on this machine."""
    auth_token: str = field(repr=False)
    account_sid: str | None
    feed: Feed
    n_calls: int = field(default=0, init=False)
    _files: Mapping[str, bytes] = field(default_factory=_read_files, init=False, repr=False)

    def routes(self) -> list[BaseRoute]:
        """The page, what it loads, and its line."""
        return [
            Route("/phone", self.page),
            Route("/phone/static/{name}", self.static),
            WebSocketRoute("/phone/line", self.line),
        ]

    async def page(self, request: Request) -> Response:
        """The page."""
        return self._file(request, "phone.html")

    async def static(self, request: Request) -> Response:
        """What the page loads."""
        return self._file(request, request.path_params["name"])

    async def line(self, websocket: WebSocket) -> None:
        """Carry one call of the page's."""
        if not is_own_page(websocket.headers):
            _log.warning("softphone refused: not our page", origin=websocket.headers.get("Origin", ""))
            await websocket.send_denial_response(Response(status_code=403))
            return
        await websocket.accept()
        page = PhonePage(websocket)
        if self.n_calls >= MAX_CALLS:
            text = "Too many calls are being made from this page. End one, then call again."
            await page.tell("over", reason="too-many-calls", text=text, by="gateway", failed=True, faults={})
            await page.close(1013)
            return
        self.n_calls += 1
        try:
            identity = new_identity(account_sid=self.account_sid)
            await PhoneLine(page, Signalling(self.public_url, self.auth_token, identity), self.feed).carry()
        finally:
            self.n_calls -= 1
        await page.close()

    def _file(self, request: Request, name: str) -> Response:
        content = self._files.get(name)
        if content is None or not _is_local(request.headers.get("Host", "")):
            return Response(status_code=404)
        return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=HEADERS)


def is_own_page(headers: Headers) -> bool:
    """Whether a handshake comes from the page that this server gave out, under a name of this machine.

    The name is checked too: else a page whose name was made to point here could call itself our own.
    """
    host = headers.get("Host", "")
    return _is_local(host) and headers.getlist("Origin") == [f"http://{host}"]


def _is_local(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
