"""Twilio's REST API: place, watch, redirect and end calls, through the ``twilio`` package's client in threads.

Requests: Twilio, "Call resource" and "Modifying live calls".
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.errors import LocalProtocolError, TwilioRestError
from gateway.twilio.call_order import CallOrder, CallSpacing, CallStatus
from gateway.twilio.rest_failures import crowded, not_asked, refused, timed_out, unreadable

__all__ = ["MAX_TWIML", "CallOrder", "CallSpacing", "CallStatus", "TwilioRest"]

MAX_TWIML = 4000
"""Characters of a document that travels in a request."""
MAX_THREADS = 4
"""Requests under way at once; others wait for their turn."""
RETRY_AFTER = (0.5, 1.0)
"""Seconds, at random between these, before the second and last try."""
PATIENCE = 1.5
"""The whole of a request, the wait for a thread included, may last so many times its timeout."""

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_OVER_CODES = frozenset({20404, 21220})
"""The call is gone; the call is not in progress. Both are usual when the caller hangs up at the same time."""
_NO_ENVIRONMENT = {"TWILIO_EDGE": ""}
"""An empty one would have the library read the process's, past our settings."""
_UNREADABLE = (ValueError, TypeError, AttributeError)
"""What an answer that is not its JSON leads to in the library."""

_Calls = Any  # the library's list of calls; it ships no types
_T = TypeVar("_T")


