"""The scale of a chart: where values lie, and at which of them the axis is labelled. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
"""Seconds."""


@dataclass(frozen=True)
class Axis:
    """From the smallest to the largest value of a chart; the first is below the second."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float], *, n_steps: int = 4) -> "Axis":
        """Span from 0, or from a value below, to beyond all values, to whole steps."""
        low, high = min([0.0, *values]), max([0.0, *values])
        if high == low:
            high = low + 1.0
        step = nice_step((high - low) / n_steps)
        return cls(math.floor(low / step) * step, math.ceil(round(high / step, 9)) * step)

    def percent(self, value: float) -> float:
        """Tell how far along the axis a value lies, from 0 to 100; what is outside lies at the end."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 3)

    def ticks(self, n_steps: int = 4) -> list[float]:
        """Pick round values to label, about so many."""
        return _multiples(self, nice_step((self.high - self.low) / n_steps))

    def time_ticks(self, n_steps: int = 6) -> list[float]:
        """Pick round times to label, at most so many beside the first; values are in seconds."""
        wanted = (self.high - self.low) / n_steps
        step = next((each for each in _TIME_STEPS if each >= wanted), math.ceil(wanted / 86400) * 86400)
        return _multiples(self, float(step))


def nice_step(wanted: float) -> float:
    """Round a step up to 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(each * power for each in _STEPS if each * power >= wanted * (1 - 1e-9))


def _multiples(axis: Axis, step: float) -> list[float]:
    first, last = math.ceil(round(axis.low / step, 9)), math.floor(round(axis.high / step, 9))
    return [round(each * step, 9) for each in range(first, last + 1)]
