"""What a load test must not come to: ``turn_latency_p95 > 800`` and the like, read and judged. Pure."""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from gateway.errors import GatewayError
from gateway.loadtest.summary import PERCENTILES, Count, StageSummary, Summary, counts
from gateway.loadtest.values import units

State = Literal["kept", "broken", "withheld"]

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
)
_EXPRESSION = re.compile(r"\s*([A-Za-z_.0-9]+)\s*(>=|<=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(\S*)\s*")
_SHAPE = 'a figure, one of > >= < <=, and a number, like "turn_latency_p95 > 800"'


class ThresholdError(GatewayError):
    """A threshold cannot be read; the message is one line that says why."""


class Verdict(msgspec.Struct, frozen=True):
    """What became of a threshold."""

    threshold: str
    state: State
    value: float | None
    unit: str
    reason: str | None = None
    """Why it could not be judged."""

    @property
    def failed(self) -> bool:
        """Whether the load test fails: also when there is no figure to judge by."""
        return self.state != "kept"

    def __str__(self) -> str:
        if self.state == "withheld":
            return f"{self.threshold}: cannot be judged: {self.reason}"
        return f"{self.threshold}: {self.state}: {self.value:g} {self.unit}".rstrip()


class Threshold(msgspec.Struct, frozen=True):
    """A condition on one figure under which a load test fails."""

    name: str
    """A measure with a percentile, or a count."""
    comparison: Literal[">", ">=", "<", "<="]
    limit: float
    """In the figure's own unit."""

    def judge(self, summary: Summary | StageSummary) -> Verdict:
        """Hold the summary of a run, or of a stage of one, against it."""
        figure, unit = _look_up(summary, self.name), _figures()[self.name]
        if figure.value is None:
            return Verdict(str(self), "withheld", None, unit, figure.withheld)
        is_broken = _OPERATORS[self.comparison](figure.value, self.limit)
        return Verdict(str(self), "broken" if is_broken else "kept", figure.value, unit)

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {self.limit:g}"


def parse(text: str) -> Threshold:
    """Read a threshold: the condition under which the test fails. The figure's own unit may follow the number.

    Raises:
        ThresholdError: it is none, or there is no such figure, or it has another unit.
    """
    match = _EXPRESSION.fullmatch(text)
    if not match:
        raise ThresholdError(f"{text!r} is no threshold: that is {_SHAPE}")
    name, comparison, limit, unit = match.groups()
    known = _figures()
    if name not in known:
        raise ThresholdError(f"{text!r}: there is no figure {name!r}{_suggestion(name, known)}")
    if unit and unit != known[name]:
        raise ThresholdError(
            f"{text!r}: {name} is {f'in {known[name]}' if known[name] else 'a plain number'}"
        )
    return msgspec.convert({"name": name, "comparison": comparison, "limit": float(limit)}, Threshold)


def _figures() -> dict[str, str]:
    """Name every figure there is, with its unit."""
    measures = {f"{name}_{each}": unit for name, unit in units().items() for each in PERCENTILES}
    return {**measures, **dict.fromkeys(counts([], 0, None), ""), "failed": "%"}


def _look_up(summary: Summary | StageSummary, name: str) -> Count:
    if name in summary.counts:
        return summary.counts[name]
    measure, _, which = name.rpartition("_")
    figure = summary.figures[measure]
    value: float | None = getattr(figure, which)
    return Count(value, figure.withheld)


def _suggestion(name: str, known: Mapping[str, str]) -> str:
    if name in units():
        return f"; say which percentile, like {name}_p95"
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
