"""Opening a port, with one clear line when it cannot be had."""

import os
import socket

from gateway.errors import SettingsError
from gateway.server import listen


def open_listener(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Raises:
        SettingsError: it cannot be had.
    """
    try:
        return listen(host, port)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else str(exc)
        raise SettingsError(f"cannot listen on {host}, port {port}: {reason}") from None
