"""A strict and scriptable stand-in for OpenAI's realtime server, on a real loopback WebSocket, for whole-call tests.

It speaks the GA protocol, the beta's or xAI's. Tests script its sessions and assert that ``faults`` is empty.
"""

import asyncio
import http
import socket
import time
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from tests.fake_behaviour import AZURE_PREVIEW, PATIENCE, Behaviour, Front, Received
from tests.fake_dialects import DIALECTS
from tests.fake_script import response_id
from tests.fake_session import FakeSession

__all__ = [
    "AZURE_PREVIEW",
    "Behaviour",
    "FakeRealtimeServer",
    "FakeSession",
    "Front",
    "Received",
    "response_id",
]


class FakeRealtimeServer:
    """Accepts sessions; use it as an async context manager."""

    def __init__(
        self,
        behaviours: Behaviour | Sequence[Behaviour] | None = None,
        *,
        api_key: str | None = None,
        front: Front | None = None,
        dialect: str = "ga",
        pcm16_input_rate: int = 24_000,
        receive_buffer: int | None = None,
    ) -> None:
        """The n-th handshake meets the n-th behaviour, later ones the last.

        Args:
            behaviours: one for all, or one after the other; refused handshakes count.
            api_key: what clients must show; None takes any.
            front: the address and headers that they must use.
            dialect: ga, beta or xai.
            pcm16_input_rate: Hz of what the beta's ``pcm16`` means for input.
            receive_buffer: bytes that the kernel takes for us when we do not read.
        """
        given = [behaviours] if isinstance(behaviours, Behaviour) else behaviours
        self.behaviours = tuple(given or [Behaviour()])
        self.sessions: list[FakeSession] = []
        self.attempts: list[float] = []
        """When each handshake came, by `time.monotonic`."""
        self.front = front or Front()
        self._api_key = api_key
        self._dialect = DIALECTS[dialect]
        self._pcm16_input_rate = pcm16_input_rate
        self._receive_buffer = receive_buffer
        self._handshake_faults: list[str] = []
        self._arrived: asyncio.Queue[FakeSession] = asyncio.Queue()
        self._stopping = asyncio.Event()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """What ``REALTIME_URL`` must be."""
        return "ws://{}:{}{}".format(*self.address, self.front.path)

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
        self._server = await serve(
            self._serve,
            sock=_bound(self._receive_buffer),
            process_request=self._judge,
            create_connection=_Connection,
            compression=None,
            max_size=16 * 2**20,
            open_timeout=None,
            close_timeout=1,
            ping_interval=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._stopping.set()
        for session in self.sessions:
            session.thaw()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        assert connection.session is not None
        self.sessions.append(connection.session)
        self._arrived.put_nowait(connection.session)
        await connection.session.run()

    async def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at a handshake: None accepts it."""
        self.attempts.append(time.monotonic())
        number = len(self.attempts)
        behaviour = self.behaviours[min(number, len(self.behaviours)) - 1]
        self._handshake_faults += _address_faults(self.front, request)
        if behaviour.handshake_delay:
            await self._delay(connection, behaviour.handshake_delay)
        given = request.headers.get_all(self.front.key_header)
        if self._api_key is not None and given != [self.front.key_prefix + self._api_key]:
            self._handshake_faults.append(f"a missing or wrong {self.front.key_header} header")
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "")
        if behaviour.handshake_status is not None:
            return _refusal(connection, behaviour.handshake_status, behaviour)
        assert isinstance(connection, _Connection)
        connection.session = FakeSession(connection, behaviour, number, self._dialect(self._pcm16_input_rate))
        return None

    async def _delay(self, connection: ServerConnection, seconds: float) -> None:
        """Wait so long, or until the client has gone or the server stops."""
        ends = [asyncio.ensure_future(each) for each in (connection.wait_closed(), self._stopping.wait())]
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()


class _Connection(ServerConnection):
    """Knows its session, and can greet in the same write as the handshake's response, as a busy network may deliver it."""

    def __init__(self, protocol: ServerProtocol, *args: Any, **options: Any) -> None:
        super().__init__(protocol, *args, **options)
        self.session: FakeSession | None = None
        self._send_response = protocol.send_response
        protocol.send_response = self._respond_and_greet  # type: ignore[method-assign]

    def _respond_and_greet(self, response: Response) -> None:
        self._send_response(response)
        session, is_open = self.session, response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS
        if is_open and session is not None and session.behaviour.glued and session.behaviour.greets:
            for greeting in session.greetings():
                self.protocol.send_text(greeting.encode())
            self.protocol.writes[:] = [b"".join(self.protocol.writes)]


def _address_faults(front: Front, request: Request) -> list[str]:
    address = urlsplit(request.path)
    query = parse_qs(address.query, keep_blank_values=True)
    fits = address.path == front.path and query.keys() == front.parameters.keys()
    for name, value in front.parameters.items():
        given = query.get(name, [])
        fits = fits and len(given) == 1 and (given[0] != "" if value is None else given[0] == value)
    faults = [] if fits else [f"no session at {request.path}"]
    for name, value in front.headers.items():
        if request.headers.get_all(name) != ([] if value is None else [value]):
            faults.append(f"a wrong {name} header" if value else f"an {name} header")
    return faults


def _refusal(connection: ServerConnection, status: int, behaviour: Behaviour) -> Response:
    response = connection.respond(http.HTTPStatus(status), "")
    if behaviour.location is not None:
        response.headers["Location"] = behaviour.location
    if behaviour.retry_after is not None:
        response.headers["Retry-After"] = str(behaviour.retry_after)
    return response


def _bound(receive_buffer: int | None) -> socket.socket:
    """A socket on a free port of this machine; what it accepts inherits its buffer."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.bind(("127.0.0.1", 0))
    return listener
