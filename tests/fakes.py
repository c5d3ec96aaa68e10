"""A strict and scriptable stand-in for OpenAI's realtime server, on a real loopback WebSocket, for whole-call tests.

It speaks the GA protocol. Tests script its sessions and assert that ``faults`` is empty.
"""

import asyncio
import http
import json
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from tests.fake_session import PATIENCE, Behaviour, FakeSession, Received, greeting, response_id

__all__ = ["Behaviour", "FakeRealtimeServer", "FakeSession", "Received", "response_id"]


class FakeRealtimeServer:
    """Accepts sessions; use it as an async context manager."""

    def __init__(self, behaviour: Behaviour | None = None, *, api_key: str | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.sessions: list[FakeSession] = []
        self._api_key = api_key
        self._handshake_faults: list[str] = []
        self._arrived: asyncio.Queue[FakeSession] = asyncio.Queue()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """What ``REALTIME_URL`` must be."""
        return "ws://{}:{}/v1/realtime".format(*self.address)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._server is not None
        host, port = next(iter(self._server.sockets)).getsockname()
        return host, port

    @property
    def faults(self) -> list[str]:
        """Everything that any client did wrong; a test asserts that there is nothing."""
        return self._handshake_faults + [fault for session in self.sessions for fault in session.faults]

    async def session(self) -> FakeSession:
        """Return the next session, once a client has opened it.

        Raises:
            TimeoutError: none does.
        """
        async with asyncio.timeout(PATIENCE):
            return await self._arrived.get()

    async def __aenter__(self) -> Self:
        glued = self.behaviour.glued and self.behaviour.greets
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._judge,
            create_connection=_GluedConnection if glued else ServerConnection,
            compression=None,
            max_size=16 * 2**20,
            close_timeout=1,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        session = FakeSession(connection, self.behaviour, len(self.sessions) + 1)
        self.sessions.append(session)
        self._arrived.put_nowait(session)
        await session.run()

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at a handshake: None accepts it."""
        address = urlsplit(request.path)
        if address.path != "/v1/realtime" or len(parse_qs(address.query).get("model", [])) != 1:
            self._handshake_faults.append(f"no session at {request.path}")
        if "OpenAI-Beta" in request.headers:
            self._handshake_faults.append("an OpenAI-Beta header")
        given = request.headers.get_all("Authorization")
        if self._api_key is not None and given != [f"Bearer {self._api_key}"]:
            self._handshake_faults.append("a missing or wrong Authorization header")
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "")
        if self.behaviour.handshake_status is None:
            return None
        response = connection.respond(http.HTTPStatus(self.behaviour.handshake_status), "")
        if self.behaviour.location is not None:
            response.headers["Location"] = self.behaviour.location
        return response


class _GluedConnection(ServerConnection):
    """Greets in the same write as the handshake's response, as a busy network may deliver it."""

    def __init__(self, protocol: ServerProtocol, *args: Any, **options: Any) -> None:
        super().__init__(protocol, *args, **options)
        self._send_response = protocol.send_response
        protocol.send_response = self._respond_and_greet  # type: ignore[method-assign]

    def _respond_and_greet(self, response: Response) -> None:
        self._send_response(response)
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.protocol.send_text(json.dumps({"event_id": "event_0", **greeting("sess_glued")}).encode())
            self.protocol.writes[:] = [b"".join(self.protocol.writes)]
