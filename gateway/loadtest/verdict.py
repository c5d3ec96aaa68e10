"""Judges a load test by its thresholds: the whole of it, and each step of a ladder. Pure."""

from collections.abc import Sequence

import msgspec

from gateway.loadtest.comparison import Difference, compare
from gateway.loadtest.results import RunResult, Stage
from gateway.loadtest.summary import MIN_N, Summary, summarise, summarise_stage
from gateway.loadtest.thresholds import Threshold, Verdict, parse

NO_FAILURES = "failed > 0"
"""Kept by every test that says nothing else about failed calls."""
NOT_EVEN_ONE = "answered < 1"
"""Kept by every test that says nothing else about how many calls had a stream: without any, the rest tells nothing."""
LADDER = ("failed > 1", "turn_latency_p95 > 1500")
"""What a ladder climbs by if nothing is said: one call in a hundred, and a wait that callers talk into."""


class Judgement(msgspec.Struct, frozen=True):
    """What a load test comes to."""

    run: RunResult
    summary: Summary
    verdicts: tuple[Verdict, ...]
    differences: tuple[Difference, ...] | None = None
    """From the baseline, where there is one."""

    @property
    def passed(self) -> bool:
        """Whether every threshold was kept; of a ladder, which breaks some by design, whether any step held."""
        if self.run.mode == "ladder":
            return bool(self.run.holds)
        return not any(each.failed for each in self.verdicts)


def thresholds(asked_for: Sequence[str], mode: str) -> tuple[Threshold, ...]:
    """Read the thresholds that a test is judged by.

    Raises:
        ThresholdError: one of them is none.
    """
    if mode == "ladder":
        return tuple(map(parse, asked_for or LADDER))
    given = tuple(map(parse, asked_for))
    names = {each.name for each in given}
    implied = [] if "answered" in names else [NOT_EVEN_ONE]
    implied += [] if names & {"failed", "failures"} else [NO_FAILURES]
    return (*map(parse, implied), *given)


def judge(run: RunResult, by: Sequence[Threshold], baseline: RunResult | None = None) -> Judgement:
    """Judge a whole test."""
    summary = summarise(run)
    verdicts = tuple(each.judge(summary) for each in by)
    differences = None if baseline is None else tuple(compare(run, baseline))
    return Judgement(run, summary, verdicts, differences)


class StepVerdict(msgspec.Struct, frozen=True):
    """What became of one step of a ladder."""

    held: bool
    why: str | None = None
    """Why it did not hold."""
    rig_was_late: bool = False
    """Whether that is nothing that the server did."""


def judge_step(run: RunResult, stage: Stage, by: Sequence[Threshold]) -> StepVerdict | None:
    """Judge the calls that began in a stage and are over; None as long as there are too few.

    Every line must have had a call; what there are no figures of by three calls each does not hold. Nor does a step in
    which the rig was late: nobody knows what the server would have done.
    """
    step = summarise_stage(run, stage)
    n_done = step.counts["calls"].value or 0
    if n_done < stage.n_calls:
        return None
    verdicts = [each.judge(step) for each in by]
    if broken := [str(each) for each in verdicts if each.state == "broken"]:
        return StepVerdict(held=False, why="; ".join(broken))
    if step.rig_late:
        return StepVerdict(held=False, why=step.rig_late, rig_was_late=True)
    withheld = [str(each) for each in verdicts if each.state == "withheld"]
    if withheld and n_done < max(MIN_N, 3 * stage.n_calls):
        return None
    return StepVerdict(held=not withheld, why="; ".join(withheld) or None)
