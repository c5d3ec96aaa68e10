"""Does the gateway answer at PUBLIC_URL, and only Twilio? Signed and unsigned requests, as Twilio and others send them.

The signed ones tell of a call's status that changes nothing; the unsigned ones must be refused.
"""

import ssl
from collections.abc import Sequence

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from yarl import URL

from gateway.doctor.check import Finding, failed, ok, together, warning
from gateway.doctor.probe_identity import probe_identity
from gateway.loadtest.webhook import HttpRequest, call_fields, signed_request
from gateway.twilio.signature import websocket_url

TIMEOUT = aiohttp.ClientTimeout(total=8.0, sock_connect=5.0)
"""Seconds; Twilio's own limit to connect, and less than it waits for an answer."""
MEDIA_PATH = "/twilio/media"


class _Connect(connect):
    """A handshake that is refused by anything but 101, redirects included, as with Twilio."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def check_webhook(public_url: str, auth_tokens: Sequence[str], account_sid: str | None) -> Finding:
    """Ask with each auth token's signature, and with none."""
    fields = call_fields(probe_identity(account_sid), "ringing")
    signed = [signed_request("POST", f"{public_url}/twilio/status", fields, token) for token in auth_tokens]
    unsigned = signed_request("POST", f"{public_url}/twilio/voice", fields, "")
    try:
        async with _new_http() as http:
            statuses = [await _status(http, request) for request in signed]
            refused = await _status(http, _without_signature(unsigned))
    except (aiohttp.ClientError, OSError) as exc:
        return failed(f"no answer: {_words(exc)}", "Start the gateway, and the proxy in front of it.")
    return together([_of_signed(statuses), _of_unsigned(refused)])


async def check_handshake(public_url: str) -> Finding:
    """Open a media stream's WebSocket without a signature: only our own gateway's refusal proves that it got there."""
    url = websocket_url(public_url, MEDIA_PATH)
    try:
        async with _Connect(url, proxy=None, compression=None, open_timeout=TIMEOUT.total, close_timeout=1.0):
            return failed(
                "a WebSocket without a signature was let in", "Is this the gateway? Look at the proxy."
            )
    except InvalidStatus as exc:
        return _of_handshake(exc.response.status_code)
    except TimeoutError:
        return failed("the handshake was not answered", "Look at the proxy: does it pass WebSockets on?")
    except (InvalidHandshake, OSError) as exc:
        return failed(f"no handshake: {_words(exc)}", "Look at the proxy: does it pass WebSockets on?")


def _new_http() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    return aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())


def _without_signature(request: HttpRequest) -> HttpRequest:
    headers = {name: value for name, value in request.headers.items() if name != "X-Twilio-Signature"}
    return HttpRequest(request.method, request.url, headers, request.body)


async def _status(http: aiohttp.ClientSession, request: HttpRequest) -> int:
    url = URL(request.url, encoded=True)
    async with http.request(
        request.method, url, headers=request.headers, data=request.body, allow_redirects=False
    ) as response:
        return response.status


def _of_signed(statuses: list[int]) -> Finding:
    n_taken = statuses.count(204)
    if n_taken == len(statuses):
        return ok("a signed request is taken")
    if n_taken:
        return warning(
            f"{len(statuses) - n_taken} of {len(statuses)} auth tokens are not taken",
            "Restart the gateway with the TWILIO_AUTH_TOKEN that is set here.",
        )
    return _of_wrong(statuses[0], "a signed request")


def _of_unsigned(status: int) -> Finding:
    if status == 403:
        return ok("one without a signature is refused")
    if 200 <= status < 300:
        return failed(
            "a request without a signature is taken",
            "Strangers can call at your expense: make sure that the gateway itself answers at PUBLIC_URL.",
        )
    return _of_wrong(status, "a request without a signature")


def _of_handshake(status: int) -> Finding:
    if status == 403:
        return ok("WebSockets get through; one without a signature is refused")
    if status == 503:
        return warning("the gateway has too many open WebSockets that are no calls", "Look at its log.")
    if status in {400, 404, 405, 426}:
        return failed(
            f"the handshake was answered with {status}",
            "Have the proxy pass WebSockets on (Upgrade and Connection) and leave the path /twilio/media alone.",
        )
    return _of_wrong(status, "the handshake")


def _of_wrong(status: int, what: str) -> Finding:
    if status == 403:
        advice = (
            "Give the running gateway and this command the same PUBLIC_URL, TWILIO_AUTH_TOKEN and "
            "TWILIO_ACCOUNT_SID; and have the proxy leave the path alone."
        )
    elif status in {404, 405}:
        advice = "Have the proxy pass all of /twilio to the gateway, and leave the path alone."
    elif 300 <= status < 400:
        advice = "Answer at PUBLIC_URL itself: Twilio loses what it sends when it is redirected."
    elif status in {502, 503, 504}:
        advice = "Start the gateway; the proxy in front cannot reach it."
    else:
        advice = "Look at the log of the gateway, and of the proxy in front."
    return failed(f"{what} was answered with {status}", advice)


def _words(exc: Exception) -> str:
    """What went wrong, without what the peer may have said."""
    if isinstance(exc, TimeoutError):
        return "nobody answers"
    if isinstance(exc, ssl.SSLError | aiohttp.ClientSSLError):
        return "no trust in its certificate"
    return "the connection was refused" if isinstance(exc, aiohttp.ClientConnectorError) else "it broke off"
