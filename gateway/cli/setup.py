"""``gateway setup``: point phone numbers at the gateway."""

import asyncio
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from gateway.cli.number_changes import Confirm, change_numbers, show_changes
from gateway.doctor.account_check import advice_for
from gateway.doctor.numbers import named
from gateway.doctor.twilio_checks import account_client
from gateway.errors import SettingsError, TwilioRestError
from gateway.log import configure_logging
from gateway.outbound import is_number
from gateway.server import new_event_loop
from gateway.settings import Settings, load_settings
from gateway.twilio.number_hooks import PhoneNumber, changes, wanted_hooks
from gateway.twilio.rest_account import TwilioAccount


def setup(
    numbers: Annotated[
        list[str],
        typer.Argument(
            metavar="+E164", help="The phone numbers that callers shall dial.", show_default=False
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")
    ] = False,
    fallback_url: Annotated[
        str | None,
        typer.Option(
            help="Address at another place that Twilio asks if the gateway cannot answer; else the gateway's own.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Set phone numbers of the account at Twilio so that their calls reach the gateway at PUBLIC_URL.

    Shows what each number has and what it gets, asks, writes, and reads it back.
    """
    settings = load_settings()
    mistakes = [
        f"{each!r}: is not a number such as +15551234567 (E.164)" for each in numbers if not is_number(each)
    ]
    if settings.rest_login is None:
        mistakes.append("TWILIO_ACCOUNT_SID: is required to set up a number")
    if not settings.public_url.startswith("https://"):
        mistakes.append("PUBLIC_URL: must be https, for Twilio to reach it")
    if fallback_url is not None and not _is_https(fallback_url):
        mistakes.append("--fallback-url: must be an https address")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    configure_logging("ERROR", "console")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        is_fine = runner.run(
            _setup(settings, list(dict.fromkeys(numbers)), fallback_url, yes=yes, dry_run=dry_run)
        )
    raise typer.Exit(0 if is_fine else 1)


async def _setup(
    settings: Settings, numbers: list[str], fallback_url: str | None, *, yes: bool, dry_run: bool
) -> bool:
    assert settings.rest_login is not None  # noqa: S101 - it was checked, with a line for the operator
    console = Console()
    async with account_client(settings, settings.rest_login) as account:
        try:
            found = await _found(account, numbers)
        except TwilioRestError as exc:
            Console(stderr=True).print(
                f"{exc}. {advice_for(exc)}", soft_wrap=True, highlight=False, markup=False
            )
            return False
        wanted = [
            (number, changed)
            for number in found
            if (
                changed := changes(
                    number.hooks, wanted_hooks(number.hooks, settings.public_url, fallback_url)
                )
            )
        ]
        for number in found:
            if number not in [each for each, _ in wanted]:
                console.print(f"{number.number}: is set up already", highlight=False)
        if dry_run:
            show_changes(console, wanted)
            return True
        return not wanted or await change_numbers(account, wanted, console, Confirm(yes=yes)) == "written"


async def _found(account: TwilioAccount, numbers: list[str]) -> list[PhoneNumber]:
    """Find the numbers in the account.

    Raises:
        SettingsError: it does not have one of them.
        TwilioRestError: Twilio does not tell.
    """
    found = [number for each in numbers for number in await account.numbers(each)]
    missing = [each for each in numbers if each not in {number.number for number in found}]
    if missing:
        own = await account.numbers()
        others = f"those are: {named(own)}" if own else "it has none"
        raise SettingsError(
            "\n".join(f"{each}: is none of the account's numbers; {others}" for each in missing)
        )
    return found


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and url.isascii()
        and url.isprintable()
        and " " not in url
    )
