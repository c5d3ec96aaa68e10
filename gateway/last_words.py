"""Whether what is being said is heard to its end: before the model hangs up, transfers, or presses keys."""

import asyncio
from collections.abc import Callable

PATIENCE = 1.4
"""Seconds beyond their own length in which the last words' mark must have come back; then the call goes on without."""


class LastWords:
    """Waits for what is being said. ``unheard`` says how many seconds of it have not sounded yet, None for nothing."""

    def __init__(self, unheard: Callable[[], float | None]) -> None:
        self._unheard = unheard
        self._settled: asyncio.Future[bool] | None = None
        """Whether it was heard whole, once that is known."""

    def heard(self) -> None:
        """Take note that everything said so far has been heard."""
        self._settle(heard=True)

    def interrupted(self) -> None:
        """Take note that the caller spoke over what was being said."""
        self._settle(heard=False)

    async def are_heard(self) -> bool:
        """Wait until nothing is being said any more; return whether the caller let it be said.

        A mark that does not come back is not waited for: then it is the clock that says so.
        """
        unheard = self._unheard()
        if unheard is None:
            return True
        # One for all who ask meanwhile: a model may hang up twice.
        settled = self._settled = self._settled or asyncio.get_running_loop().create_future()
        await asyncio.wait([settled], timeout=unheard + PATIENCE)
        return not settled.done() or settled.result()

    def _settle(self, *, heard: bool) -> None:
        if self._settled is not None:
            self._settled.set_result(heard)
            self._settled = None
