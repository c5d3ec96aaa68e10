"""The least WebSocket that a measuring peer needs: whole text frames, pings, close. Cheaper than any library's."""

import asyncio
import base64
import hashlib
import time
from abc import ABC, abstractmethod
from typing import cast

from websockets.speedups import apply_mask

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class WebSocketPeer(asyncio.Protocol, ABC):
    """One end of a WebSocket, driven by callbacks. Time is `time.monotonic`, taken when bytes arrive."""

    is_client = False

    def __init__(self) -> None:
        self.closed = False
        self._buffer = b""
        self._is_upgraded = False

    @abstractmethod
    def upgraded(self, head: str) -> None:
        """Take the peer's half of the handshake."""

    @abstractmethod
    def message(self, text: bytes, now: float) -> None:
        """Take a text message that arrived at ``now``."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._buffer:
            data = self._buffer + data
        if not self._is_upgraded:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = data
                return
            self._is_upgraded, data = True, rest
            self.upgraded(head.decode("latin-1"))
        start = 0
        while (frame := split_frame(data, start)) is not None:
            opcode, payload, start = frame
            self._frame(opcode, payload, now)
        self._buffer = data[start:]

    def send(self, *texts: bytes) -> None:
        """Send text messages in one write."""
        if not self.closed:
            self.transport.write(b"".join([self._framed(_TEXT, text) for text in texts]))

    def close(self) -> None:
        """Say goodbye and hang up."""
        if not self.closed:
            self.transport.write(self._framed(_CLOSE, b"\x03\xe8"))
            self.transport.close()

    def _frame(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == _TEXT:
            self.message(payload, now)
        elif opcode == _PING:
            self.transport.write(self._framed(_PONG, payload))
        elif opcode == _CLOSE:
            self.close()

    def _framed(self, opcode: int, payload: bytes) -> bytes:
        """Frame a message. A client's mask is zero: legal, free for us, and the same work for the server."""
        n = len(payload)
        mask, key = (0x80, bytes(4)) if self.is_client else (0, b"")
        if n < 126:
            return bytes((0x80 | opcode, mask | n)) + key + payload
        if n < 65536:
            return bytes((0x80 | opcode, mask | 126)) + n.to_bytes(2) + key + payload
        return bytes((0x80 | opcode, mask | 127)) + n.to_bytes(8) + key + payload


def split_frame(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Find the frame at ``start``: its opcode, its payload and its end; None if it is not whole."""
    if len(data) < start + 2:
        return None
    n, at = data[start + 1] & 0x7F, start + 2
    if n > 125:
        width = 2 if n == 126 else 8
        if len(data) < at + width:
            return None
        n, at = int.from_bytes(data[at : at + width]), at + width
    key = b""
    if data[start + 1] & 0x80:
        key, at = data[at : at + 4], at + 4
    if len(data) < at + n:
        return None
    payload = data[at : at + n]
    return data[start] & 0x0F, apply_mask(payload, key) if key else payload, at + n


def accept_key(key: str) -> str:
    """What a server answers to a client's Sec-WebSocket-Key. RFC 6455 section 4.2.2."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
