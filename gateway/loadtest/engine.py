"""Runs Locust for ``gateway loadtest``: one process alone, or a master and its workers, driven over pipes."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.errors import GatewayError
from gateway.loadtest.messages import Begin, Finished, Progress, engine_decoder, line_of
from gateway.loadtest.results import RunResult

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
WEB_PORT = 8089
MAX_WORKERS = 64
MAX_LINE = 1 << 30
"""Bytes of the run's outcome: it holds every call."""
END_TIMEOUT = 10.0
"""Seconds that processes get to end when the outcome is known."""
KEPT_LINES = 50
"""Of what Locust has to complain about, shown if it fails."""


class EngineError(GatewayError):
    """Locust could not run the test; the message says what it said."""


class Engine:
    """One load test's Locust processes."""

    def __init__(
        self, begin: Begin, *, n_workers: int, on_progress: Callable[[Progress], None], web: bool = False
    ) -> None:
        """With one worker there is no master: the process that leads also has the calls placed."""
        self._begin = begin
        self._n_workers = n_workers
        self._on_progress = on_progress
        self._web = web
        self._leader: Process | None = None
        self._is_stopping = False
        self._processes: list[Process] = []
        self.complaints: deque[str] = deque(maxlen=KEPT_LINES)
        """The last lines in which Locust has warned of something."""

    @property
    def is_whole(self) -> bool:
        """Whether every process ended as it should: else calls are missing from the outcome."""
        return all(process.returncode == 0 for process in self._processes)

    async def run(self) -> RunResult:
        """Run the test to its end.

        Raises:
            EngineError: Locust ended without an outcome.
        """
        run = None
        try:
            async with asyncio.TaskGroup() as tasks:
                self._leader = leader = await self._launch(self._leading(port := _free_port()))
                tasks.create_task(self._listen(leader), name="complaints")
                if self._is_stopping:  # Ctrl-C was faster than the start of a process
                    self.stop()
                for _ in range(self._n_workers if self._n_workers > 1 else 0):
                    worker = await self._launch(_following(port), stdout=DEVNULL)
                    tasks.create_task(self._listen(worker), name="complaints")
                run = await self._follow(leader)
                await self._ended(END_TIMEOUT if run else 0.0)
        finally:
            self.kill()
        if run is None:
            raise EngineError("\n".join(self.complaints) or "Locust ended without an outcome")
        return run

    def stop(self) -> None:
        """End the test early, even before it has begun: calls hang up, and the outcome is reported as ever."""
        self._is_stopping = True
        if self._leader is not None and self._leader.stdin is not None:
            self._leader.stdin.close()

    def kill(self) -> None:
        """End what is left at once."""
        for process in self._processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    async def _ended(self, patience: float) -> None:
        """Wait until every process has ended by itself; end what has not after so many seconds."""
        try:
            async with asyncio.timeout(patience):
                for process in self._processes:
                    await process.wait()
        except TimeoutError:
            self.kill()

    async def _launch(self, arguments: Sequence[str], *, stdout: int = PIPE) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--driven", "--skip-log-setup",  # warnings alone, and no tables, go to standard error
            "--exit-code-on-error", "0",  # failed calls are no failure of the engine
            *arguments,
            stdin=PIPE, stdout=stdout, stderr=PIPE, limit=MAX_LINE,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )  # fmt: skip
        self._processes.append(process)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(line_of(self._begin))
        return process

    def _leading(self, port: int) -> list[str]:
        arguments = ["--only-summary", "--host", self._begin.options.public_url]
        if self._web:
            arguments += ["--autostart", "--autoquit", "0"]
            arguments += ["--web-host", "127.0.0.1", "--web-port", str(WEB_PORT)]
        else:
            arguments += ["--headless"]
        if self._n_workers > 1:
            arguments += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
            arguments += ["--expect-workers", str(self._n_workers), "--expect-workers-max-wait", "60"]
        return arguments

    async def _follow(self, leader: Process) -> RunResult | None:
        """Pass on progress until the leader has told the outcome, or is gone."""
        assert leader.stdout is not None  # noqa: S101 - it is a pipe
        async for line in leader.stdout:
            match engine_decoder.decode(line):
                case Progress() as progress:
                    self._on_progress(progress)
                case Finished(run=run):
                    return run
        return None

    async def _listen(self, process: Process) -> None:
        """Keep what a process complains about, and wait until it is gone."""
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        async for line in process.stderr:
            self.complaints.append(line.decode(errors="replace").rstrip())
        await process.wait()


def _following(port: int) -> list[str]:
    return ["--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
