"""The checks that ask Twilio's REST API, where the settings hold a login for it."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

from gateway.doctor.account_check import check_account
from gateway.doctor.check import Check, Finding, skipped
from gateway.doctor.lenient_settings import ReadSettings
from gateway.doctor.numbers import NumbersCheck
from gateway.settings import Settings
from gateway.twilio.rest_account import TwilioAccount

REST_TIMEOUT = 6.0
"""Seconds to wait for a connection to Twilio's REST API, and for each part of an answer."""
CHECK_TIMEOUT = 30.0
"""Seconds for several requests, each tried twice."""

_PLACE = ("TWILIO_ACCOUNT_SID", "TWILIO_REGION", "TWILIO_EDGE", "TWILIO_API_URL")
_NO_SID = skipped(
    "TWILIO_ACCOUNT_SID is not set",
    "Set it: then this can be looked at, and calls of other accounts are refused.",
)
_Run = Callable[[], Awaitable[Finding]]


def always(finding: Finding) -> _Run:
    """Make a check of what is known already."""

    async def run() -> Finding:
        return finding

    return run


def needing(read: ReadSettings, names: Iterable[str], check: Check) -> Check:
    """Skip a check whose settings, by their names in capitals, have mistakes."""
    unusable = sorted(read.unusable.intersection(names))
    if not unusable:
        return check
    return Check(check.name, always(skipped(f"not looked at, because of {', '.join(unusable)}")))


async def account_check(read: ReadSettings, stack: AsyncExitStack) -> Check:
    """Build the check of the account and its auth tokens; its clients are closed with ``stack``."""
    settings, sid = read.settings, read.settings.twilio_account_sid
    if sid is None:
        check = Check("account", always(_NO_SID))
    else:
        clients = [_client(settings, sid, sid, token) for token in settings.auth_tokens]
        for client in clients:
            await stack.enter_async_context(client)
        check = Check("account", lambda: check_account(clients), CHECK_TIMEOUT)
    return needing(read, (*_PLACE, "TWILIO_AUTH_TOKEN"), check)


async def numbers_check(
    read: ReadSettings, only: tuple[str, ...], stack: AsyncExitStack
) -> tuple[Check, NumbersCheck | None]:
    """Build the check of the numbers, and give what puts them right, unless Twilio cannot be asked."""
    settings, login = read.settings, read.settings.rest_login
    secrets = ["TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET"]
    if settings.twilio_api_key_sid is None:
        secrets.append("TWILIO_AUTH_TOKEN")
    needs = (*_PLACE, *secrets, "PUBLIC_URL")
    if login is None or read.unusable.intersection(needs):
        return needing(read, needs, Check("numbers", always(_NO_SID))), None
    account = await stack.enter_async_context(account_client(settings, login))
    numbers = NumbersCheck(account, settings.public_url, only, settings.outbound_number)
    return Check("numbers", numbers.run, CHECK_TIMEOUT), numbers


def account_client(settings: Settings, login: tuple[str, str, str]) -> TwilioAccount:
    """Make a client of Twilio's REST API for the account, user name and password of the settings."""
    return _client(settings, *login)


def _client(settings: Settings, sid: str, username: str, password: str) -> TwilioAccount:
    return TwilioAccount(
        sid,
        username,
        password,
        url=settings.twilio_api_url,
        region=settings.twilio_region,
        edge=settings.twilio_edge,
        timeout=REST_TIMEOUT,
    )
