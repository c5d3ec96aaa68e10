"""The model ends the call: once its last words have been heard, and unless the caller speaks on."""

import asyncio
from collections.abc import Callable

from gateway.tools import Tool

GOODBYE_TIMEOUT = 20.0
"""Seconds that the last words may take to be heard; then the call ends without."""


class Goodbye:
    """What a ``hang_up`` of the model's comes to. The model may know of it before there is a call to end."""

    def __init__(self) -> None:
        self._is_audible: Callable[[], bool] = lambda: False
        self._hang_up: Callable[[], None] = lambda: None
        self._settled: asyncio.Future[bool] | None = None
        """Whether the last words were heard whole, once that is known."""

    def bind(self, is_audible: Callable[[], bool], hang_up: Callable[[], None]) -> None:
        """Join it to a call: ``is_audible`` says whether something is being said, ``hang_up`` ends it."""
        self._is_audible = is_audible
        self._hang_up = hang_up

    def tool(self) -> Tool:
        """The tool by which the model ends the call."""
        return Tool.from_function(self.hang_up, timeout=GOODBYE_TIMEOUT + 1)

    def heard(self) -> None:
        """Take note that everything said so far has been heard."""
        self._settle(heard=True)

    def interrupted(self) -> None:
        """Take note that the caller spoke over what was being said."""
        self._settle(heard=False)

    async def hang_up(self) -> str:
        """End the call, after you have said goodbye and the caller has nothing more to ask."""
        if not await self._is_heard_out():
            return "The caller went on speaking, so the call goes on."
        self._hang_up()
        return "The call has ended."

    async def _is_heard_out(self) -> bool:
        if not self._is_audible():
            return True
        # One for all who ask meanwhile: a model may hang up twice.
        settled = self._settled = self._settled or asyncio.get_running_loop().create_future()
        await asyncio.wait([settled], timeout=GOODBYE_TIMEOUT)
        return not settled.done() or settled.result()

    def _settle(self, *, heard: bool) -> None:
        if self._settled is not None:
            self._settled.set_result(heard)
            self._settled = None
