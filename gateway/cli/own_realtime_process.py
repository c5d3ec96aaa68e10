"""The embedded realtime server as a process of its own, beside the gateway that a load test without a target loads."""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from gateway.local_realtime import LocalRealtimeServer, installed_parts
from gateway.log import configure_logging
from gateway.server import new_event_loop


async def serve() -> None:
    """Serve until standard input ends; print our address and the folder of what we observe, which goes with us."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-observed-"))
        parts = await stack.enter_async_context(installed_parts())
        server = LocalRealtimeServer(
            voice=parts.voice, persona=parts.persona, recogniser=parts.recogniser, observed_dir=Path(folder)
        )
        await stack.enter_async_context(server)
        print(server.url, folder, sep="\n", flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    configure_logging("ERROR", "console")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
