"""What calls cost and how they fare: ``python -m tests.benchmarks.calls --calls 1 20 50``. Prints, asserts nothing.

A gateway process on one processor; all callers and the model on another, in this process, on one clock.
"""

import argparse
import asyncio
import base64
import contextlib
import gc
import os
import platform
import socket
import subprocess
import tempfile
import time
import timeit
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uvloop

from tests.benchmarks.call_figures import Figures, figures, likeness, percentile
from tests.benchmarks.light_caller import AUTH_TOKEN, PUBLIC_URL, LightCaller
from tests.benchmarks.light_model import CYCLE, ModelSession, Timetable
from tests.benchmarks.process import Process
from voice_codecs import mulaw_decode, mulaw_encode

PERIOD = 3.0
"""Seconds after which the test signal repeats; also the length of an answer."""
DELTA_24K = 4800
WARM_UP = 1.5


@dataclass(frozen=True)
class Cost:
    """What the processes used while the calls were going on."""

    gateway_seconds: float
    peer_seconds: float
    wall_seconds: float
    idle_kb: int
    busy_kb: int


@dataclass(frozen=True)
class Run:
    """One row of the table, to be."""

    n_calls: int
    cost: Cost
    figures: Figures
    sound_up: tuple[float, float]
    sound_down: tuple[float, float]
    complaints: list[str]
    """What the gateway logged above INFO."""


def sound(sample_rate: int) -> npt.NDArray[np.float64]:
    """Forty tones of 200 to 3300 Hz that add up to something like noise: any shift or gap shows at once."""
    rng = np.random.default_rng(7)
    t = np.arange(round(PERIOD * sample_rate)) / sample_rate
    tones = rng.choice(np.arange(600, 9900), 40, replace=False) / PERIOD  # whole periods, so it can repeat
    phases = rng.uniform(0, 2 * np.pi, 40)
    mix = sum(np.sin(2 * np.pi * f * t + phase) for f, phase in zip(tones, phases, strict=True))
    return np.asarray(mix) * 900.0


def calibration() -> float:
    """Milliseconds of a fixed loop: by how much this machine differs from another."""

    def loop() -> int:
        total = 0
        for n in range(200_000):
            total += n * n % 7
        return total

    return min(timeit.repeat(loop, number=1, repeat=9)) * 1000


def gateway_process(port: int, model_port: int, log: Path, launcher: list[str]) -> Process:
    """``gateway serve`` as a process of its own."""
    settings = {
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "REALTIME_URL": f"ws://127.0.0.1:{model_port}/v1/realtime",
        "PORT": str(port),
        "MAX_CALLS": "2000",
        "DRAIN_TIMEOUT": "1",
        "LOG_FORMAT": "json",
    }
    return Process(["gateway", "serve"], log, settings, launcher)


@contextlib.asynccontextmanager
async def gateway(model_port: int, log: Path, launcher: list[str]) -> AsyncIterator[tuple[Process, int]]:
    """Run a gateway on a processor of its own, if there are two."""
    processors = sorted(os.sched_getaffinity(0))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.sched_setaffinity(0, processors[:1])  # which the process inherits
    process = gateway_process(port, model_port, log, launcher)
    os.sched_setaffinity(0, processors[-1:])
    try:
        await _until_open(port, process.process)
        yield process, port
    finally:
        code = process.stop()
        os.sched_setaffinity(0, processors)
        if code:
            print(f"the gateway ended with {code}")


async def _until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        with contextlib.suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        assert process.poll() is None, "the gateway did not start"
        await asyncio.sleep(0.1)


async def run_calls(n_calls: int, seconds: float, log: Path, launcher: list[str]) -> Run:
    """Carry so many calls for so long, measured once all of them are going on."""
    arrived: asyncio.Queue[ModelSession] = asyncio.Queue()
    model = await asyncio.get_running_loop().create_server(lambda: ModelSession(arrived), "127.0.0.1", 0)
    frames, chunks = _caller_frames(), _model_chunks()
    async with model, gateway(model.sockets[0].getsockname()[1], log, launcher) as (process, port):
        await asyncio.sleep(0.5)
        idle_kb = process.rss_kb()
        tables = []
        for number in range(n_calls):
            caller = LightCaller(number, port, frames, keep_audio=number == 0)
            await caller.dial()
            session = await asyncio.wait_for(arrived.get(), 10)
            session.audio = [] if number == 0 else None
            await asyncio.wait_for(session.ready.wait(), 10)
            tables.append(Timetable(session, caller, chunks, number))
        gc.collect()
        gc.disable()
        cost, window = await _measure(tables, seconds, process, idle_kb)
        gc.enable()
    result = figures(tables, window, DELTA_24K)
    up, down = _sounds(tables[0])
    return Run(n_calls, cost, result, up, down, _complaints(log))


async def _measure(
    tables: list[Timetable], seconds: float, process: Process, idle_kb: int
) -> tuple[Cost, tuple[float, float]]:
    rng = np.random.default_rng(1)
    begin = time.monotonic() + 0.1
    for table in tables:
        table.caller.speak(begin + rng.uniform(0, 0.02))
        table.start(0.2 + rng.uniform(0, CYCLE if len(tables) > 1 else 0.1))
    await asyncio.sleep(WARM_UP)
    wall, cpu, own = time.monotonic(), process.cpu_seconds(), time.process_time()
    await asyncio.sleep(seconds)
    end = time.monotonic()
    cost = Cost(process.cpu_seconds() - cpu, time.process_time() - own, end - wall, idle_kb, process.rss_kb())
    for table in tables:
        table.stop()
    await asyncio.sleep(PERIOD + 1.0)  # what is being said is heard to its end
    for table in tables:
        table.caller.mute()
    await asyncio.sleep(0.3)
    for table in tables:
        table.caller.hang_up()
    await asyncio.sleep(0.5)
    return cost, (wall, end)


