"""A media stream's socket when its messages are captured: the same, with an ear in the line."""

import time
from collections.abc import Callable

from gateway.caller_leg import CallerSocket
from gateway.captures import Capture
from gateway.web.media_socket import MediaReceiver


class CapturedSocket:
    """A caller's socket whose outbound messages are captured."""

    def __init__(self, socket: CallerSocket, capture: Capture) -> None:
        self._socket = socket
        self._capture = capture

    def write(self, *texts: bytes) -> None:
        """Send text messages, in one write."""
        now = time.monotonic()
        for text in texts:
            self._capture.take("gateway", text, now)
        self._socket.write(*texts)

    def close(self, code: int) -> None:
        """Close the socket."""
        self._socket.close(code)


class CapturedReceiver:
    """Delivers a media stream's messages to its receiver, and captures those that are text.

    ``begun_call`` tells the CallSid once the receiver has found the stream to be that call's, and nothing before.
    """

    def __init__(self, receiver: MediaReceiver, capture: Capture, begun_call: Callable[[], str]) -> None:
        self._receiver = receiver
        self._capture = capture
        self._begun_call = begun_call

    def message_received(self, text: bytes) -> None:
        """Take a text message: captured first, for its answer comes behind it."""
        self._capture.take("twilio", text, time.monotonic())
        self._receiver.message_received(text)
        if not self._capture.has_begun and (call_sid := self._begun_call()):
            self._capture.begin(call_sid)

    def binary_received(self) -> None:
        """Pass on that there was a binary message."""
        self._receiver.binary_received()

    def connection_closed(self) -> None:
        """Pass on that the socket is closed, and so the capture over."""
        self._capture.end()
        self._receiver.connection_closed()
