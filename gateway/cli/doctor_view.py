"""What ``gateway doctor`` shows: a table that fills on a terminal, else a line for each check; or JSON."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gateway.doctor.check import Check, Finding, Outcome

_STYLES: dict[Outcome, str] = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


class DoctorView:
    """Shows findings as they come."""

    def __init__(self, *, as_json: bool) -> None:
        self.console = Console(stderr=as_json, quiet=as_json)
        self._as_json = as_json
        self._findings: dict[str, Finding] = {}
        self._checks: Sequence[Check] = ()
        self._order: list[str] = []
        self._spinner = Spinner("dots", style="dim")

    @contextlib.contextmanager
    def live(self, checks: Sequence[Check]) -> Iterator[None]:
        """Show these checks while they run."""
        self._checks = checks
        for check in checks:
            self._findings.pop(check.name, None)
        self._order += [each.name for each in checks if each.name not in self._order]
        if self._as_json or not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=self._table, console=self.console, refresh_per_second=10):
            yield

    def tell(self, check: Check, finding: Finding) -> None:
        """Take what a check has found."""
        self._findings[check.name] = finding
        if not self._as_json and not self.console.is_terminal:
            for line in _lines(check.name, finding):
                print(line, flush=True)

    def show_summary(self) -> None:
        """Count the outcomes; or print all of it for a program to read."""
        counts = Counter(each.outcome for each in self._findings.values())
        if not self._as_json:
            words = ", ".join(f"{each}: {counts[each]}" for each in _STYLES if counts[each])
            self.console.print(f"\n{words}" if self.console.is_terminal else words, highlight=False)
            return
        found = [(name, self._findings[name]) for name in self._order]
        checks = [
            {"name": name, "outcome": each.outcome, "what": each.what, "advice": each.advice}
            for name, each in found
        ]
        print(json.dumps({"ok": not counts["failed"], "checks": checks}))

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for check in self._checks:
            finding = self._findings.get(check.name)
            if finding is None:
                table.add_row(self._spinner, check.name, "")
            else:
                table.add_row(Text(finding.outcome, _STYLES[finding.outcome]), check.name, _words(finding))
        return table


def _words(finding: Finding) -> Group:
    what = Text(finding.what, "dim" if finding.outcome == "skipped" else "")
    return Group(what, *(Text(f"→ {line}", "italic") for line in finding.advice.splitlines()))


def _lines(name: str, finding: Finding) -> Iterator[str]:
    first, *others = finding.what.splitlines()
    yield f"{finding.outcome:<8} {name:<13} {first}"
    for line in [*others, *(f"-> {each}" for each in finding.advice.splitlines())]:
        yield f"{'':<22} {line}"