def _caller_frames() -> list[bytes]:
    payload = mulaw_encode(np.rint(sound(8000)).astype(np.int16))
    return [payload[n : n + 160] for n in range(0, len(payload), 160)]


def _model_chunks() -> list[bytes]:
    data = np.rint(sound(24_000)).astype("<i2").tobytes()
    return [base64.b64encode(data[n : n + 2 * DELTA_24K]) for n in range(0, len(data), 2 * DELTA_24K)]


def _sounds(table: Timetable) -> tuple[tuple[float, float], tuple[float, float]]:
    """How like the original the sound of one call arrived, both ways; windows of 20 ms."""
    assert table.session.audio is not None
    appended = np.frombuffer(b"".join(table.session.audio), "<i2")
    original = np.resize(sound(24_000), appended.size)
    heard = [reply.heard for reply in table.replies if reply.kind == 0]
    if not heard:
        return likeness(appended, original, 480), (float("nan"), float("nan"))
    answers = [mulaw_decode(b"".join(item.payloads)) for item in heard]
    parts = [likeness(answer, sound(8000), 160) for answer in answers]
    return likeness(appended, original, 480), (min(p[0] for p in parts), min(p[1] for p in parts))


def _complaints(log: Path) -> list[str]:
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if '"level": "info"' not in line and '"level":"info"' not in line]


Row = tuple[str, Callable[[Run], float | str]]
ROWS: list[Row] = [
    ("CPU, ms per call-second", lambda r: r.cost.gateway_seconds * 1000 / r.n_calls / r.cost.wall_seconds),
    ("gateway's processor, %", lambda r: r.cost.gateway_seconds / r.cost.wall_seconds * 100),
    ("peers' processor, %", lambda r: r.cost.peer_seconds / r.cost.wall_seconds * 100),
    ("peers' frame lateness p99, ms", lambda r: percentile(r.figures.lateness, 99)),
    ("caller to model p50, ms", lambda r: percentile(r.figures.up, 50)),
    ("caller to model p99, ms", lambda r: percentile(r.figures.up, 99)),
    ("model to caller p50, ms", lambda r: percentile(r.figures.down, 50)),
    ("model to caller p99, ms", lambda r: percentile(r.figures.down, 99)),
    ("first delta to first media p95, ms", lambda r: percentile(r.figures.first_audio, 95)),
    ("speech_started to clear p50, ms", lambda r: percentile(r.figures.clear, 50)),
    ("speech_started to clear p95, ms", lambda r: percentile(r.figures.clear, 95)),
    ("truncation error p50, ms", lambda r: percentile(r.figures.truncation_error, 50)),
    ("truncation error p99, ms", lambda r: percentile(r.figures.truncation_error, 99)),
    ("answers / barge-ins", lambda r: f"{r.figures.n_answers}/{r.figures.n_barge_ins}"),
    ("barge-ins without clear", lambda r: str(r.figures.n_without_clear)),
    ("barge-ins without truncation", lambda r: str(r.figures.n_without_truncation)),
    ("needless truncations", lambda r: str(r.figures.n_needless_truncations)),
    ("caller samples beyond 3x, worst", lambda r: _worst(r.figures.appended_balance)),
    ("model samples beyond 1/3, worst", lambda r: _worst(r.figures.item_balance)),
    ("audio after clear, ms", lambda r: r.figures.late_ms),
    ("memory per call, kB", lambda r: (r.cost.busy_kb - r.cost.idle_kb) / r.n_calls),
    ("likeness caller to model, worst 20 ms", lambda r: f"{r.sound_up[0]:.5f} {r.sound_up[1]:.3f}"),
    ("likeness model to caller, worst 20 ms", lambda r: f"{r.sound_down[0]:.5f} {r.sound_down[1]:.3f}"),
    ("protocol faults", lambda r: str(len(r.figures.faults))),
    ("complaints in the log", lambda r: str(len(r.complaints))),
]


def _worst(balances: list[int]) -> str:
    return str(max(balances, key=abs)) if balances else "-"


def show(runs: list[Run]) -> None:
    """Print the table, a column for each number of calls."""
    print(f"{'calls at once':<38}" + "".join(f"{run.n_calls:>16}" for run in runs))
    for label, value in ROWS:
        cells = [cell if isinstance(cell := value(run), str) else f"{cell:.2f}" for run in runs]
        print(f"{label:<38}" + "".join(f"{cell:>16}" for cell in cells))
    for run in runs:
        for line in [*dict.fromkeys(run.figures.faults), *run.complaints[:5]]:
            print(f"{run.n_calls} calls: {line[:300]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 20, 50])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--launcher", default="", help="put before the gateway's command, for a profiler")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, fixed loop {calibration():.1f} ms")
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for n_calls in options.calls:
            log = Path(folder) / f"gateway-{n_calls}.log"
            work = run_calls(n_calls, options.seconds, log, options.launcher.split())
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runs.append(runner.run(work))
    show(runs)


if __name__ == "__main__":
    main()
