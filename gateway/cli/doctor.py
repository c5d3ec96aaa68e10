"""``gateway doctor``: everything between a phone number and an answered call, checked."""

import asyncio
import contextlib
from typing import Annotated

import typer

from gateway.cli.doctor_view import DoctorView
from gateway.cli.number_changes import Confirm, change_numbers
from gateway.doctor.all_checks import Examined, all_checks
from gateway.doctor.check import Finding
from gateway.doctor.examination import examine
from gateway.doctor.lenient_settings import ReadSettings, read_settings
from gateway.errors import SettingsError
from gateway.log import configure_logging
from gateway.outbound import is_number
from gateway.server import new_event_loop


def doctor(
    numbers: Annotated[
        list[str] | None,
        typer.Option(
            "--number",
            metavar="+E164",
            help="Phone number to look at; may be repeated. Else all that lead here.",
            show_default=False,
        ),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Put the phone numbers' webhooks right, after showing what changes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before that.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as one JSON object, nothing else.")
    ] = False,
) -> None:
    """Check settings, public address, certificate, webhook, media stream, clock, model, account, numbers, machine.

    Places a call of two seconds through the public address, which the model answers. Exits with 1 if a check failed.
    """
    mistakes = [
        f"--number: {each!r} is not a number such as +15551234567 (E.164)"
        for each in numbers or []
        if not is_number(each)
    ]
    if yes and not fix:
        mistakes.append("--yes: goes with --fix")
    if as_json and fix and not yes:
        mistakes.append("--json: with --fix needs --yes, for it asks nothing")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    configure_logging("ERROR", "console")
    view = DoctorView(as_json=as_json)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        found = runner.run(_doctor(read_settings(), tuple(numbers or ()), view, fix=fix, yes=yes))
    view.show_summary()
    raise typer.Exit(1 if any(each.outcome == "failed" for each in found.values()) else 0)


async def _doctor(
    read: ReadSettings, only: tuple[str, ...], view: DoctorView, *, fix: bool, yes: bool
) -> dict[str, Finding]:
    async with contextlib.AsyncExitStack() as stack:
        examined = await all_checks(read, only, stack)
        with view.live(examined.checks):
            found = await examine(examined.checks, view.tell)
        if fix and await _fix(examined, view, Confirm(yes=yes)):
            again = [check for check in examined.checks if check.name == "numbers"]
            with view.live(again):
                found |= await examine(again, view.tell)
    return found


async def _fix(examined: Examined, view: DoctorView, confirm: Confirm) -> bool:
    """Put the numbers right; whether anything was written, or tried to be."""
    if examined.numbers is None:
        return False
    wanted = [(each.number, each.changes) for each in examined.numbers.verdicts if each.changes]
    return (
        bool(wanted)
        and await change_numbers(examined.numbers.account, wanted, view.console, confirm) != "kept"
    )
