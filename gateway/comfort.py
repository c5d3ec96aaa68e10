"""What a caller hears while there is no model session: nothing for a moment, then that the line lives."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

GAP_BEFORE_COMFORT = 1.5
"""Seconds that a caller may hear nothing because there is no model session."""
COMFORT_PERIOD = 4.0
"""Seconds from one comforting phrase to the next."""
_AUDIBLE_PERIOD = 0.1
"""Seconds between looks at whether what was said before has ended."""


@dataclass(frozen=True)
class Prompts:
    """What the gateway itself says, mu-law, 8 kHz."""

    apology: bytes
    """That the call cannot go on."""
    one_moment: bytes
    """That it will, in a moment."""


class Comfort:
    """Has ``say`` called whenever there is no model, and nothing audible, for too long."""

    def __init__(self, is_audible: Callable[[], bool], say: Callable[[], None]) -> None:
        self._is_audible = is_audible
        self._say = say
        self._has_model = asyncio.Event()
        self._has_no_model = asyncio.Event()

    def model_came(self) -> None:
        """Take note that a session is ready."""
        self._has_no_model.clear()
        self._has_model.set()

    def model_went(self) -> None:
        """Take note that the session is lost."""
        self._has_model.clear()
        self._has_no_model.set()

    async def run(self, begun: asyncio.Event) -> None:
        """Comfort the caller from the call's beginning on, until cancelled."""
        await begun.wait()
        while True:
            wait = GAP_BEFORE_COMFORT
            while not await _happens(self._has_model, wait):
                wait = _AUDIBLE_PERIOD
                if not self._is_audible():
                    self._say()
                    wait = COMFORT_PERIOD
            await self._has_no_model.wait()


async def _happens(event: asyncio.Event, within: float) -> bool:
    """Whether an event comes within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()
