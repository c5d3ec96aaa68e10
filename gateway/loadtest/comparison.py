"""Compares two runs: what has changed, and whether by more than chance would have it. Pure.

Chance is told by the bootstrap: the calls of both runs are drawn again, with replacement, a thousand times; between
2.5% and 97.5% of the differences lies the interval. Whole calls are drawn, for the turns of one call are not independent.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.errors import GatewayError
from gateway.loadtest.results import SCHEMA_VERSION, RunResult
from gateway.loadtest.summary import MIN_N, PERCENTILES, RIG_MEASURE, percentile, why_late
from gateway.loadtest.values import Floats, Values, collect, units

N_DRAWN = 1000
MIN_OWNERS = 10
"""Calls with values, below which drawing them again tells nothing."""
_AT_A_TIME = 100
"""Bounds the memory: of each of them every value's weight is held."""
_SEED = 6
COMPARED: Mapping[str, float] = {name: share for name, share in PERCENTILES.items() if name != "max"}
"""Drawing again tells nothing about how far a largest value is chance."""


class ComparisonError(GatewayError):
    """Two runs cannot be compared; the message is one line that says why."""


class Difference(msgspec.Struct, frozen=True):
    """What has become of one figure."""

    measure: str
    percentile: str
    unit: str
    new: float | None = None
    old: float | None = None
    difference: float | None = None
    """New less old."""
    low: float | None = None
    """Of the 95% interval of the difference, as is ``high``."""
    high: float | None = None
    withheld: str | None = None
    """Why there is nothing to compare; None where there is."""

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the interval leaves no room for no difference."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high

    def __str__(self) -> str:
        name = f"{self.measure} {self.percentile}"
        if self.withheld or self.difference is None:
            return f"{name}: cannot be compared: {self.withheld}"
        values = f"{name}: {self.old:g} -> {self.new:g} {self.unit}"
        if not self.is_beyond_noise:
            return f"{values}, no difference beyond noise"
        return f"{values}, {self.difference:+g} ({self.low:+g} to {self.high:+g})"


class _Side(NamedTuple):
    """One run."""

    name: str
    values: Mapping[str, Values]
    rig_late: str | None


def compare(new: RunResult, old: RunResult) -> list[Difference]:
    """Compare every measure's p50, p90, p95 and p99.

    Raises:
        ComparisonError: a run was written by a version that means something else by its figures.
    """
    for name, run in (("new run", new), ("baseline", old)):
        if run.schema_version != SCHEMA_VERSION:
            raise ComparisonError(
                f"the {name} has schema version {run.schema_version}; this program compares version {SCHEMA_VERSION}"
            )
    sides = _side("new run", new), _side("baseline", old)
    return [each for measure, unit in units().items() for each in _differences(measure, unit, *sides)]


def _side(name: str, run: RunResult) -> _Side:
    values = collect(run)
    return _Side(name, values, why_late(values[RIG_MEASURE].values, run.rig_busy))


def _differences(measure: str, unit: str, new: _Side, old: _Side) -> list[Difference]:
    withheld = _withheld(measure, new) or _withheld(measure, old)
    if withheld:
        return [Difference(measure, each, unit, withheld=withheld) for each in COMPARED]
    mine, theirs = new.values[measure], old.values[measure]
    generator = np.random.default_rng(_SEED)
    lows, highs = np.quantile(_drawn(mine, generator) - _drawn(theirs, generator), (0.025, 0.975), axis=0)
    return [
        _difference(measure, each, unit, _both(mine, theirs, share), (float(low), float(high)))
        for (each, share), low, high in zip(COMPARED.items(), lows, highs, strict=True)
    ]


def _both(new: Values, old: Values, share: float) -> tuple[float, float]:
    return percentile(new.values, share), percentile(old.values, share)


def _difference(
    measure: str, which: str, unit: str, both: tuple[float, float], interval: tuple[float, float]
) -> Difference:
    (new, old), (low, high) = both, interval
    return Difference(
        measure,
        which,
        unit,
        new=round(new, 3),
        old=round(old, 3),
        difference=round(new - old, 3),
        low=round(low, 3),
        high=round(high, 3),
    )


def _withheld(measure: str, side: _Side) -> str | None:
    values, owners = side.values[measure]
    if values.size < MIN_N:
        return f"n < {MIN_N} in the {side.name}"
    if np.unique(owners).size < MIN_OWNERS:
        return f"the values are of fewer than {MIN_OWNERS} calls in the {side.name}"
    return f"{side.name}: {side.rig_late}" if side.rig_late and measure != RIG_MEASURE else None


def _drawn(values: Values, generator: np.random.Generator) -> Floats:
    """Draw those again and again that have values; each time take the percentiles, shape (draws, percentiles)."""
    order = np.argsort(values.values)
    _, owners = np.unique(values.owners[order], return_inverse=True)
    n_owners = int(owners.max()) + 1
    rows = np.arange(_AT_A_TIME)[:, None] * n_owners
    drawn = []
    for _ in range(N_DRAWN // _AT_A_TIME):
        chosen = generator.integers(n_owners, size=(_AT_A_TIME, n_owners))
        often = np.bincount((chosen + rows).ravel(), minlength=rows.size * n_owners).reshape(-1, n_owners)
        drawn.append(_percentiles(values.values[order], np.cumsum(often[:, owners], axis=1)))
    return np.concatenate(drawn)


def _percentiles(ordered: Floats, ranks: npt.NDArray[np.int64]) -> Floats:
    """Percentiles by nearest rank, where each value stands for as many as its rank, shape (draws, n), has grown."""
    wanted = [np.ceil(np.round(share * ranks[:, -1:], 9)) for share in COMPARED.values()]
    places = [(ranks < each).sum(axis=1) for each in wanted]
    drawn: Floats = ordered[np.stack(places, axis=1)]
    return drawn
