"""What the demo's call looks like in the terminal."""

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gateway import feed as news
from gateway.loadtest.analysis import CallFigures
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome
from gateway.loadtest.timeline import Event

NO_WORDS_YET = "…"
_STYLES = {"caller": "cyan", "agent": "green", "typed": "magenta"}


@dataclass
class Line:
    """Something one party said."""

    at_ms: int
    who: str
    """``caller`` or ``agent``; ``typed`` for a text, by keys or otherwise."""
    text: str
    heard_text: str | None = None
    """The words of it that were heard; None while that is not known."""
    heard_ms: int | None = None
    """How much of it was heard, if it was cut short."""

    def shown(self) -> Text:
        """Its words; those that nobody heard are dim and struck through."""
        heard = self.text if self.heard_text is None else self.heard_text
        if not self.text.startswith(heard):
            return Text(self.text)
        return Text.assemble(heard, (self.text[len(heard) :], "dim strike"))


class CallView:
    """Who says what and when, as the call goes on; afterwards its figures."""

    def __init__(self, console: Console, caller: RecordedCaller) -> None:
        self._console = console
        self._caller = caller
        self._agent_lines: dict[str, Line] = {}
        self._heard_lines: dict[str, Line] = {}
        """The caller's turns as the model hears them, by item; shown once it understands words."""
        self._typed_lines: list[Line] = []
        self._understands = False
        self._live: Live | None = None
        self._now = 0.0
        self.recording_name = caller.recording.name

    def live(self) -> AbstractContextManager[object]:
        """Show the call while it goes on."""
        seconds = self._caller.recording.duration_ms / 1000
        self._console.print(
            f"Calling with [bold]{self.recording_name}[/], {seconds:.0f} s of it, in real time."
        )
        self._live = Live(self, console=self._console, refresh_per_second=8, transient=True)
        return self._live if self._console.is_terminal else _Nothing()

    def take(self, event: news.CallEvent) -> None:
        """Take news from the gateway."""
        match event:
            case news.CallerSpeaking(item_id=item_id):
                self._heard_lines[item_id] = Line(self._on_call_clock(event.at), "caller", NO_WORDS_YET)
            case news.CallerSaid(item_id=item_id, text=text) if item_id in self._heard_lines:
                line = self._heard_lines[item_id]
                line.text = line.heard_text = text or "(no words)"
                self._understands = True
            case news.TextSent(text=text):
                self._typed_lines.append(Line(self._on_call_clock(event.at), "typed", text, text))
            case news.ModelSpeaking(item_id=item_id):
                self._agent_lines[item_id] = Line(self._on_call_clock(event.at), "agent", NO_WORDS_YET)
            case news.ModelSaid(item_id=item_id, text=text) if item_id in self._agent_lines:
                self._agent_lines[item_id].text = text
            case news.ModelHeard(item_id=item_id) if item_id in self._agent_lines:
                self._take_heard(self._agent_lines[item_id], event)
            case news.Interrupted(item_id=item_id, heard_ms=ms) if item_id in self._agent_lines:
                self._agent_lines[item_id].heard_ms = ms
            case _:
                pass

    def refresh(self, event: Event) -> None:
        """Take the caller's own time."""
        self._now = event.at

    def lines(self) -> list[Line]:
        """What was said so far, in order of time; the caller's words as the model understood them, if it did."""
        caller_lines = [*self._heard_lines.values()] if self._understands else self._recorded_lines()
        lines = [*caller_lines, *self._typed_lines, *self._agent_lines.values()]
        return sorted(lines, key=lambda line: line.at_ms)

    def conversation(self) -> list[dict[str, Any]]:
        """The same for a program to read."""
        return [asdict(line) for line in self.lines()]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        passed_ms = max(0, self._on_call_clock(self._now))
        total_ms = max(self._caller.recording.duration_ms, passed_ms)
        room = max(3, (options.height or console.height) // 2 - 2)
        bar = ProgressBar(total=total_ms, completed=passed_ms, width=40)
        yield Group(
            _conversation_table(self.lines()[-room:]),
            Text(f"{_seconds(passed_ms)} of {_seconds(total_ms)}"),
            bar,
        )

    def show_result(self, outcome: Outcome, figures: CallFigures, output: Path) -> None:
        """Show the whole conversation and the call's figures."""
        self._console.print(_conversation_table(self.lines()))
        self._console.print(_figures_table(outcome, figures))
        self._console.print(f"Left what the caller said, right what the caller heard: [bold]{output}[/]")

    def _take_heard(self, line: Line, event: news.ModelHeard) -> None:
        """Take what was heard of a line: less than all of it, or more than it seemed when a noise had cut it."""
        line.heard_text = event.heard_text
        if event.text and (line.text == NO_WORDS_YET or len(event.text) > len(line.text)):
            line.text = event.text
        if event.heard_text == event.text:
            line.heard_ms = None

    def _recorded_lines(self) -> list[Line]:
        """What the caller says by the recording's own account."""
        passed_ms = self._on_call_clock(self._now)
        said = [
            (each.start_ms, each.text or f"(speaks for {_seconds(each.end_ms - each.start_ms)})")
            for each in self._caller.recording.utterances
            if each.start_ms <= passed_ms
        ]
        return [Line(at_ms, "caller", text, text) for at_ms, text in said]

    def _on_call_clock(self, at: float) -> int:
        started_at = self._caller.timeline.started_at
        return -1 if started_at is None else round((at - started_at) * 1000)


class _Nothing(AbstractContextManager[object]):
    """For output that is no terminal: the result says it all."""

    def __exit__(self, *_: object) -> None:
        return None


def _conversation_table(lines: list[Line]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=True, header_style="dim")
    table.add_column("at", justify="right", style="dim", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column("said")
    table.add_column("heard", justify="right", no_wrap=True)
    for line in lines:
        heard = "" if line.heard_ms is None else f"cut at {_seconds(line.heard_ms)}"
        table.add_row(
            _seconds(line.at_ms),
            Text(line.who, style=_STYLES[line.who]),
            line.shown(),
            Text(heard, style="yellow"),
        )
    return table


def _figures_table(outcome: Outcome, figures: CallFigures) -> Table:
    turns = [reply.turn_ms for reply in figures.replies]
    stops = [barge_in.stop_ms for barge_in in figures.barge_ins if barge_in.stop_ms is not None]
    faults = ", ".join(f"{code} ({n} times)" for code, n in figures.faults.items()) or "none"
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    rows = [
        ("call", f"{outcome.end.reason} {outcome.end.detail}".strip()),
        ("set-up", _ms(figures.setup_ms, "from the webhook to the media stream's start")),
        ("first audio", _ms(figures.first_media_ms, "from the webhook to the first audio")),
        ("turn", _spread(turns, "from the caller's last sound to the agent's first")),
        ("barge-in", _spread(stops, "from the caller's first sound to the agent's silence")),
        ("heard", f"{_seconds(figures.heard_ms)} of agent audio, {figures.n_under_runs} gaps in it"),
        ("faults", f"{faults}, by Twilio's rules"),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _spread(values: list[int], meaning: str) -> str:
    if not values:
        return "never happened"
    return f"{median(values):.0f} ms typical, {max(values)} ms at most, {len(values)} times; {meaning}"


def _ms(value: int | None, meaning: str) -> str:
    return "never happened" if value is None else f"{value} ms {meaning}"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
