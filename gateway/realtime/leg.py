"""The model leg: keeps a session open, by opening another when it is lost or its time runs out."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from gateway.errors import RealtimeError
from gateway.realtime import retry
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.opening import SessionOpening

TICK = 0.25
"""Seconds between looks at what the clock alone can tell."""
ROTATE_AT = 0.9
"""Part of a session's life after which the next silent moment is used to go over to another."""
MAX_LIFE = 86_400.0
"""Seconds; a session that claims more has a clock of its own."""
EXPLAINS_FOR = 5.0
"""Seconds after an error about the account in which a close is its consequence."""
ROTATION_PAUSE = 5.0
"""Seconds before a rotation that did not come off is tried again."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class LegOwner:
    """Whose sessions they are, as functions that neither block nor raise."""

    payload: Callable[[], dict[str, Any]]
    """Gives the ``session`` of session.update, in the provider's shape."""
    history: Callable[[], list[dict[str, Any]]]
    """Gives the items a new session must know, in the provider's shape."""
    is_quiet: Callable[[], bool]
    """Says whether nobody would notice if the session were exchanged now."""
    lost: Callable[[str], None]
    """Takes note that the session is gone, with an error code, and that another is being opened."""
    ready: Callable[[SessionOpening], None]
    """Takes a session that is open, configured and restored."""
    tick: Callable[[float], None]
    """Looks at the clock while the session is open."""


