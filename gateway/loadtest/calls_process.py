"""A process of calls: places recorded calls on one event loop, and does nothing else that could make them late.

Locust runs on gevent, whose patches of sockets, selectors and threads, and whose work under the same interpreter lock,
would show in the frames' punctuality; so each of its workers has the calls made here. Orders come on standard input,
reports go to standard output. When the input ends, all calls are ended and the process too.
"""

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import AsyncIterator

import msgspec

from gateway.loadtest.calls_up import CallsUp
from gateway.loadtest.measuring import Measuring
from gateway.loadtest.messages import (
    Begin,
    HangUp,
    PlaceCall,
    Pulse,
    Ready,
    Report,
    Unusable,
    line_of,
    order_decoder,
)
from gateway.loadtest.recording import RecordingError
from gateway.loadtest.recordings import load_recordings

PULSE = 1.0
"""Seconds."""
BUSY_OVER = 5
"""Pulses over which the share of the core is taken."""
_RARE_FULL_COLLECTIONS = (2000, 10, 1000)
"""A full collection with a hundred calls in memory stops them for tens of milliseconds."""


def main() -> None:
    """Serve the orders of one Locust worker."""
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no report
    line = sys.stdin.buffer.readline()
    if not line:
        return
    begin = msgspec.json.decode(line, type=Begin)
    # The stock loop: uvloop's clock stands still within an iteration and counts whole milliseconds, so it hides
    # lateness, and here it costs more.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(_Process(reports.fileno()).run(begin))


class _Process:
    """Carries out orders; its reports are written at once, from the loop's thread."""

    def __init__(self, reports: int) -> None:
        self._reports = reports

    async def run(self, begin: Begin) -> None:
        """Place calls until the orders end."""
        options = begin.options
        try:
            recordings = load_recordings(options.recordings, channel=options.channel)
        except RecordingError as error:
            self._report(Unusable(str(error)))
            return
        with Measuring(options.reference) as measuring:
            await measuring.start()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_RARE_FULL_COLLECTIONS)
            async with asyncio.TaskGroup() as tasks:
                calls = CallsUp(begin, recordings, measuring, self._report, tasks)
                beating = tasks.create_task(self._beat(calls), name="pulse")
                self._report(Ready())
                async with _orders() as orders:
                    async for line in orders:
                        self._follow(order_decoder.decode(line), calls)
                await calls.end_all()
                beating.cancel()

    def _follow(self, order: Begin | PlaceCall | HangUp, calls: CallsUp) -> None:
        match order:
            case PlaceCall():
                calls.place(order)
            case HangUp(line=None):
                calls.hang_up_all()
            case HangUp(line=int(line)):
                calls.hang_up(line)

    def _report(self, report: Report) -> None:
        rest = memoryview(line_of(report))
        with contextlib.suppress(BrokenPipeError):  # whoever wanted to know is gone
            while rest:
                rest = rest[os.write(self._reports, rest) :]

    async def _beat(self, calls: CallsUp) -> None:
        used = [(time.monotonic(), time.process_time())]
        while True:
            await asyncio.sleep(PULSE)
            used = [*used[-BUSY_OVER:], (time.monotonic(), time.process_time())]
            (since, cpu_since), (now, cpu) = used[0], used[-1]
            busy = (cpu - cpu_since) / (now - since) if len(used) > BUSY_OVER else 0.0
            self._report(Pulse(len(calls), busy, calls.lateness_p99_ms()))


@contextlib.asynccontextmanager
async def _orders() -> AsyncIterator[asyncio.StreamReader]:
    """Standard input, line by line."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        yield reader
    finally:
        transport.close()


if __name__ == "__main__":
    main()
