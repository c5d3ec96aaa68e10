"""Ends a Locust process with the command that started it."""

from typing import Any

import gevent


def end_with_parent(orders: Any) -> None:
    """Stop as Ctrl-C does once the orders, a file of gevent's, have ended: we are told to, or nobody is left to tell."""

    def wait() -> None:
        while orders.read(1):
            pass
        gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())  # in the main greenlet

    gevent.spawn(wait)
