"""Named events and their handlers: isolated, in order, and owned."""

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

Handler = Callable[[Any], Any]
MAX_WAITING = 1000
"""Results of handlers waiting to be awaited; beyond, the oldest is dropped and counted."""
STOP_TIMEOUT = 2.0
"""Seconds that a handler gets to end when it is cancelled."""

_log = structlog.get_logger()


class RealtimeEventHandler:
    """Keeps handlers by event name and calls them.

    A handler is any callable of one argument. If it returns an awaitable, that is awaited in the order of
    dispatching, by one task of this object, so a slow handler delays later ones and nothing else. A handler that
    raises is logged and does not concern the others.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._once: dict[str, list[Handler]] = {}
        self._waiting: deque[Awaitable[Any]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self.n_dropped = 0
        """Handler results given up because too many were waiting."""

    def on(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on every event of that name; return it, so this works as a decorator's end."""
        self._handlers.setdefault(name, []).append(handler)
        return handler

    def on_next(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on the next event of that name only."""
        self._once.setdefault(name, []).append(handler)
        return handler

    def off(self, name: str, handler: Handler | None = None) -> None:
        """Stop calling ``handler``, or every handler of that name.

        Raises:
            LookupError: there is no such handler.
        """
        _remove(self._handlers, name, handler)

    def off_next(self, name: str, handler: Handler | None = None) -> None:
        """Undo an `on_next`; raises as `off`."""
        _remove(self._once, name, handler)

    def clear_event_handlers(self) -> None:
        """Forget all handlers; whoever waits for an event goes on waiting until its timeout."""
        self._handlers.clear()
        self._once.clear()

    @property
    def has_any_handlers(self) -> bool:
        """Whether dispatching anything could reach anybody."""
        return bool(self._handlers or self._once)

    def has_handlers(self, name: str) -> bool:
        """Whether dispatching this name would reach anybody."""
        return name in self._handlers or name in self._once

    def dispatch(self, name: str, event: Any = None) -> None:
        """Call the handlers of that name, permanent ones first, each from a snapshot."""
        handlers = self._handlers.get(name)
        once = self._once.pop(name, None)
        if handlers is None and once is None:
            return
        for handler in [*(handlers or ()), *(once or ())]:
            self._call(name, handler, event)

    async def wait_for_next(
        self,
        name: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the published contract has it
    ) -> Any:
        """Wait for the next event of that name and return it.

        Raises:
            TimeoutError: it did not come within ``timeout`` seconds.
            ConnectionError: the connection closed first.
        """
        arrival: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def arrived(event: Any) -> None:
            if not arrival.done():
                arrival.set_result(event)

        def closed(_: Any) -> None:
            if not arrival.done():
                arrival.set_exception(ConnectionError(f"closed while waiting for {name}"))

        self.on_next(name, arrived)
        if name != "close":
            self.on_next("close", closed)
        try:
            async with asyncio.timeout(timeout):
                return await arrival
        finally:
            for waited, handler in ((name, arrived), ("close", closed)):
                if handler in self._once.get(waited, ()):
                    self.off_next(waited, handler)

    async def stop_handlers(self, but: asyncio.Task[Any] | None = None) -> None:
        """Cancel whatever a handler is still doing, unless it runs in ``but``, and forget what was waiting."""
        runner, self._runner = self._runner, None
        if runner is not None and runner not in {but, asyncio.current_task()}:
            runner.cancel()
            if not (await asyncio.wait([runner], timeout=STOP_TIMEOUT))[0]:
                _log.warning("a handler does not end when it is cancelled")
        while self._waiting:
            _discard(self._waiting.popleft())

    def _call(self, name: str, handler: Handler, event: Any) -> None:
        try:
            result = handler(event)
        except Exception:
            _log.exception("handler failed", event_name=name)
            return
        if inspect.isawaitable(result):
            self._waiting.append(result)
            if len(self._waiting) > MAX_WAITING:
                _discard(self._waiting.popleft())
                self.n_dropped += 1
            if self._runner is None or self._runner.done():
                self._runner = asyncio.get_running_loop().create_task(self._run(), name="realtime-handlers")

    async def _run(self) -> None:
        while self._waiting:
            try:
                await self._waiting.popleft()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise  # else something that the handler gave us was cancelled, not we
                _log.warning("handler cancelled")
            except Exception:
                _log.exception("handler failed")


def _remove(handlers: dict[str, list[Handler]], name: str, handler: Handler | None) -> None:
    registered = handlers.get(name, [])
    if handler is None:
        handlers.pop(name, None)
        return
    if handler not in registered:
        raise LookupError(f"not a handler of {name!r}")
    registered.remove(handler)
    if not registered:
        del handlers[name]


def _discard(awaitable: Awaitable[Any]) -> None:
    """Close a coroutine that will not be awaited, so that Python does not warn of it."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
