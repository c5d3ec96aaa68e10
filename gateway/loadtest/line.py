"""The network side of a call: Twilio's webhooks with aiohttp, the handshake of its media stream with websockets."""

import asyncio
import ipaddress
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from yarl import URL

from gateway.loadtest.document import MAX_BYTES
from gateway.loadtest.signalling import Signalling
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.webhook import HttpRequest

Address = tuple[str, int]
"""Host and port."""

WEBHOOK_TIMEOUT = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)
"""Seconds; Twilio's own limits."""
STREAM_TIMEOUT = 10.0
"""Seconds for the handshake of a media stream."""
CLOSE_TIMEOUT = 1.0
"""Seconds for the server to answer a close."""
MAX_MESSAGE = 1 << 24
"""Bytes of the largest WebSocket message that is taken: ten minutes of audio, Twilio's queue, need 6.4 MB."""
MAX_UNREAD = 1 << 26
"""Bytes the server may leave unread before it holds the caller up: an hour of media. A person would not wait."""


def new_http() -> aiohttp.ClientSession:
    """An HTTP client with Twilio's patience and without cookies."""
    return aiohttp.ClientSession(timeout=WEBHOOK_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine, without asking anybody."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _ElsewhereError(Exception):
    """A URL names another machine, and the line may reach none."""


class _Connect(connect):
    """A handshake that is refused by anything but 101, redirects included, as with Twilio."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Line:
    """One call's requests and handshakes; what they come to is told to its signalling."""

    def __init__(
        self,
        signalling: Signalling,
        http: aiohttp.ClientSession,
        connect_to: Address | None = None,
        *,
        loopback_only: bool = False,
        max_message: int = MAX_MESSAGE,
    ) -> None:
        """Take ``connect_to`` as the address of every host, without TLS, and ``max_message`` as bytes of a message.

        With ``loopback_only`` no answer of the gateway's sends the call to another machine.
        """
        self._signalling = signalling
        self._http = http
        self._connect_to = connect_to
        self._loopback_only = loopback_only
        self._max_message = max_message
        self._now = asyncio.get_running_loop().time

    async def ask(self, step: WebhookStep) -> Step:
        """Make the request of a webhook."""
        request = self._signalling.webhook(step.url, self._now(), method=step.method, extra=step.extra)
        try:
            status, content_type, body = await self._send(request)
        except TimeoutError:
            return self._signalling.fail("webhook-timeout", step.url, self._now())
        except _ElsewhereError as error:
            return self._signalling.fail("webhook-elsewhere", str(error), self._now())
        except (aiohttp.ClientError, OSError, ValueError) as error:  # the last: a host that is no name
            return self._signalling.fail("webhook-unreachable", f"{step.url}: {error}", self._now())
        return self._signalling.take_twiml(status, content_type, body, self._now())

    async def report(self, url: str) -> None:
        """Send the status callback at the end of the call."""
        await self._inform(self._signalling.status_callback(url, self._now(), datetime.now(UTC)))

    async def tell_answered_by(self, url: str, answered_by: str, seconds: float) -> None:
        """Send what machine detection has found after so many seconds: one of Twilio's ``AnsweredBy``."""
        await self._inform(self._signalling.answered_by_callback(url, answered_by, seconds))

    async def open(self, step: StreamStep) -> ClientConnection | End:
        """Open a media stream; the end of the call if that fails."""
        try:
            return await self._open(step.url)
        except TimeoutError:
            return self._signalling.fail("stream-timeout", step.url, self._now())
        except _ElsewhereError as error:
            return self._signalling.fail("stream-elsewhere", str(error), self._now())
        except InvalidStatus as error:
            status = error.response.status_code
            return self._signalling.fail("stream-refused", f"{step.url}: {status}", self._now())
        except InvalidURI as error:
            return self._signalling.fail("stream-url-invalid", str(error), self._now())
        except (InvalidHandshake, ConnectionClosed, EOFError, OSError, ValueError) as error:
            return self._signalling.fail("stream-unreachable", f"{step.url}: {error}", self._now())

    async def _inform(self, request: HttpRequest) -> None:
        """Send what wants no answer; that it fails changes nothing about the call."""
        try:
            status, _, _ = await self._send(request)
        except (aiohttp.ClientError, OSError, ValueError, _ElsewhereError) as error:
            self._signalling.timeline.record_fault(
                self._now(), "15003", f"{request.url}: {error or 'timeout'}"
            )
            return
        if not 200 <= status < 300:
            self._signalling.timeline.record_fault(self._now(), "15003", f"{request.url}: {status}")

    async def _send(self, request: HttpRequest) -> tuple[int, str | None, bytes]:
        url, headers = request.url, dict(request.headers)
        if self._connect_to:
            headers["Host"] = urlsplit(url).netloc.rpartition("@")[2]
            url = _at(self._connect_to, url)
        target = URL(url, encoded=True)  # as it was signed
        self._check_reach(target.host, request.url)
        async with self._http.request(
            request.method, target, headers=headers, data=request.body or None, allow_redirects=False
        ) as response:
            try:
                body = await response.content.readexactly(MAX_BYTES + 1)
            except asyncio.IncompleteReadError as error:
                body = error.partial
            return response.status, response.headers.get("Content-Type"), body

    async def _open(self, url: str) -> ClientConnection:
        parts = urlsplit(url)
        host, port = self._connect_to or (
            parts.hostname,
            parts.port or (443 if parts.scheme == "wss" else 80),
        )
        self._check_reach(host, url)
        return await _Connect(
            url.replace("wss://", "ws://", 1) if self._connect_to else url,
            additional_headers=self._signalling.handshake_headers(url),
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=STREAM_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,  # Twilio is not known to ping
            max_size=self._max_message,
            write_limit=MAX_UNREAD,
            host=host,
            port=port,
        )

    def _check_reach(self, host: str | None, url: str) -> None:
        if self._loopback_only and not is_loopback(host or ""):
            raise _ElsewhereError(f"{url} is not this machine")


def _at(address: Address, url: str) -> str:
    """Spell an https URL for another host, without TLS."""
    host, port = address
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit(urlsplit(url)._replace(scheme="http", netloc=netloc))
