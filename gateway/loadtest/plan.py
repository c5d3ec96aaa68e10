"""How many calls are wanted when: the modes of a load test as a function of time. Pure; seconds from the test's start."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Mode = Literal["steady", "ramp", "spike", "soak", "ladder"]
MODES: tuple[Mode, ...] = get_args(Mode)

MAX_RAMP = 100.0
"""New calls a second: Locust warns of more."""
SPIKE = 3
"""Times the calls, for a tenth of the time."""
N_PARTS = 10
"""Steps of a ramp, and parts of a soak whose figures are told apart."""


@dataclass(frozen=True)
class PlannedStage:
    """A stretch in which so many calls are up; the time in which their number changes belongs to none."""

    n_calls: int
    begins_at: float
    ends_at: float


@dataclass(frozen=True)
class Plan:
    """A mode other than the ladder, whose steps no clock can plan."""

    mode: Mode
    n_calls: int
    """Calls at once; in a spike three times as many."""
    ramp: float
    """New calls a second."""
    duration: float
    """Seconds of the whole test."""

    @property
    def most_calls(self) -> int:
        """The largest number of calls that will be wanted at once."""
        return self.n_calls * (SPIKE if self.mode == "spike" else 1)

    def wanted(self, at: float) -> tuple[int, float] | None:
        """Tell how many calls are wanted, and at how many a second to get there; None when the test is over."""
        if at >= self.duration:
            return None
        begun = [step for step in self._steps() if step[0] <= at]
        _, n_calls, rate = begun[-1]
        return n_calls, rate

    def stages(self) -> tuple[PlannedStage, ...]:
        """List the stretches with a constant number of calls; one that its rise leaves no time is left out."""
        stages = []
        steps = self._steps()
        n_before = 0
        ends = [begins_at for begins_at, _, _ in steps[1:]] + [self.duration]
        for (begins_at, n_calls, rate), ends_at in zip(steps, ends, strict=True):
            settled_at = begins_at + abs(n_calls - n_before) / rate
            n_before = n_calls
            if settled_at < ends_at:
                stages.append(PlannedStage(n_calls, settled_at, ends_at))
        return tuple(_parts(stages[0])) if self.mode == "soak" and stages else tuple(stages)

    def _steps(self) -> list[tuple[float, int, float]]:
        """When the wanted number changes, to what, and at which rate."""
        match self.mode:
            case "ramp":
                n_steps = min(N_PARTS, self.n_calls)
                return [
                    (self.duration * k / n_steps, math.ceil(self.n_calls * (k + 1) / n_steps), self.ramp)
                    for k in range(n_steps)
                ]
            case "spike":
                return [
                    (0.0, self.n_calls, self.ramp),
                    (self.duration * 0.45, self.most_calls, MAX_RAMP),
                    (self.duration * 0.55, self.n_calls, MAX_RAMP),
                ]
            case _:
                return [(0.0, self.n_calls, self.ramp)]


def _parts(stage: PlannedStage) -> list[PlannedStage]:
    length = (stage.ends_at - stage.begins_at) / N_PARTS
    starts = [stage.begins_at + length * k for k in range(N_PARTS)]
    return [PlannedStage(stage.n_calls, start, start + length) for start in starts]
