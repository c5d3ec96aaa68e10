"""Twilio's REST API: an account, its phone numbers, and where their calls lead.

Requests: Twilio, "Account resource", "IncomingPhoneNumber resource" and "Application resource".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.errors import LocalProtocolError
from gateway.twilio.number_hooks import HOOK_NAMES, Change, NumberHooks, PhoneNumber
from gateway.twilio.rest_client import RestClient

MAX_NUMBERS = 1000
"""Of an account; more are not read."""

_NUMBER_SID = re.compile("PN[0-9a-fA-F]{32}")
_APPLICATION_SID = re.compile("AP[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class AccountState:
    """How an account stands."""

    status: str
    """active, suspended or closed."""
    kind: str
    """Trial or Full."""


class TwilioAccount(RestClient):
    """One account's phone numbers. All requests raise TwilioRestError where they fail."""

    async def state(self) -> AccountState:
        """Ask how the account stands. An API key of the standard kind may not ask."""
        return await self.ask_again(lambda client: _state(client.api.accounts(self._account_sid).fetch()))

    async def numbers(self, number: str | None = None) -> list[PhoneNumber]:
        """List the account's phone numbers, at most ``MAX_NUMBERS``; or the one that is asked for, if it is there."""
        only = {} if number is None else {"phone_number": number}
        found = await self.ask_again(
            lambda client: [
                _number(each)
                for each in client.incoming_phone_numbers.list(limit=MAX_NUMBERS, page_size=200, **only)
            ]
        )
        return found if number is None else [each for each in found if each.number == number]

    async def number(self, sid: str) -> PhoneNumber:
        """Read one phone number."""
        _check(_NUMBER_SID, sid)
        return await self.ask_again(lambda client: _number(client.incoming_phone_numbers(sid).fetch()))

    async def change(self, sid: str, changed: Iterable[Change]) -> None:
        """Set fields of a phone number; an empty one is unset."""
        _check(_NUMBER_SID, sid)
        values = {each.name: each.new for each in changed}
        await self.ask_again(lambda client: _number(client.incoming_phone_numbers(sid).update(**values)))

    async def application(self, sid: str) -> NumberHooks:
        """Read where the calls of an application lead."""
        _check(_APPLICATION_SID, sid)
        return await self.ask_again(lambda client: _hooks(client.applications(sid).fetch()))


def _check(pattern: re.Pattern[str], sid: str) -> None:
    if not pattern.fullmatch(sid):  # it becomes part of an address
        raise LocalProtocolError("not a SID")


def _state(account: Any) -> AccountState:
    return AccountState(str(account.status), str(account.type))


def _number(resource: Any) -> PhoneNumber:
    """Read the library's number. Raises ValueError, TypeError for what it cannot be."""
    if not isinstance(resource.sid, str) or not _NUMBER_SID.fullmatch(resource.sid):
        raise ValueError("not a number's SID")
    return PhoneNumber(resource.sid, str(resource.phone_number), _hooks(resource))


def _hooks(resource: Any) -> NumberHooks:
    return NumberHooks.of({name: getattr(resource, name, None) for name in HOOK_NAMES})
