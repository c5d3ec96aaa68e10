"""Until when OpenAI's realtime models can be had. Values only; the day of today is passed in.

Dates and successors: OpenAI, "Deprecations", as of 2026-11-22.
"""

from dataclasses import dataclass
from datetime import date

from gateway.doctor.check import Finding, failed, ok, warning

CURRENT = frozenset({"gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-1.5"})
"""Models without a date."""


@dataclass(frozen=True)
class Retirement:
    """The end of a model."""

    day: date
    successor: str


_BIG, _MINI = "gpt-realtime-2.1", "gpt-realtime-2.1-mini"
_LATE, _EARLY = date(2027, 1, 20), date(2026, 5, 7)
_RETIREMENTS = {
    "gpt-realtime": Retirement(_LATE, _BIG),
    "gpt-realtime-2025-08-28": Retirement(_LATE, _BIG),
    "gpt-realtime-mini": Retirement(_LATE, _MINI),
    "gpt-realtime-mini-2025-12-15": Retirement(_LATE, _MINI),
}
_PREVIEWS = {"gpt-4o-realtime-preview": _BIG, "gpt-4o-mini-realtime-preview": _MINI}


def retirement_of(model: str) -> Retirement | None:
    """Find a model's end; None if none is known."""
    for beginning, successor in _PREVIEWS.items():
        if model == beginning or model.startswith(f"{beginning}-"):
            return Retirement(_EARLY, successor)
    return _RETIREMENTS.get(model)


def judged(model: str, today: date) -> Finding:
    """Judge a model's name by what is known of its end."""
    retirement = retirement_of(model)
    if retirement is None:
        known = (
            "" if model in CURRENT else ", which is not among the models known here: its end is not either"
        )
        return ok(f"{model}{known}")
    advice = f"Take {retirement.successor} (REALTIME_MODEL, or the agent's model)."
    if today >= retirement.day:
        return failed(f"{model} was shut down on {retirement.day}", advice)
    return warning(f"{model} will be shut down on {retirement.day}", advice)
