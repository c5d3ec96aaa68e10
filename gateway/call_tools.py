"""The model presses keys: tones on the line, for the menus of whoever is at its other end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import ToolError
from gateway.tools import Tool
from voice_codecs import is_key_sequence, key_tones

SAY_TIMEOUT = 20.0
"""Seconds that what is being said may take to be heard; then no keys are sent."""
MARK_TIMEOUT = 3.0
"""Seconds beyond the tones' own length in which their last mark must have come back."""
MAX_KEYS_SECONDS = 16.0
"""The longest sequence: 32 pauses."""
NO_LINE = "Nothing was sent, because the line was interrupted. The caller will be back, or the call is over."
LINE_LOST = "The line was interrupted while the digits were being sent, so some of them may be missing."


@dataclass(frozen=True, eq=False)
class _Line:
    """One media stream, as `KeyTones.bind` is given it."""

    is_audible: Callable[[], bool]
    play: Callable[[bytes], None]
    is_sending: Callable[[], bool]


class KeyTones:
    """What a ``send_digits`` of the model's comes to. The model may know of it before there is a call."""

    def __init__(self) -> None:
        self._line: _Line | None = None
        self._playback_moved = asyncio.Event()
        self._one_by_one = asyncio.Lock()

    def bind(
        self, is_audible: Callable[[], bool], play: Callable[[bytes], None], is_sending: Callable[[], bool]
    ) -> None:
        """Join it to a call.

        ``is_audible`` says whether anything is being heard, ``play`` sends tones (mu-law), ``is_sending`` says whether
        some have not been heard yet.
        """
        self._line = _Line(is_audible, play, is_sending)

    def unbind(self) -> None:
        """Take the end of the media stream: nothing is being said or sent any more."""
        self._line = None
        self._playback_moved.set()

    def tool(self) -> Tool:
        """The tool by which the model presses keys."""
        return Tool.from_function(
            self.send_digits, timeout=2 * (SAY_TIMEOUT + MAX_KEYS_SECONDS + MARK_TIMEOUT)
        )

    def playback_moved(self) -> None:
        """Take note that something has been heard, or thrown away."""
        self._playback_moved.set()

    async def send_digits(self, digits: str) -> str:
        """Press keys for the other party to hear as tones, for example in a menu. Do so when you have finished speaking.

        Args:
            digits: 1 to 32 of 0-9, *, #, A-D, and w for a pause of half a second.
        """
        if not is_key_sequence(digits):
            raise ToolError("Nothing was sent. The digits must be 1 to 32 of 0-9, *, #, A-D and w.")
        tones = key_tones(digits)
        async with self._one_by_one:
            return await self._sent(tones)

    async def _sent(self, tones: bytes) -> str:
        line = self._line
        if line is None:
            raise ToolError(NO_LINE)
        is_silent = await self._becomes_false(line.is_audible, SAY_TIMEOUT)
        if self._line is not line:
            raise ToolError(NO_LINE)
        if not is_silent:
            raise ToolError("Nothing was sent, because you are still speaking.")
        line.play(tones)
        is_heard = await self._becomes_false(line.is_sending, len(tones) / 8000 + MARK_TIMEOUT)
        if self._line is not line:
            raise ToolError(LINE_LOST)
        return (
            "The digits were sent."
            if is_heard
            else "The digits were sent, but nobody confirmed that they were heard."
        )

    async def _becomes_false(self, is_so: Callable[[], bool], within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                while is_so():
                    self._playback_moved.clear()
                    await self._playback_moved.wait()
        except TimeoutError:
            return False
        return True
