"""Changes of a running session: several at once become one session.update, and whoever made them hears of the end."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from gateway.errors import RealtimeError
from gateway.realtime.api import RealtimeAPI

CONFIRM_TIMEOUT = 8.0
"""Seconds that the server gets to confirm a change."""


class SessionUpdates:
    """Sends the session's ``payload()`` again when it has changed. Servers confirm updates in their order."""

    def __init__(self, api: RealtimeAPI, payload: Callable[[], dict[str, Any]]) -> None:
        self._api = api
        self._payload = payload
        self._unsent: asyncio.Future[None] | None = None
        self._sent: deque[tuple[str, asyncio.Future[None]]] = deque()

    async def push(self) -> None:
        """Have the server take over the session as it is now.

        Raises:
            RealtimeError: it refuses, or does not answer in time.
        """
        loop = asyncio.get_running_loop()
        if self._unsent is None:
            self._unsent = loop.create_future()
            loop.call_soon(self._send)
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                await asyncio.shield(self._unsent)
        except TimeoutError:
            raise RealtimeError("the server did not confirm the change in time", code="timeout") from None

    def confirmed(self) -> None:
        """The server has taken the oldest update."""
        if self._sent:
            _settle(self._sent.popleft()[1])

    def refused(self, event_id: str | None, code: str) -> bool:
        """The server has refused a client event; return whether it was an update, of which then nothing holds."""
        for update in self._sent:
            if update[0] == event_id:
                self._sent.remove(update)
                _settle(update[1], RealtimeError("the server refused the session", code=code))
                return True
        return False

    def session_ready(self) -> None:
        """A new session has been opened, with everything in it."""
        while self._sent:
            self.confirmed()

    def end(self) -> None:
        """There will be no session any more."""
        while self._sent:
            _settle(self._sent.popleft()[1], RealtimeError("not connected", code="not_connected"))

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, None
        assert unsent is not None  # noqa: S101 - `push` scheduled this
        try:
            event_id = self._api.send_nowait("session.update", {"session": self._payload()})
        except RealtimeError:  # between two sessions: the next one is opened with everything in it
            event_id = ""
        self._sent.append((event_id, unsent))


def _settle(update: asyncio.Future[None], failure: Exception | None = None) -> None:
    if update.done():
        return
    if failure is None:
        update.set_result(None)
    else:
        update.set_exception(failure)
        update.exception()  # whoever still waits sees it