class ModelLeg:
    """Opens sessions for its owner. `open` first, then `keep` in a task, `close` at the end."""

    def __init__(self, api: RealtimeAPI, owner: LegOwner, *, random: Random | None = None) -> None:
        self._api = api
        self._owner = owner
        self._random = random or Random()  # noqa: S311 - spreads the attempts of many calls, keeps no secret
        self._model: str | None = None
        self._trouble: asyncio.Future[str] | None = None
        self._settled = asyncio.Event()
        self._losses: deque[float] = deque(maxlen=retry.MAX_LOSSES)
        self._why: tuple[str, float] | None = None
        """What explains a close that follows, and until when it does."""
        self._rotate_at = 0.0
        self.is_ready = False
        """Whether the server has confirmed our session and knows what was said."""
        self.is_over = False
        """Whether there will be no session any more."""
        api.on_lost = self._closed

    async def open(self, model: str | None) -> None:
        """Open the first session.

        Raises:
            RealtimeError: it cannot be had, for good or not within 8 s.
        """
        self._model = model
        try:
            await self._adopt(await self._open_with_retries())
        except BaseException:
            self.end()
            raise

    async def keep(self) -> None:
        """Recover lost sessions and rotate old ones, until cancelled.

        Raises:
            RealtimeError: no session can be had any more.
        """
        while True:
            assert self._trouble is not None  # noqa: S101 - `open` came first
            await asyncio.wait([self._trouble], timeout=TICK)
            now = time.monotonic()
            if self._trouble.done():
                await self._recover(self._trouble.result(), now)
            elif now >= self._rotate_at and self._owner.is_quiet():
                await self._rotate(now, self._trouble)
            else:
                self._owner.tick(now)

    async def until_ready(self) -> None:
        """Wait for a session, if one is being opened.

        Raises:
            RealtimeError: there is none, and there will not be.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(retry.TOTAL_TIMEOUT):
                while not (self.is_ready or self.is_over):
                    await self._settled.wait()
        if not self.is_ready:
            raise RealtimeError("not connected", code="not_connected")

    def lose(self, code: str) -> None:
        """Give up the session, which is of no use any more, and open another."""
        if self.is_ready:
            self._why = code, math.inf
            self._api.drop(code)

    def note_error(self, code: str, now: float) -> None:
        """Remember an error about the account: it explains a close that follows soon."""
        if code in retry.FATAL_CODES:
            self._why = code, now + EXPLAINS_FOR

    def end(self) -> None:
        """No session any more."""
        self.is_ready, self.is_over = False, True
        self._settled.set()

    def _closed(self, close_code: int, _: str) -> None:
        if not self.is_ready or self._trouble is None:
            return
        code, until = self._why or ("", 0.0)
        code = code if time.monotonic() < until else retry.closed(close_code)
        self.is_ready = False
        self._settled.clear()
        self._trouble.set_result(code)
        self._owner.lost(code)

    async def _recover(self, code: str, now: float) -> None:
        self._losses.append(now)
        if not retry.is_retryable(code):
            raise RealtimeError("the server ended the session for good", code=code)
        if len(self._losses) == retry.MAX_LOSSES and now - self._losses[0] < retry.LOSS_PERIOD:
            raise RealtimeError("sessions are lost as soon as they are opened", code=code)
        await self._adopt(await self._open_with_retries())

    async def _open_with_retries(self) -> SessionOpening:
        failure = RealtimeError("no session in time", code="timeout")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(retry.TOTAL_TIMEOUT):
                give_up_at = time.monotonic() + retry.TOTAL_TIMEOUT
                for delay in retry.delays(self._random):
                    wait = max(delay, failure.retry_after)
                    if time.monotonic() + wait > give_up_at:
                        break
                    await asyncio.sleep(wait)
                    try:
                        return await self._attempt()
                    except RealtimeError as exc:
                        failure = exc
                    if not retry.is_retryable(failure.code):
                        break
                    _log.warning("no session yet", reason=str(failure), code=failure.code[:80])
        raise failure

    async def _attempt(self) -> SessionOpening:
        opening = SessionOpening(self._api, self._model)
        try:
            async with asyncio.timeout(retry.ATTEMPT_TIMEOUT):
                await opening.run(self._owner.payload(), self._owner.history())
        except TimeoutError:
            raise RealtimeError("the server did not confirm the session in time", code="timeout") from None
        if not opening.socket.is_open:
            raise RealtimeError("the server closed at once", code=retry.closed(1006))
        return opening

    async def _rotate(self, now: float, trouble: asyncio.Future[str]) -> None:
        """Open a session beside the present one, and go over to it if nothing has changed meanwhile."""
        self._rotate_at = now + ROTATION_PAUSE
        payload, history = self._owner.payload(), self._owner.history()
        attempt = asyncio.create_task(self._attempt(), name="rotation")
        waited: list[asyncio.Future[Any]] = [attempt, trouble]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                return  # the present session is lost: to recover comes first
            if attempt.exception() is not None:
                _log.warning("the session goes on, no other could be opened", reason=str(attempt.exception()))
                return
            is_current = self._owner.payload() == payload and self._owner.history() == history
            opening = attempt.result()
            if is_current and self._owner.is_quiet() and opening.socket.is_open:
                await self._adopt(opening)  # else it is gone, or does not know what has been said meanwhile
        finally:
            attempt.cancel()
            attempt.add_done_callback(_discard)

    async def _adopt(self, opening: SessionOpening) -> None:
        """Go on with a session that has been opened."""
        former = self._api.use(opening.socket)
        opening.is_used = True
        self._trouble = asyncio.get_running_loop().create_future()
        self._why = None
        self._rotate_at = time.monotonic() + ROTATE_AT * self._life(opening.expires_at)
        self.is_ready = True
        self._settled.set()
        self._owner.ready(opening)
        if former is not None:
            await former.close()

    def _life(self, expires_at: float | None) -> float:
        """Seconds that a session has, by the server's word if that can be believed."""
        life = (expires_at or 0.0) - time.time()
        return life if 0 < life <= MAX_LIFE else self._api.provider.session_limit


def _discard(attempt: asyncio.Task[SessionOpening]) -> None:
    """Close a session that was opened for nothing."""
    if not attempt.cancelled() and attempt.exception() is None and not attempt.result().is_used:
        attempt.result().socket.abort()
