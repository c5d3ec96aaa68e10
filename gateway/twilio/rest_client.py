"""Requests to Twilio's REST API with the ``twilio`` package's client, in threads and within time limits."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.errors import LocalProtocolError, TwilioRestError
from gateway.twilio.rest_failures import crowded, not_asked, refused, timed_out, unreadable

MAX_THREADS = 4
"""Requests under way at once; others wait for their turn."""
RETRY_AFTER = (0.5, 1.0)
"""Seconds, at random between these, before the second and last try."""
PATIENCE = 1.5
"""The whole of a request, the wait for a thread included, may last so many times its timeout."""

_NO_ENVIRONMENT = {"TWILIO_EDGE": ""}
"""An empty one would have the library read the process's, past our settings."""
_UNREADABLE = (ValueError, TypeError, AttributeError)
"""What an answer that is not its JSON leads to in the library."""

Library = Any
"""The library's client; it ships no types."""
_T = TypeVar("_T")


class RestClient:
    """One account's login. Close it, or use it in ``async with``; a Twilio that hangs costs at most its four threads.

    Args:
        account_sid: Whose resources they are.
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
        self._random = Random()  # noqa: S311 - spreads second tries, keeps no secret
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} account …{self._account_sid[-4:]}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def is_loaded(self) -> bool:
        """Whether the library has been imported, which takes its time."""
        return self._client is not None

    async def aclose(self) -> None:
        """Wait for the requests under way, each within its time limits, and end the threads."""
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)
        if self._client is not None:
            self._client.http_client.session.close()

    async def ask_again(self, request: Callable[[Library], _T]) -> _T:
        """Ask for something that may be asked for twice, and do so if the first failure may have passed.

        Raises:
            TwilioRestError: it was refused, or not to be had; here and below.
        """
        try:
            return await self.ask(request)
        except TwilioRestError as exc:
            if not exc.is_passing:
                raise
        await asyncio.sleep(self._random.uniform(*RETRY_AFTER))
        return await self.ask(request)

    async def ask(self, request: Callable[[Library], _T]) -> _T:
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

    def _work(self, request: Callable[[Library], _T]) -> _T | TwilioRestError:
        """Do one request in a thread. A failure is returned: raised, it would carry the library's, with its numbers."""
        from twilio.base.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - as below
            TwilioException,
        )

        try:
            return request(self._library_client())
        except TwilioException as exc:
            return refused(exc)
        except OSError as exc:  # all exceptions of requests are
            return not_asked(exc)
        except _UNREADABLE:
            return unreadable()

    def _library_client(self) -> Any:
        """Give the library's client. The first time it is imported: 0.1 s and 26 MiB, only where requests are."""
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
