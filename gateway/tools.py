"""Functions that the model may call: described to it by a JSON schema, run with a deadline, never raising at it.

Function calling: OpenAI Realtime API, "Realtime conversations" guide.
"""

import asyncio
import contextvars
import copy
import functools
import inspect
import math
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any, Self

import structlog

from gateway.errors import ToolError
from gateway.tool_output import error_text, output_text
from gateway.tool_schema import Bind, checked_definition, describe_function, parsed_arguments

MAX_TOOLS = 128
"""Tools in one toolbox."""
MAX_OVERDUE = 8
"""Threads of one tool that may go on after their deadline; until one ends, further calls are refused."""

_FAILED = "The tool failed."
_log = structlog.get_logger()

_Outcome = tuple[str | Awaitable[Any], BaseException | None]
"""What a call in a thread came to: its answer, or why there is none."""


class Tool:
    """A function that the model may call.

    A coroutine function runs on the event loop and is cancelled at the deadline. Any other function runs in a
    thread of its own, so that it can hold up neither the loop nor the loop's executor, which resolves host names;
    what it returns is awaited on the loop if it is awaitable. A thread cannot be stopped: after the deadline or a
    cancellation it goes on to its end, or to the program's, and its result is dropped.
    """

    def __init__(self, definition: Mapping[str, Any], function: Any, bind: Bind, *, timeout: float) -> None:
        self._definition = checked_definition(definition)
        self.name: str = self._definition["name"]
        if not 0 < timeout < math.inf:
            raise ToolError(f'Tool "{self.name}" timeout must be a positive number of seconds')
        self.timeout = timeout
        """Seconds that one call may take."""
        self._is_async = any(map(inspect.iscoroutinefunction, (function, type(function).__call__)))
        self._bind = bind
        self._overdue: set[threading.Thread] = set()

    @classmethod
    def from_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = 5.0,
    ) -> Self:
        """Make a tool of a typed function: its signature is the schema, its Google-style docstring the words.

        The model's arguments are validated, and converted to the annotated types, before the function sees them.
        Without an annotation a parameter takes any JSON value. What a `functools.partial` has bound is not shown
        to the model and cannot be set by it.

        Raises:
            ToolError: no schema can be made of the signature, or the name is not one.
        """
        inner = function.func if isinstance(function, functools.partial) else function
        name = name or str(getattr(inner, "__name__", type(inner).__name__))
        if not callable(function):
            raise ToolError(f'Tool "{name}" handler must be a function')
        definition, bind = describe_function(function, name, description)
        return cls(definition, function, bind, timeout=timeout)

    @classmethod
    def from_definition(
        cls, definition: Mapping[str, Any], handler: Callable[[dict[str, Any]], Any], *, timeout: float = 5.0
    ) -> Self:
        """Make a tool of a copy of a definition; ``handler`` gets the arguments as one dict, not validated.

        The definition has ``name`` and perhaps ``description``, ``parameters`` (JSON schema of an object) and
        ``type`` (function).

        Raises:
            ToolError: a server would refuse the definition, or the handler is not callable.
        """
        checked = checked_definition(definition)
        if not callable(handler):
            raise ToolError(f'Tool "{checked["name"]}" handler must be a function')
        return cls(
            checked, handler, lambda text: functools.partial(handler, parsed_arguments(text)), timeout=timeout
        )

    @classmethod
    def of(cls, tool: "Tool | Callable[..., Any] | Mapping[str, Any]", handler: Any = None) -> "Tool":
        """Take a tool as it is, or make one of a function, or of a definition and its ``handler``.

        Raises:
            ToolError: none can be made.
        """
        if isinstance(tool, Mapping):
            return cls.from_definition(tool, handler)
        return tool if isinstance(tool, Tool) else cls.from_function(tool)

    @property
    def definition(self) -> dict[str, Any]:
        """A fresh copy of the function tool as a GA session has it."""
        return copy.deepcopy(self._definition)

    async def run(self, arguments: str) -> str:
        """Call the function with the model's arguments; return the text of the ``function_call_output``.

        ``arguments`` is the JSON text of the done event; empty means no arguments. A result that is text is
        returned as it is, anything else as JSON (None is ``null``), not-a-number and infinity as null, and what
        JSON does not know as its ``str``. Whatever goes wrong becomes ``{"error": "..."}``: only an exception
        that the tool raised as a ToolError tells the model its message. Nothing but cancellation comes out.
        """
        task = asyncio.current_task()
        n_cancelled = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(self.timeout) as deadline:
                return await self._carry_out(self._bind(arguments.strip().encode(errors="replace") or b"{}"))
        except ToolError as exc:
            return error_text(str(exc) or _FAILED)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:  # a function may call sys.exit, or let a cancellation of its own escape
            if isinstance(exc, asyncio.CancelledError) and task and task.cancelling() > n_cancelled:
                raise
            if deadline.expired():
                _log.warning("tool took too long", tool=self.name, timeout=self.timeout)
                return error_text(f"The tool took too long: it was given up after {self.timeout:g} s.")
            # Written out here: some of structlog's renderers show the frames' variables, our arguments among them.
            written = "".join(traceback.format_exception(exc))
            _log.error("tool failed", tool=self.name, error_type=type(exc).__name__, exception=written)
            return error_text(_FAILED)

    async def _carry_out(self, call: Callable[[], Any]) -> str:
        answer = _answer(call) if self._is_async else await self._in_thread(call)
        return answer if isinstance(answer, str) else output_text(await answer)

    async def _in_thread(self, call: Callable[[], Any]) -> str | Awaitable[Any]:
        self._overdue = {thread for thread in self._overdue if thread.is_alive()}
        if len(self._overdue) >= MAX_OVERDUE:
            raise ToolError("The tool is still busy with earlier calls.")
        outcome: Future[_Outcome] = Future()
        outcome.set_running_or_notify_cancel()
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=lambda: outcome.set_result(context.run(_attempt, call)),
            name=f"tool-{self.name}",
            daemon=True,
        )
        thread.start()
        try:
            answer, error = await asyncio.wrap_future(outcome)
        except asyncio.CancelledError:
            self._overdue.add(thread)
            outcome.add_done_callback(_discard)
            raise
        if error is not None:
            raise error
        return answer


