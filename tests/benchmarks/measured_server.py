"""The embedded server with its stages timed, for ``tests.benchmarks.conversations``: prints its address, and at its end
the CPU seconds of each stage as one JSON line."""

import asyncio
import contextlib
import functools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from gateway.local_realtime import LocalRealtimeServer, installed_parts
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.piper import Synthesis
from gateway.server import new_event_loop
from gateway.vad import VoiceActivity

STAGES: dict[str, tuple[type, str]] = {
    "detector": (VoiceActivity, "feed"),
    "recogniser": (MoonshineDecoder, "words"),
    "voice": (Synthesis, "sound"),
}


def timed(method: Callable[..., Any], stage: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """Have a method count the CPU time it takes in its thread."""

    @functools.wraps(method)
    def counting(*args: Any, **kwargs: Any) -> Any:
        began_at = time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            seconds[stage] += time.thread_time() - began_at

    return counting


async def serve(seconds: dict[str, float]) -> None:
    """Run the server until it is told to stop."""
    async with installed_parts() as parts:
        server = LocalRealtimeServer(voice=parts.voice, persona=parts.persona, recogniser=parts.recogniser)
        async with server:
            seconds.clear()
            seconds["before"] = time.process_time()
            print(server.url, flush=True)
            await asyncio.Event().wait()


def main() -> None:
    """Serve, then tell."""
    seconds: dict[str, float] = defaultdict(float)
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, timed(getattr(owner, name), stage, seconds))
    with asyncio.Runner(loop_factory=new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(serve(seconds))
    total = time.process_time() - seconds.pop("before")
    print(json.dumps({**seconds, "protocol and the rest": total - sum(seconds.values())}), flush=True)


if __name__ == "__main__":
    main()
