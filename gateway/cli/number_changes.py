"""Changing phone numbers at Twilio: what changes is shown, asked about, written, and read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.doctor.numbers import write_changes
from gateway.errors import TwilioRestError
from gateway.twilio.number_hooks import Change, PhoneNumber, shown
from gateway.twilio.rest_account import TwilioAccount

Result = Literal["written", "kept", "failed"]
"""All was written; nothing, for the operator said no; not all."""
Wanted = Sequence[tuple[PhoneNumber, Sequence[Change]]]


@dataclass(frozen=True)
class Confirm:
    """Asks the operator, unless told that the answer is yes."""

    yes: bool

    def __call__(self, question: str) -> bool:
        """Ask; no answer at all is a no."""
        if self.yes:
            return True
        try:
            return typer.confirm(question)
        except typer.Abort:
            return False


async def change_numbers(
    account: TwilioAccount, wanted: Wanted, console: Console, confirm: Confirm
) -> Result:
    """Show the changes, ask, write them number by number, and read each back."""
    show_changes(console, wanted)
    if not confirm("Write this to Twilio?"):
        console.print("Nothing was written.")
        return "kept"
    results = [await _change(account, number, changed, console) for number, changed in wanted]
    return "written" if all(results) else "failed"


def show_changes(console: Console, wanted: Wanted) -> None:
    """Show what each number has and what it would get."""
    for number, changed in wanted:
        table = Table(title=number.number, title_justify="left", box=None, padding=(0, 1), header_style="dim")
        table.add_column("", no_wrap=True)
        table.add_column("has", overflow="fold")
        table.add_column("gets", overflow="fold")
        for each in changed:
            name = each.name.replace("_", " ").replace("url", "URL").replace("sid", "SID")
            table.add_row(name, Text(_value(each.old), "red"), Text(_value(each.new), "green"))
        console.print(table, highlight=False)


async def _change(
    account: TwilioAccount, number: PhoneNumber, changed: Sequence[Change], console: Console
) -> bool:
    """Write one number's changes; whether Twilio then has them."""
    try:
        left = await write_changes(account, number, changed)
    except TwilioRestError as exc:
        console.print(f"{number.number}: {exc}", style="red", soft_wrap=True, highlight=False, markup=False)
        return False
    if left:
        names = ", ".join(each.name for each in left)
        line = f"{number.number}: written, but Twilio still has another {names}"
    else:
        line = f"{number.number}: written and read back"
    console.print(line, style="red" if left else "green", soft_wrap=True, highlight=False, markup=False)
    return not left


def _value(text: str) -> str:
    return shown(text) or "-"
