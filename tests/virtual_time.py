"""A clock that stands still while anything is to be done, and jumps to the next deadline when nothing is.

Whatever talks over loopback within one event loop then takes no time at all to compute, however busy the machine is, and
waits for nothing. Sockets, servers and their code are the real ones.
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple
from unittest import mock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_THREAD_PERIOD = 0.001
"""Real seconds from one look at the sockets to the next while a thread works."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        """Seconds of the virtual clock."""
        self.n_threads = 0
        """At work for the loop: as long as there are any, time stands still."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.n_threads:
            return super().select(_THREAD_PERIOD if self.n_threads else None)
        self.now += max(0.0, timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self._clock.n_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's own
        self._clock.n_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._clock.n_threads -= 1

    def _thread_done(self, _: "asyncio.Future[Any]") -> None:
        self._clock.n_threads -= 1


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario in virtual time, which is that of the loop and of ``time.monotonic()``."""
    with contextlib.ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=_Loop))
        stack.enter_context(mock.patch.object(time, "monotonic", runner.get_loop().time))
        return runner.run(scenario)
