"""Changes of a running session: several at once become one session.update, and whoever made them hears of the end."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from gateway.errors import GatewayError, RealtimeError
from gateway.realtime.api import RealtimeAPI

CONFIRM_TIMEOUT = 8.0
"""Seconds that the server gets to confirm a change."""


class SessionUpdates:
    """Sends the session's ``payload()`` again when it has changed. Servers confirm updates in their order."""

    def __init__(self, api: RealtimeAPI, payload: Callable[[], dict[str, Any]]) -> None:
        self._api = api
        self._payload = payload
        self._waiting: list[asyncio.Future[None]] = []
        """Changes that have not been sent."""
        self._sent: deque[tuple[str, list[asyncio.Future[None]]]] = deque()
        """Updates that were sent, with the changes each of them holds."""

    async def push(self) -> None:
        """Have the server take over the session as it is now.

        Raises:
            RealtimeError: it refuses, or does not answer in time.
        """
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append(change)
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                await change
        except TimeoutError:
            # A refusal that named no event would otherwise pass every later answer on to the wrong update.
            self._sent = deque(update for update in self._sent if change not in update[1])
            raise RealtimeError("the server did not confirm the change in time", code="timeout") from None

    def confirmed(self) -> None:
        """The server has taken the oldest update."""
        if self._sent:
            _settle(self._sent.popleft()[1])

    def refused(self, event_id: str | None, code: str) -> None:
        """The server has refused a client event, the oldest update if it names none."""
        for update in self._sent:
            if update[0] == event_id or not event_id:
                self._sent.remove(update)
                _settle(update[1], RealtimeError("the server refused the session", code=code))
                return

    def session_ready(self, *, is_current: bool) -> None:
        """A new session has been opened; ``is_current`` says that nothing has changed since it was asked for."""
        while self._sent:
            self._waiting += self._sent.popleft()[1]
        if is_current:
            self._settle_waiting(None)
        elif self._waiting:
            self._send()

    def end(self) -> None:
        """There will be no session any more."""
        while self._sent:
            self._waiting += self._sent.popleft()[1]
        self._settle_waiting(RealtimeError("not connected", code="not_connected"))

    def _send(self) -> None:
        changes, self._waiting = self._waiting, []
        try:
            event_id = self._api.send_nowait("session.update", {"session": self._payload()})
        except RealtimeError:  # between two sessions: `session_ready` will see to it
            self._waiting = changes
        except GatewayError as exc:
            _settle(changes, exc)
        else:
            self._sent.append((event_id, changes))

    def _settle_waiting(self, failure: Exception | None) -> None:
        changes, self._waiting = self._waiting, []
        _settle(changes, failure)


def _settle(changes: Iterable[asyncio.Future[None]], failure: Exception | None = None) -> None:
    for change in changes:
        if change.done():
            continue  # its maker has given up
        if failure is None:
            change.set_result(None)
        else:
            change.set_exception(failure)
