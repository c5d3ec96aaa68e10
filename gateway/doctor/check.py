"""A check and what it finds. Values only."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "warning", "failed", "skipped"]
_BY_WEIGHT: tuple[Outcome, ...] = ("failed", "warning", "ok", "skipped")


@dataclass(frozen=True)
class Finding:
    """What a check came to. Neither text holds secrets."""

    outcome: Outcome
    what: str
    """What was found, in one line or several."""
    advice: str = ""
    """What to do about it; empty if nothing."""


@dataclass(frozen=True)
class Check:
    """Something that is looked at."""

    name: str
    run: Callable[[], Awaitable[Finding]] = field(repr=False)
    timeout: float = 10.0
    """Seconds that it may take."""
    needs: tuple[str, ...] = ()
    """Names of the checks without whose success this one makes no sense; they come before it in every list."""


def ok(what: str) -> Finding:
    """All is well."""
    return Finding("ok", what)


def warning(what: str, advice: str) -> Finding:
    """It works, but not for ever, or not as well as it could."""
    return Finding("warning", what, advice)


def failed(what: str, advice: str) -> Finding:
    """It does not work."""
    return Finding("failed", what, advice)


def skipped(what: str, advice: str = "") -> Finding:
    """It could not be looked at."""
    return Finding("skipped", what, advice)


def together(findings: Iterable[Finding]) -> Finding:
    """Make one of several, at least one: the worst outcome, and the words of all, each once."""
    several = list(findings)
    worst = min((each.outcome for each in several), key=_BY_WEIGHT.index)
    what = "\n".join(dict.fromkeys(each.what for each in several))
    advice = "\n".join(dict.fromkeys(each.advice for each in several if each.advice))
    return Finding(worst, what, advice)