class TwilioRest:
    """One account's calls. Close it, or use it in ``async with``; a Twilio that hangs costs at most its four threads.

    Args:
        account_sid: Whose calls they are.
        username: The account's or an API key's SID.
        password: The auth token or the key's secret.
        url: Stands in for https://api.twilio.com; http to this machine only, which no proxy is asked for.
        region: Twilio's, such as ie1; needs an edge.
        edge: Twilio's, such as dublin.
        timeout: Seconds to wait for a connection, and for each part of the answer.
    """

    def __init__(
        self,
        account_sid: str,
        username: str,
        password: str,
        *,
        url: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._account_sid = account_sid
        self._login = username, password
        self._url = url
        self._place = (region, edge) if url is None else (None, None)
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="twilio-rest")
        self._client_lock = threading.Lock()
        self._client: Any = None
        self._starting = asyncio.Lock()
        self._spacing = CallSpacing()
        self._random = Random()  # noqa: S311 - spreads second tries, keeps no secret
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<TwilioRest account …{self._account_sid[-4:]}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for the requests under way, each within its time limits, and end the threads."""
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)
        if self._client is not None:
            self._client.http_client.session.close()

    async def hang_up(self, call_sid: str) -> None:
        """End a call; that it is over already is as good.

        Raises:
            TwilioRestError: it may go on.
        """
        await self._change(call_sid, status="completed")

    async def redirect(self, call_sid: str, twiml: str) -> bool:
        """Have a call run another document at once; False if it is over already. What it was doing is cut short.

        Raises:
            TwilioRestError: it may go on as it was.
            LocalProtocolError: the document is too long to be sent.
        """
        if len(twiml) > MAX_TWIML:
            raise LocalProtocolError(f"a document of {len(twiml)} characters; Twilio takes {MAX_TWIML}")
        return await self._change(call_sid, twiml=twiml)

    async def dial(self, order: CallOrder, *, on_turn: Callable[[], None] | None = None) -> str:
        """Place a call and return its CallSid, once it is this call's turn: one a second. Never tried twice.

        ``on_turn`` is called when the turn has come: from then on the call may be placed, even if this is cancelled.

        Raises:
            TwilioRestError: it was not placed, or, where the error ``is_in_doubt``, perhaps was.
        """
        fields = order.fields()
        async with self._starting:
            if self._client is None:
                await self._ask(
                    lambda _: None
                )  # importing the library in the first call's turn would shorten it
            await asyncio.sleep(self._spacing.wait(time.monotonic()))
            self._spacing.started(time.monotonic())
        if on_turn is not None:
            on_turn()
        try:
            return await self._ask(lambda calls: _checked_sid(calls.create(**fields).sid))
        except TwilioRestError as exc:
            failure = exc
        doubt = "; it is not known whether the call was placed" if failure.is_in_doubt else ""
        raise TwilioRestError(
            f"{failure}{doubt}", kind=failure.kind, status=failure.status, code=failure.code
        )

    async def status_of(self, call_sid: str) -> CallStatus:
        """Ask how a call stands.

        Raises:
            TwilioRestError: Twilio does not tell, or knows no such call (404, 20404).
        """
        _check_sid(call_sid)
        return await self._ask_again(lambda calls: _status(calls(call_sid).fetch()))

    async def _change(self, call_sid: str, **fields: str) -> bool:
        """Change a live call; False if it is over."""
        _check_sid(call_sid)
        try:
            await self._ask_again(lambda calls: calls(call_sid).update(**fields))
        except TwilioRestError as exc:
            if exc.code not in _OVER_CODES:
                raise
            return False
        return True

    async def _ask_again(self, request: Callable[[_Calls], _T]) -> _T:
        """Ask for something that may be asked for twice, and do so if the first failure may have passed."""
        try:
            return await self._ask(request)
        except TwilioRestError as exc:
            if not exc.is_passing:
                raise
        await asyncio.sleep(self._random.uniform(*RETRY_AFTER))
        return await self._ask(request)

    async def _ask(self, request: Callable[[_Calls], _T]) -> _T:
        """Run one request in a thread, within the time limit."""
        if self._is_closed:
            raise LocalProtocolError("the REST client is closed")
        job = self._threads.submit(self._work, request)
        try:
            async with asyncio.timeout(PATIENCE * self._timeout):
                outcome = await asyncio.wrap_future(job)
        except TimeoutError:
            outcome = crowded() if job.cancel() else timed_out()
        if isinstance(outcome, TwilioRestError):
            raise outcome
        return outcome

    def _work(self, request: Callable[[_Calls], _T]) -> _T | TwilioRestError:
        """Do one request in a thread. A failure is returned: raised, it would carry the library's, with its numbers."""
        from twilio.base.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - as below
            TwilioException,
        )

        try:
            return request(self._library_client().calls)
        except TwilioException as exc:
            return refused(exc)
        except OSError as exc:  # all exceptions of requests are
            return not_asked(exc)
        except _UNREADABLE:
            return unreadable()

    def _library_client(self) -> Any:
        """Give the library's client. The first time it is imported: 0.1 s and 26 MiB, only where calls are made."""
        from twilio.http.http_client import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see the docstring
            TwilioHttpClient,
        )
        from twilio.rest import Client  # type: ignore[import-untyped]  # noqa: PLC0415

        with self._client_lock:
            if self._client is None:
                silent = logging.getLogger("twilio-rest")
                silent.setLevel(logging.CRITICAL)  # the library logs every address
                http = TwilioHttpClient(timeout=self._timeout, logger=silent)
                region, edge = self._place
                client = Client(
                    *self._login,
                    self._account_sid,
                    region,
                    http,
                    environment=_NO_ENVIRONMENT,
                    edge=edge,
                )
                if self._url is not None:
                    client.api.base_url = self._url
                    http.session.trust_env = self._url.startswith("https:")
                self._client = client
        return self._client


def _check_sid(call_sid: str) -> None:
    if not _CALL_SID.fullmatch(call_sid):  # it becomes part of an address
        raise LocalProtocolError("not a CallSid")


def _checked_sid(call_sid: object) -> str:
    if not isinstance(call_sid, str) or not _CALL_SID.fullmatch(call_sid):
        raise ValueError("not a CallSid")
    return call_sid


def _status(call: Any) -> CallStatus:
    """Read the library's call. Raises ValueError, TypeError for what it cannot be."""
    if not isinstance(call.status, str):
        raise TypeError("a call without a status")
    duration = None if call.duration is None else int(call.duration)
    return CallStatus(call.status, None if call.answered_by is None else str(call.answered_by), duration)
