"""What spoken conversations with the embedded server cost: ``python -m tests.benchmarks.conversations --calls 1 10``.

A server process on one processor, all callers on another. Each caller greets, asks for an order, gives its number, asks
for the opening hours and says goodbye, in real time. Prints, asserts nothing.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.benchmarks.process import Process
from tests.benchmarks.spoken_caller import Exchange, SpokenCaller

CLIPS = ("order_status", "number_4712", "opening_hours", "thanks_goodbye")
SPREAD = 1.7
"""Seconds from one caller's beginning to the next: nobody speaks in chorus."""


def start(log: Path) -> tuple[Process, str]:
    """Run the server on a processor of its own, if there are two; give it with its address, once it is up."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[:1])  # which the process inherits
    process = Process(["tests.benchmarks.measured_server"], log, {})
    os.sched_setaffinity(0, processors[-1:])
    for _ in range(300):
        if found := re.search(r"^ws://\S+", log.read_text(), re.MULTILINE):
            return process, found[0]
        assert process.process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def spread(values: Iterable[float | None]) -> str:
    """Median, 90th percentile and greatest, in ms."""
    known = [value * 1000 for value in values if value is not None]
    if not known:
        return "-"
    return f"{np.median(known):5.0f} {np.percentile(known, 90):5.0f} {max(known):5.0f}"


def since(later: float | None, earlier: float | None) -> float | None:
    """Seconds between two times, where both are known."""
    return None if later is None or earlier is None else later - earlier


async def converse(n_calls: int, url: str) -> list[SpokenCaller]:
    """Hold so many conversations at once, to their end."""
    callers = [SpokenCaller(CLIPS) for _ in range(n_calls)]

    async def call(index: int) -> None:
        await asyncio.sleep(SPREAD * index)
        await callers[index].converse(url)

    async with asyncio.TaskGroup() as tasks:
        for index in range(n_calls):
            tasks.create_task(call(index))
    return callers


def measure(n_calls: int) -> None:
    """Hold so many conversations at once, and print what came of them."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        process, url = start(log)
        idle_kb = process.rss_kb()
        callers = asyncio.run(converse(n_calls, url))
        busy_kb = process.rss_kb()
        process.stop(signal.SIGINT)
        used: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    show(n_calls, [each for caller in callers for each in caller.exchanges if each.said])
    call_seconds = sum(len(caller.lateness) * 0.02 for caller in callers)
    stages = ", ".join(f"{stage} {seconds / call_seconds * 1000:.1f}" for stage, seconds in used.items())
    print(f"  CPU, ms per call-second: {sum(used.values()) / call_seconds * 1000:.0f}, of it {stages}")
    late_ms = np.percentile([late * 1000 for caller in callers for late in caller.lateness], 99)
    print(
        f"  memory {idle_kb // 1024} MB before, {busy_kb // 1024} MB after; callers' frames late by {late_ms:.1f} ms (p99)"
    )


def show(n_calls: int, exchanges: list[Exchange]) -> None:
    """Print the latencies of some exchanges, and what was said in the first conversation."""
    unanswered = sum(each.sound_at is None for each in exchanges)
    print(f"{n_calls} at once: {len(exchanges)} turns, {unanswered} without an answer; ms: median, p90, most")
    print("  told stopped -> words known  ", spread(since(e.words_at, e.stopped_at) for e in exchanges))
    print("  told stopped -> first sound  ", spread(since(e.sound_at, e.stopped_at) for e in exchanges))
    print("  last sample  -> first sound  ", spread(since(e.sound_at, e.ended_at) for e in exchanges))
    for each in exchanges if n_calls == 1 else ():
        print(f"  {each.words}  ->  {each.answer}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 10])
    for n_calls in parser.parse_args().calls:
        measure(n_calls)


if __name__ == "__main__":
    main()
