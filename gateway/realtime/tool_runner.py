"""Runs the tools that the model calls, beside the conversation."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import structlog

from gateway.realtime.events import ItemState, OutputItemDone
from gateway.realtime.tool_calls import ToolCalls
from gateway.tools import Toolbox

_log = structlog.get_logger()


class ToolRunner:
    """Runs each completed call once, and gives its output to ``answer``.

    ``answer(call, output)`` waits for a session, gives it the output and returns the id of the item it became;
    ``follow_up(outputs)`` asks for the response that speaks of them, when a response's calls are all answered.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        answer: Callable[[ItemState, str], Awaitable[str]],
        follow_up: Callable[[list[str]], None],
    ) -> None:
        self._toolbox = toolbox
        self._answer = answer
        self._follow_up = follow_up
        self._calls = ToolCalls()

    @property
    def n_running(self) -> int:
        """Calls whose output has not been given."""
        return self._calls.n_running

    def item_done(self, event: OutputItemDone, tasks: asyncio.TaskGroup) -> None:
        """Start the call that an item is, if it is one, complete, and not begun already."""
        call = event.item
        if call.type != "function_call" or call.status != "completed" or not call.call_id:
            return
        if self._calls.begin(call.call_id, event.response_id):
            is_too_many = self._calls.is_too_many(event.response_id)  # now: others may begin before it runs
            running = self._run(call, event.response_id, is_too_many=is_too_many)
            tasks.create_task(running, name=f"tool {call.name}")

    def response_done(self, response_id: str) -> None:
        """Take the end of a response: no more calls will come of it."""
        self._follow_up_on(self._calls.response_done(response_id))

    def session_lost(self) -> None:
        """Take the end of the session: its responses will not be reported as done."""
        self._follow_up_on(self._calls.session_lost())

    async def _run(self, call: ItemState, response_id: str, *, is_too_many: bool) -> None:
        tool = self._toolbox.get(call.name or "")
        if is_too_many:
            output = json.dumps({"error": "too many tool calls"})
            _log.warning("tool call refused: too many")
        elif tool is None:
            output = json.dumps({"error": f"there is no tool {(call.name or '')[:64]!r}"})
        else:
            output = await tool.run(call.arguments or "")
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # the tool took no notice, but the conversation is over
        item_id = await self._answer(call, output)
        self._follow_up_on(self._calls.finish(str(call.call_id), response_id, item_id))

    def _follow_up_on(self, outputs: list[str] | None) -> None:
        if outputs:
            self._follow_up(outputs)
