"""The media stream's WebSocket: uvicorn's, with a direct way for messages and the limits it lacks.

uvicorn 0.54 buffers pongs that nobody reads without a limit, and leaves some oversized handshakes hanging.
"""

from typing import Any, Protocol

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from gateway.text_frames import FrameSplitter

HANDSHAKE_TIMEOUT = 5.0
"""Seconds."""
MAX_WRITE_BUFFER = 4 * 2**20
"""Bytes a peer may leave unread: more than 180 s of audio. Beyond that, it is gone or hostile."""
CLOSE_TIMEOUT = 1.0
MEDIA_SOCKET = "gateway.media_socket"
"""Where a WebSocket's ASGI scope has its `MediaSocket`, under ``extensions``."""

_log = structlog.get_logger()


class MediaReceiver(Protocol):
    """Whoever a media socket delivers to. None of these may block or raise."""

    def message_received(self, text: bytes) -> None:
        """Take a whole text message, as it came: perhaps not even UTF-8."""

    def binary_received(self) -> None:
        """Take note of a binary message."""

    def connection_closed(self) -> None:
        """Take the end of the socket; called once."""


class MediaSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose messages, once it is bound to a receiver, take no way through queues and tasks.

    Handshake, routing and refusal go through the application as ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = CLOSE_TIMEOUT
        self._receiver: MediaReceiver | None = None
        self._splitter = FrameSplitter()
        self._handshake_timer = self.loop.call_later(HANDSHAKE_TIMEOUT, self._handshake_too_slow)

    def bind(self, receiver: MediaReceiver) -> None:
        """Deliver every message to ``receiver`` from now on. To be called before the handshake is accepted."""
        self._receiver = receiver

    def write(self, *texts: bytes) -> None:
        """Send text messages, in one write; they are lost if the socket is closed or closing."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return  # a connection that was dropped is still OPEN to the library
        for text in texts:
            self.conn.send_text(text)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._check_write_buffer()

    def close(self, code: int) -> None:
        """Close the socket, and drop it if the peer does not answer within a second."""
        if self.conn.state is not State.OPEN or self.transport.is_closing():
            return
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def handle_connect(self, event: Any) -> None:
        """Show this socket to the application, in the scope of its request."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["extensions"][MEDIA_SOCKET] = self  # type: ignore[assignment]

    def send_receive_event_to_app(self) -> None:
        """Deliver a message: straight to the receiver, if there is one."""
        if self._receiver is None:
            super().send_receive_event_to_app()
        elif not self.close_sent:
            data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            self.frames = []
            if self.curr_msg_data_type == "text":
                self._receiver.message_received(bytes(data))
            else:
                self._receiver.binary_received()

    def handle_ping(self) -> None:
        """Answer a ping, unless the peer leaves our pongs unread."""
        super().handle_ping()
        self._check_write_buffer()

    def handle_close(self, event: Frame) -> None:
        """Take the peer's close."""
        super().handle_close(event)
        self._tell_receiver()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a handshake that cannot be parsed is refused, not left hanging."""
        if self.handshake_complete and self._receiver is not None:
            self._take_frames(self._receiver, data)
            return
        is_early = self.handshake_initiated
        super().data_received(data)
        if is_early or not data.endswith(b"\r\n\r\n"):
            self._splitter.hand_on()  # frames before our answer: the library may hold half of one
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.close()

    def _take_frames(self, receiver: MediaReceiver, data: bytes) -> None:
        """Give whole text messages to the receiver, everything else to the library."""
        for is_text, piece in self._splitter.feed(data):
            if not is_text:
                super().data_received(piece)
            elif self.conn.state is State.OPEN:
                receiver.message_received(piece)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        self._handshake_timer.cancel()
        super().connection_lost(exc)
        self._tell_receiver()

    async def send(self, message: Any) -> None:
        """Send on the application's behalf; the handshake is over once it has answered."""
        self._handshake_timer.cancel()
        await super().send(message)

    def _tell_receiver(self) -> None:
        receiver, self._receiver = self._receiver, _NOBODY if self._receiver else None
        if receiver is not None:
            receiver.connection_closed()

    def _handshake_too_slow(self) -> None:
        self.transport.abort()

    def _check_write_buffer(self) -> None:
        if self.transport.get_write_buffer_size() > MAX_WRITE_BUFFER:
            _log.warning("media socket dropped: the peer does not read")
            self.transport.abort()


class _Nobody:
    """Takes what still comes for a receiver that has been told of the end."""

    def message_received(self, text: bytes) -> None:
        """Let it pass."""

    def binary_received(self) -> None:
        """Let it pass."""

    def connection_closed(self) -> None:
        """Let it pass."""


_NOBODY = _Nobody()
