"""The model ends the call: once its last words have been heard, and unless the caller speaks on."""

from collections.abc import Callable

from gateway.last_words import LastWords
from gateway.tools import Tool

TIMEOUT = 190.0
"""Seconds for the last words: more than the longest audio that waits to be played."""


class Goodbye:
    """What a ``hang_up`` of the model's comes to."""

    def __init__(self, last_words: LastWords, hang_up: Callable[[], None]) -> None:
        self._last_words = last_words
        self._hang_up = hang_up

    def tool(self) -> Tool:
        """The tool by which the model ends the call."""
        return Tool.from_function(self.hang_up, timeout=TIMEOUT)

    async def hang_up(self) -> str:
        """End the call, after you have said goodbye and the caller has nothing more to ask."""
        if not await self._last_words.are_heard():
            return "The caller went on speaking, so the call goes on."
        self._hang_up()
        return "The call has ended."
