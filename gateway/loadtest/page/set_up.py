"""The set-up of a call as a waterfall: its three parts, one after the other, at their medians. Pure."""

from typing import NamedTuple

from gateway.loadtest.page.axis import Axis
from gateway.loadtest.page.spelling import amount
from gateway.loadtest.page.wording import measure_words
from gateway.loadtest.summary import Summary

_PARTS = ("setup.webhook", "setup.handshake", "setup.first_audio")
_RIGHT_HALF = 60.0


class Step(NamedTuple):
    """A part of the set-up; places and sizes are per cent of the plot."""

    label: str
    x: float
    width: float
    value: str

    @property
    def is_right(self) -> bool:
        """Whether the value must stand left of the bar."""
        return self.x + self.width > _RIGHT_HALF


class Waterfall(NamedTuple):
    """All parts."""

    steps: tuple[Step, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str


def waterfall(summary: Summary) -> Waterfall | None:
    """Draw the medians; None unless all three are known."""
    medians = [summary.figures[each].p50 for each in _PARTS]
    known = [each for each in medians if each is not None]
    if len(known) < len(_PARTS):
        return None
    axis = Axis.over([sum(known)])
    steps, begin = [], 0.0
    for name, median in zip(_PARTS, known, strict=True):
        x = axis.percent(begin)
        width = round(axis.percent(begin + median) - x, 3)
        steps.append(Step(measure_words(name).label, x, width, amount(median, "ms")))
        begin += median
    parts = ", then ".join(f"{each.label.lower()} {each.value}" for each in steps)
    ticks = tuple((axis.percent(each), amount(each, "ms")) for each in axis.ticks())
    return Waterfall(tuple(steps), ticks, f"Medians: {parts}; together {amount(begin, 'ms')}.")
