"""What the caller enters on the telephone's keys, gathered into entries for the model."""

import asyncio
from collections.abc import Awaitable, Callable

INTER_DIGIT_TIMEOUT = 2.5
"""Seconds without a key after which an entry is complete."""
DEBOUNCE = 0.08
"""Seconds within which the same key again is a key that bounces: fingers are slower (Q.24 asks for 40 ms and 40 ms)."""
TERMINATOR = "#"
MAX_KEYS = 32
"""Of one entry; it is complete then, whatever follows."""
MAX_WAITING = 200
"""Keys kept while earlier ones are being handed over; more are nobody's fingers."""


class Keyed:
    """Gathers keys. ``enter`` is awaited with each complete entry, without its terminator."""

    def __init__(self, enter: Callable[[str], Awaitable[None]]) -> None:
        self._enter = enter
        self._keys = ""
        self._last = ("", -DEBOUNCE)
        self._pressed = asyncio.Event()

    def press(self, key: str, now: float) -> None:
        """Take a key, pressed at ``now``, in seconds."""
        last, at = self._last
        self._last = key, now
        if key == last and now - at < DEBOUNCE:
            return
        if len(self._keys) < MAX_WAITING:
            self._keys += key
            self._pressed.set()

    async def run(self) -> None:
        """Hand entries over, until cancelled."""
        while True:
            await self._pressed.wait()
            if entry := await self._entry():
                await self._enter(entry)

    async def _entry(self) -> str:
        """Wait until an entry is complete; take it out."""
        try:
            while TERMINATOR not in self._keys and len(self._keys) < MAX_KEYS:
                self._pressed.clear()
                async with asyncio.timeout(INTER_DIGIT_TIMEOUT):
                    await self._pressed.wait()
        except TimeoutError:
            pass
        entry, found, rest = self._keys[:MAX_KEYS].partition(TERMINATOR)
        self._keys = rest + self._keys[MAX_KEYS:] if found else self._keys[MAX_KEYS:]
        if not self._keys:
            self._pressed.clear()
        return entry
