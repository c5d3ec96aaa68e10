"""The model leg's WebSocket, driven by callbacks: a message goes from the socket straight to its receiver.

Handshake, TLS, proxies, keepalive and closing are the websockets library's; only the last step differs, which
there is a queue and a task to read it.
"""

import asyncio
import functools
import logging
from collections.abc import Mapping
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State

from gateway.errors import RealtimeError
from gateway.text_frames import Masks, masked_text_frame

MAX_MESSAGE_BYTES = 16 * 2**20
OPEN_TIMEOUT = 8.0
PING_INTERVAL = 3.0
PING_TIMEOUT = 4.0
"""A model that is frozen is noticed within 7 s."""
CLOSE_TIMEOUT = 1.0
"""Realtime servers do not always answer a close frame, and a caller may be waiting."""
WRITE_LIMIT = 128 * 1024
"""Bytes: about 2 s of caller audio in base64. Beyond, the receiver is told to hold its audio back."""

_REFUSALS = {401: "invalid_api_key", 403: "forbidden", 404: "model_not_found"}
_quiet_log = logging.getLogger(f"{__name__}.websocket")
_quiet_log.setLevel(logging.WARNING)  # at DEBUG the library logs the key, and what is said
_PASSING = frozenset({408, 425, 429})
"""4xx statuses that another try may not meet."""


class Receiver(Protocol):
    """Whoever a connection delivers to. None of these may block or raise."""

    def message_received(self, text: bytes) -> None:
        """Take one message, UTF-8 unless the peer broke the protocol."""

    def connection_closed(self, code: int, reason: str) -> None:
        """Take the end of the connection; called once."""

    def writing_paused(self, *, paused: bool) -> None:
        """Hold back what can wait, or go on."""


class ModelConnection(ClientConnection):
    """A client connection that calls its receiver instead of filling a queue."""

    def __init__(self, receiver: Receiver, protocol: ClientProtocol, **options: float | None) -> None:
        super().__init__(protocol, **options)  # type: ignore[arg-type]
        self._receiver = receiver
        self._fragments: list[bytes] = []
        self._masks = Masks()

    def process_event(self, event: Frame | Response) -> None:  # type: ignore[override]
        """Deliver a message; leave everything else to the library."""
        if not isinstance(event, Frame) or event.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            super().process_event(event)
            if isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self.transport.close()  # our answer is written, and not all servers end the TCP connection
        elif event.fin and event.opcode is not Opcode.CONT:
            self._receiver.message_received(bytes(event.data))
        else:
            self._fragments.append(bytes(event.data))
            if event.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                self._receiver.message_received(message)

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.protocol.state is State.OPEN

    def write_text(self, text: bytes) -> bool:
        """Send one message without waiting; return whether the connection was open."""
        if not self.is_open:
            return False
        self.transport.write(masked_text_frame(text, self._masks.next()))
        return True

    def pause_writing(self) -> None:
        """Tell the receiver that the peer does not keep up."""
        super().pause_writing()
        self._receiver.writing_paused(paused=True)

    def resume_writing(self) -> None:
        """Tell the receiver that the peer has caught up."""
        super().resume_writing()
        self._receiver.writing_paused(paused=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the receiver that it is over, with the peer's code where it gave one."""
        super().connection_lost(exc)
        received = self.protocol.close_rcvd
        code, reason = (received.code, received.reason) if received else (1006, "")
        self._receiver.connection_closed(code, reason)


def _refusal(response: Response) -> RealtimeError:
    """What an HTTP answer in place of a WebSocket means. RFC 9110 section 15; Retry-After in seconds only."""
    status = response.status_code
    if status in _REFUSALS:
        code = _REFUSALS[status]
    elif status in _PASSING or status >= 500:
        code = "unavailable"
    else:
        code = "redirect" if 300 <= status < 400 else "refused"
    wait = response.headers.get("Retry-After", "")
    return RealtimeError(
        f"the model's server answered the handshake with {status}",
        code=code,
        retry_after=float(wait) if wait.isascii() and wait.isdigit() else 0.0,
    )


class _ConnectWithoutRedirects(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirect would carry the key to wherever it points."""
        return exc


async def open_connection(url: str, headers: Mapping[str, str], receiver: Receiver) -> ModelConnection:
    """Open the model's WebSocket.

    Raises:
        RealtimeError: it cannot be opened; ``code`` says whether trying again makes sense.
    """
    opening = _ConnectWithoutRedirects(
        url,
        additional_headers=headers,
        compression=None,
        max_size=MAX_MESSAGE_BYTES,
        open_timeout=OPEN_TIMEOUT,
        ping_interval=PING_INTERVAL,
        ping_timeout=PING_TIMEOUT,
        close_timeout=CLOSE_TIMEOUT,
        write_limit=WRITE_LIMIT,
        logger=_quiet_log,
        create_connection=functools.partial(ModelConnection, receiver),  # type: ignore[arg-type]
    )
    try:
        connection = await opening
    except InvalidStatus as exc:
        raise _refusal(exc.response) from None
    except TimeoutError:
        raise RealtimeError(
            f"the model's server did not answer in {OPEN_TIMEOUT:g} s", code="timeout"
        ) from None
    except (OSError, InvalidHandshake, InvalidURI, asyncio.IncompleteReadError) as exc:
        raise RealtimeError(
            f"no connection to the model's server: {type(exc).__name__}", code="unreachable"
        ) from None
    assert isinstance(connection, ModelConnection)  # noqa: S101 - what create_connection made
    return connection
