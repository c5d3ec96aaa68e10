"""``gateway serve``: production."""

import asyncio
import socket

from gateway.app import Gateway
from gateway.cli.listening import open_listener
from gateway.log import configure_logging
from gateway.server import new_event_loop
from gateway.settings import load_settings


def serve() -> None:
    """Serve calls until SIGTERM, then let those that are going on finish.

    Settings come from the environment and from .env; the README lists them.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, settings.secrets)
    listener = open_listener(settings.host, settings.port)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(Gateway(settings), listener))


async def _serve(gateway: Gateway, listener: socket.socket) -> None:
    await gateway.server().serve([listener])
