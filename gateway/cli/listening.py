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
        # A name that is not found has a negative number, which strerror() knows nothing of.
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else "there is no such address"
        raise SettingsError(f"cannot listen on {host}, port {port}: {reason}") from None
