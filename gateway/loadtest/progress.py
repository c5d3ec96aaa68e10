"""Shows how a load test stands: live in a terminal, as a plain line every few seconds elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.loadtest.messages import Progress

LINE_EVERY = 5.0
"""Seconds from one plain line to the next."""


class ProgressView:
    """Shows each new state of a test; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True) if console.is_terminal else None
        self._next_line_at = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show a new state."""
        if self._live:
            self._live.update(_table(progress))
        elif progress.seconds >= self._next_line_at:
            self._next_line_at = progress.seconds + LINE_EVERY
            self._console.print(line(progress), soft_wrap=True, highlight=False)

    def note(self, text: str) -> None:
        """Say something beside it."""
        self._console.print(text, soft_wrap=True, highlight=False)


def line(progress: Progress) -> str:
    """Write a state in one line."""
    parts = [f"{progress.seconds:.0f} s", *(f"{name} {value}" for name, value in _figures(progress))]
    return ", ".join(parts)


def _table(progress: Progress) -> Table:
    table = Table("", f"{progress.seconds:.0f} s", title="Load test")
    for name, value in _figures(progress):
        table.add_row(name, value)
    return table


def _figures(progress: Progress) -> list[tuple[str, str]]:
    failures = sum(progress.failures.values())
    reasons = "".join(f", {reason} {n}" for reason, n in sorted(progress.failures.items()))
    return [
        ("calls up", f"{progress.n_up}/{progress.n_wanted}"),
        ("done", str(progress.n_done)),
        ("failed", f"{failures}{f' ({reasons[2:]})' if reasons else ''}"),
        ("turn latency p95", _ms(progress.turn_p95_ms)),
        ("set-up p95", _ms(progress.setup_p95_ms)),
        ("rig lateness p99", _ms(progress.lateness_p99_ms, digits=1)),
    ]


def _ms(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f} ms"
