"""Who may open a session, and with which faults: everything that is said before the WebSocket is one."""

import hmac
import http
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from gateway.errors import SettingsError
from gateway.local_realtime.faults import NO_FAULTS, Faults, faults_of_file, faults_of_query

PATH = "/v1/realtime"
_SUBPROTOCOL = Subprotocol("realtime")
_KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Before the key, where a browser offers it as a subprotocol, since it can send no headers."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

_log = structlog.get_logger()


class Handshakes:
    """Answers the requests for sessions. Without an ``api_key`` anybody is let in but other places' web pages.

    ``faults_file`` is read anew for every session, so that it can be changed meanwhile.
    """

    def __init__(self, api_key: str | None, faults_file: Path | None) -> None:
        self._api_key = api_key
        self._faults_file = faults_file
        self._file_faults = faults_of_file(faults_file) if faults_file else NO_FAULTS

    def refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        """Give the answer to a request that shall not become a session."""
        if request.path.partition("?")[0] != PATH:
            return socket.respond(http.HTTPStatus.NOT_FOUND, f"The realtime endpoint is {PATH}\n")
        if self._api_key is None and _is_of_another_place(request):
            return _error(socket, 403, "forbidden_origin", "Web pages of other places need a key.")
        if self._api_key is not None and not hmac.compare_digest(
            _key(request).encode(), self._api_key.encode()
        ):
            return _error(socket, 401, "invalid_api_key", "Incorrect API key provided.")
        try:
            status = self.faults(request).refuse
        except SettingsError as exc:
            return _error(socket, 400, "invalid_fault", str(exc))
        return _error(socket, status, "fault", "This fault was asked for.") if status else None

    def faults(self, request: Request) -> Faults:
        """Find the faults of a session: those of its address, else those of the control file.

        Raises:
            SettingsError: the address asks for no fault we know.
        """
        query = parse_qs(urlsplit(request.path).query)
        return faults_of_query(query) if "fault_" in request.path else self._faults_of_file()

    def _faults_of_file(self) -> Faults:
        if self._faults_file:
            try:
                self._file_faults = faults_of_file(self._faults_file)
            except SettingsError as exc:
                _log.warning("the faults stay as they were", reason=str(exc))
        return self._file_faults


def choose_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Agree to the protocol's name where it is offered; the others carry keys and are not repeated."""
    return _SUBPROTOCOL if _SUBPROTOCOL in offered else None


def _is_of_another_place(request: Request) -> bool:
    origin = request.headers.get("Origin")
    try:
        return origin is not None and urlsplit(origin).hostname not in _LOOPBACK
    except ValueError:
        return True


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(",")
    keys = (each.strip().removeprefix(_KEY_SUBPROTOCOL) for each in offered if _KEY_SUBPROTOCOL in each)
    return next(keys, "")


def _error(socket: ServerConnection, status: int, code: str, message: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    response = socket.respond(http.HTTPStatus(status), json.dumps({"error": error}) + "\n")
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
