"""``gateway local-realtime``: the embedded realtime server alone."""

import asyncio
import contextlib
from typing import Annotated

import typer

from gateway.errors import SettingsError
from gateway.local_realtime import LocalRealtimeServer, installed_recogniser
from gateway.server import new_event_loop


def local_realtime(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
) -> None:
    """Run the embedded realtime server alone, for any client of the protocol. Ctrl-C stops it."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(_run(host, port))


async def _run(host: str, port: int) -> None:
    async with installed_recogniser() as recogniser:
        server = LocalRealtimeServer(host=host, port=port, recogniser=recogniser)
        try:
            await server.__aenter__()
        except OSError as exc:
            raise SettingsError(f"cannot listen on {host}, port {port}: {exc.strerror}") from None
        try:
            print(f"Realtime server at {server.url}; press Ctrl-C to stop.", flush=True)
            await asyncio.Event().wait()
        finally:
            await server.__aexit__(None, None, None)
