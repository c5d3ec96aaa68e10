"""What ``gateway dial`` shows of its calls."""

import contextlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.twilio.call_order import CallOrder


@dataclass
class Dialled:
    """One call that we place and follow."""

    order: CallOrder
    call_sid: str | None = None
    status: str = "waiting"
    """Twilio's word for it; waiting, then dialling before it is placed, not-placed or unknown if that fails."""
    answered_by: str | None = None
    duration: int | None = None
    """Seconds."""
    error: str | None = None
    is_settled: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether somebody took it."""
        return self.status in {"in-progress", "completed"}

    def take_turn(self) -> None:
        """Take note that it is being placed."""
        self.status = "dialling"

    def words(self) -> str:
        """How it stands, in a few words."""
        shown = "answered" if self.status == "in-progress" else self.status
        who = f" by {self.answered_by}" if self.answered_by else ""
        lasted = f" after {self.duration} s" if self.duration is not None else ""
        return f"{shown}{who}{lasted}" + (f": {self.error}" if self.error else "")

    def report(self) -> dict[str, Any]:
        """The same for a program to read."""
        return {
            "to": self.order.to,
            "call_sid": self.call_sid,
            "status": self.status,
            "answered_by": self.answered_by,
            "duration_s": self.duration,
            "error": self.error,
        }


class DialView:
    """Shows the calls: a table that changes on a terminal, else a line for each change; or JSON, one line a call."""

    def __init__(self, calls: list[Dialled], *, as_json: bool) -> None:
        self._calls = calls
        self._as_json = as_json
        self._console = Console(stderr=as_json, quiet=as_json)
        self._errors = Console(stderr=True)

    def live(self) -> AbstractContextManager[object]:
        """Show them while this lasts."""
        is_table = self._console.is_terminal and not self._as_json
        return (
            Live(get_renderable=self._table, console=self._console) if is_table else contextlib.nullcontext()
        )

    def changed(self, call: Dialled) -> None:
        """Take note of a change."""
        if self._as_json:
            if call.is_settled:
                print(json.dumps(call.report()), flush=True)
        elif not self._console.is_terminal:
            print(f"{call.order.to} {call.words()}", flush=True)

    def stopped(self) -> None:
        """Tell what becomes of the calls that nobody follows any longer."""
        going_on = [call.order.to for call in self._calls if call.call_sid and not call.is_settled]
        dialling = [call for call in self._calls if call.status == "dialling"]
        for call in dialling:
            call.status = "unknown"
        self._errors.print("Stopped following. Calls that were placed go on.", soft_wrap=True)
        for words, numbers in (
            ("Going on", going_on),
            ("Perhaps placed", [call.order.to for call in dialling]),
        ):
            if numbers:
                self._errors.print(f"{words}: {', '.join(numbers)}", soft_wrap=True, highlight=False)
        if self._as_json:
            for call in self._calls:
                if not call.is_settled:
                    print(json.dumps(call.report()), flush=True)

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1), header_style="dim")
        for heading in ("to", "call", "state"):
            table.add_column(heading, no_wrap=heading != "state")
        for call in self._calls:
            table.add_row(call.order.to, call.call_sid or "", Text(call.words()))
        return table
