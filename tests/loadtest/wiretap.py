"""A relay on loopback that keeps every byte that passes it, and reads HTTP and WebSocket messages out of them.

It may put header lines into WebSocket handshakes, for clients that cannot; else what passes is not changed.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from gateway.loadtest.line import Address

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d+)")


@dataclass(frozen=True)
class HttpMessage:
    """The head and the body of one request or response, as sent."""

    first_line: str
    headers: tuple[tuple[str, str], ...]
    """In their order, names in small letters."""
    body: bytes

    def header(self, name: str) -> list[str]:
        """Every value of a header, given in small letters."""
        return [value for given, value in self.headers if given == name]


@dataclass
class Tapped:
    """One connection."""

    sent: bytearray = field(default_factory=bytearray)
    """By the client."""
    answered: bytearray = field(default_factory=bytearray)
    """By the server."""

    @property
    def is_stream(self) -> bool:
        """Whether it became a WebSocket."""
        return self.answered.startswith(b"HTTP/1.1 %d" % HTTPStatus.SWITCHING_PROTOCOLS)

    def requests(self) -> list[HttpMessage]:
        """What the client asked for; of a WebSocket, its handshake."""
        head, _, rest = bytes(self.sent).partition(b"\r\n\r\n")
        return [_message(head, b"")] if self.is_stream else _messages(head, rest)

    def texts_sent(self) -> list[str]:
        """The text messages of a WebSocket's client; anything but text and a close fails."""
        return _texts(Side.SERVER, self.sent)

    def texts_answered(self) -> list[str]:
        """The text messages of its server."""
        return _texts(Side.CLIENT, self.answered)

    def close_sent(self) -> bytes | None:
        """What the WebSocket client's close frame says; None without one."""
        closes = [frame for frame in _frames(Side.SERVER, self.sent) if frame.opcode is Opcode.CLOSE]
        return bytes(closes[0].data) if closes else None


@dataclass
class Wiretap:
    """A relay that is up."""

    address: Address
    connections: list[Tapped] = field(default_factory=list)
    """In the order in which they were opened."""

    def requests(self) -> list[HttpMessage]:
        """Every request but WebSocket handshakes."""
        return [each for tapped in self.connections if not tapped.is_stream for each in tapped.requests()]

    def streams(self) -> list[Tapped]:
        """The connections that became WebSockets."""
        return [tapped for tapped in self.connections if tapped.is_stream]


@asynccontextmanager
async def wiretap(to: Address, *, handshake_headers: str = "", port: int = 0) -> AsyncIterator[Wiretap]:
    """Relay to a server on loopback; header lines end with CRLF."""
    running: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection(*to)
        except ConnectionRefusedError:  # the server is not up yet
            writer.transport.abort()
            return
        tap.connections.append(tapped := Tapped())
        first = await reader.read(1 << 16)
        if b"\r\nupgrade: websocket\r\n" in first.lower():
            first = first.replace(b"\r\n", f"\r\n{handshake_headers}".encode(), 1)
        tapped.sent += first
        server_writer.write(first)
        await asyncio.gather(
            _pass_on(reader, server_writer, tapped.sent), _pass_on(server_reader, writer, tapped.answered)
        )
        server_writer.close()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", port)
    tap = Wiretap(server.sockets[0].getsockname()[:2])
    try:
        yield tap
    finally:
        server.close()
        await asyncio.gather(*running)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    """Pass bytes on until there are no more, and then that there are none; break what is broken."""
    try:
        while data := await reader.read(1 << 16):
            kept += data
            writer.write(data)
            await writer.drain()
        if not writer.is_closing():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


def _messages(head: bytes, rest: bytes) -> list[HttpMessage]:
    messages = []
    while head:
        length = _LENGTH.search(head)
        n_bytes = int(length[1]) if length else 0
        messages.append(_message(head, rest[:n_bytes]))
        head, _, rest = rest[n_bytes:].partition(b"\r\n\r\n")
    return messages


def _message(head: bytes, body: bytes) -> HttpMessage:
    first_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":")[::2] for line in lines]
    return HttpMessage(first_line, tuple((name.lower(), value.strip()) for name, value in pairs), body)


def _texts(side: Side, kept: bytearray) -> list[str]:
    frames = [frame for frame in _frames(side, kept) if frame.opcode is not Opcode.CLOSE]
    assert {(frame.opcode, frame.fin) for frame in frames} <= {(Opcode.TEXT, True)}
    return [bytes(frame.data).decode() for frame in frames]


def _frames(side: Side, kept: bytearray) -> list[Frame]:
    """Read as this side what came after the head; a frame that did not come whole is none."""
    protocol = Protocol(side, state=OPEN, max_size=None)
    protocol.receive_data(bytes(kept).partition(b"\r\n\r\n")[2])
    assert protocol.parser_exc is None or isinstance(protocol.parser_exc, EOFError)
    return [frame for frame in protocol.events_received() if isinstance(frame, Frame)]
