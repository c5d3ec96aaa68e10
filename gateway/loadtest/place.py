"""Places a recorded caller's call over real sockets: webhooks with aiohttp, the media stream with websockets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from yarl import URL

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.document import MAX_BYTES
from gateway.loadtest.live_stream import HangUp, LiveStream
from gateway.loadtest.playback import UnderRun
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import Event, Timeline
from gateway.loadtest.webhook import HttpRequest

Address = tuple[str, int]
"""Host and port."""

WEBHOOK_TIMEOUT = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)
"""Seconds; Twilio's own limits."""
STREAM_TIMEOUT = 10.0
"""Seconds for the handshake of a media stream."""
CLOSE_TIMEOUT = 1.0
"""Seconds for the server to answer a close."""
MAX_UNREAD = 1 << 26
"""Bytes the server may leave unread before it holds the caller up: an hour of media. A person would not wait."""


@dataclass(frozen=True)
class Outcome:
    """What became of one call."""

    end: End
    n_frames_sent: int
    faults: dict[str, int]
    """What the server did wrong on the media stream, by Twilio's warning code."""
    under_runs: tuple[UnderRun, ...]
    timeline: Timeline
    """With the lateness of every frame sent."""


async def place_call(
    caller: RecordedCaller,
    *,
    connect_to: Address | None = None,
    on_event: Callable[[Event], None] | None = None,
    status_url: str | None = None,
    end: HangUp = "stop",
) -> Outcome:
    """Make one call and stay until it is over. Times are those of the running loop's clock.

    Args:
        caller: a new one; afterwards it holds what was heard.
        connect_to: the TCP address that stands in for every host, without TLS; URLs, Host headers and signatures
            stay those of the public URL.
        on_event: called with every event of the timeline as it happens.
        status_url: where the end of the call is reported: a path below the public URL, or a whole URL.
        end: what the caller does when he hangs up.
    """
    caller.timeline.on_event = on_event
    async with aiohttp.ClientSession(timeout=WEBHOOK_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as http:
        line = _Line(caller, http, connect_to, end)
        step: Step = caller.first_step()
        while not isinstance(step, End):
            step = await (line.ask(step) if isinstance(step, WebhookStep) else line.stream(step))
        if status_url:
            await line.report(status_url)
    timeline = caller.timeline
    return Outcome(
        end=step,
        n_frames_sent=len(timeline.frame_lateness_ms),
        faults=dict(timeline.faults),
        under_runs=tuple(caller.playback.under_runs),
        timeline=timeline,
    )


class _Connect(connect):
    """A handshake that is refused by anything but 101, redirects included, as with Twilio."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Line:
    """The network side of one call."""

    def __init__(
        self, caller: RecordedCaller, http: aiohttp.ClientSession, connect_to: Address | None, end: HangUp
    ) -> None:
        self._caller = caller
        self._http = http
        self._connect_to = connect_to
        self._end = end
        self._now = asyncio.get_running_loop().time

    async def ask(self, step: WebhookStep) -> Step:
        """Make the request of a webhook."""
        request = self._caller.webhook(step.url, self._now(), method=step.method)
        try:
            status, content_type, body = await self._send(request)
        except TimeoutError:
            return self._caller.fail("webhook-timeout", step.url, self._now())
        except (aiohttp.ClientError, OSError) as error:
            return self._caller.fail("webhook-unreachable", f"{step.url}: {error}", self._now())
        return self._caller.take_twiml(status, content_type, body, self._now())

    async def report(self, url: str) -> None:
        """Send the status callback; that it fails changes nothing about the call."""
        request = self._caller.status_callback(url, self._now(), datetime.now(UTC))
        try:
            status, _, _ = await self._send(request)
        except (aiohttp.ClientError, OSError) as error:
            self._caller.timeline.record_fault(self._now(), "15003", f"{request.url}: {error or 'timeout'}")
            return
        if not 200 <= status < 300:
            self._caller.timeline.record_fault(self._now(), "15003", f"{request.url}: {status}")

    async def stream(self, step: StreamStep) -> Step:
        """Open a media stream and carry it until one side ends it."""
        try:
            opened = await self._open(step.url)
        except TimeoutError:
            return self._caller.fail("stream-timeout", step.url, self._now())
        except InvalidStatus as error:
            status = error.response.status_code
            return self._caller.fail("stream-refused", f"{step.url}: {status}", self._now())
        except InvalidURI as error:
            return self._caller.fail("stream-url-invalid", str(error), self._now())
        except (InvalidHandshake, ConnectionClosed, EOFError, OSError) as error:
            return self._caller.fail("stream-unreachable", f"{step.url}: {error}", self._now())
        async with opened as websocket:
            live = LiveStream(self._caller, websocket, self._end)
            return await live.carry()

    async def _send(self, request: HttpRequest) -> tuple[int, str | None, bytes]:
        url, headers = request.url, dict(request.headers)
        if self._connect_to:
            headers["Host"] = urlsplit(url).netloc.rpartition("@")[2]
            url = _at(self._connect_to, url)
        target = URL(url, encoded=True)  # as it was signed
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
        return await _Connect(
            url.replace("wss://", "ws://", 1) if self._connect_to else url,
            additional_headers=self._caller.handshake_headers(url),
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=STREAM_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,  # Twilio is not known to ping
            max_size=None,
            write_limit=MAX_UNREAD,
            host=host,
            port=port,
        )


def _at(address: Address, url: str) -> str:
    """Spell an https URL for another host, without TLS."""
    host, port = address
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit(urlsplit(url)._replace(scheme="http", netloc=netloc))
