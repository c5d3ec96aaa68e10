"""Twilio's REST API: place, watch, redirect and end calls.

Requests: Twilio, "Call resource" and "Modifying live calls".
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from gateway.errors import LocalProtocolError, TwilioRestError
from gateway.twilio.call_order import CallOrder, CallSpacing, CallStatus
from gateway.twilio.rest_client import RestClient

__all__ = ["MAX_TWIML", "CallOrder", "CallSpacing", "CallStatus", "TwilioRest"]

MAX_TWIML = 4000
"""Characters of a document that travels in a request."""

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_OVER_CODES = frozenset({20404, 21220})
"""The call is gone; the call is not in progress. Both are usual when the caller hangs up at the same time."""


class TwilioRest(RestClient):
    """One account's calls."""

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
        super().__init__(account_sid, username, password, url=url, region=region, edge=edge, timeout=timeout)
        self._starting = asyncio.Lock()
        self._spacing = CallSpacing()

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
            if not self.is_loaded:
                # Importing the library in the first call's turn would shorten it.
                await self.ask(lambda client: client.calls)
            await asyncio.sleep(self._spacing.wait(time.monotonic()))
            self._spacing.started(time.monotonic())
        if on_turn is not None:
            on_turn()
        try:
            return await self.ask(lambda client: _checked_sid(client.calls.create(**fields).sid))
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
        return await self.ask_again(lambda client: _status(client.calls(call_sid).fetch()))

    async def _change(self, call_sid: str, **fields: str) -> bool:
        """Change a live call; False if it is over."""
        _check_sid(call_sid)
        try:
            await self.ask_again(lambda client: client.calls(call_sid).update(**fields))
        except TwilioRestError as exc:
            if exc.code not in _OVER_CODES:
                raise
            return False
        return True


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