class Toolbox:
    """The tools of one session, in the order in which they were added."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    def add(self, tool: Tool) -> None:
        """Put a tool in.

        Raises:
            ToolError: there is one of that name, or there are 128.
        """
        if tool.name in self._tools:
            raise ToolError(
                f'Tool "{tool.name}" already added. '
                f'Please use .remove_tool("{tool.name}") before trying to add again.'
            )
        if len(self._tools) >= MAX_TOOLS:
            raise ToolError(f'Tool "{tool.name}" does not fit: there are {MAX_TOOLS} tools already.')
        self._tools[tool.name] = tool

    def remove(self, name: str) -> None:
        """Take a tool out; a call of it that is running goes on.

        Raises:
            ToolError: there is none of that name.
        """
        if self._tools.pop(name, None) is None:
            raise ToolError(f'Tool "{name}" does not exist, can not be removed.')

    def get(self, name: str) -> Tool | None:
        """The tool of that name, if there is one."""
        return self._tools.get(name)

    def definitions(self) -> list[dict[str, Any]]:
        """Fresh copies of all definitions, for a session's ``tools``."""
        return [tool.definition for tool in self._tools.values()]

    def clear(self) -> None:
        """Take all tools out."""
        self._tools.clear()

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools


def _answer(call: Callable[[], Any]) -> str | Awaitable[Any]:
    """Make a call; its result as text, or as it is where it has to be awaited first."""
    result = call()
    return result if inspect.isawaitable(result) else output_text(result)


def _attempt(call: Callable[[], Any]) -> _Outcome:
    try:
        return _answer(call), None
    except BaseException as exc:  # to be raised on the loop
        return "", exc


def _discard(outcome: Future[_Outcome]) -> None:
    answer, _ = outcome.result()
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns that it was never awaited
