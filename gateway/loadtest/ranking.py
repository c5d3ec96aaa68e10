"""Which call was the best and which the worst: those that are worth listening to. Pure."""

from gateway.loadtest.results import CallResult

Badness = tuple[int, float]


def badness(call: CallResult) -> Badness:
    """Rank a call for its caller: what sorts last was worst.

    A failed call is worse than one in which another caller was heard, that than one without an answer to something the
    caller said or with an agent that did not stop, that than one with faults of the server, and that than any other.
    Among the same kind the longest wait for the agent counts, and the holes in what was heard.
    """
    waits = [turn.turn_ms for turn in call.turns]
    longest = max((each for each in waits if each is not None), default=0)
    annoyance = float(longest + call.delivery.under_run_ms)
    if call.failed:
        return 4, annoyance
    if call.crosstalk:
        return 3, annoyance
    if None in waits or any(each.stop_ms is None for each in call.barge_ins):
        return 2, annoyance
    return (1 if call.faults else 0), annoyance


def was_answered(call: CallResult) -> bool:
    """Whether the call can be an example of a good one: agent and caller have spoken with each other."""
    return not call.failed and any(turn.turn_ms is not None for turn in call.turns)


class Extremes:
    """The best and the worst of the calls taken so far."""

    def __init__(self) -> None:
        self.best: CallResult | None = None
        self.worst: CallResult | None = None

    def take(self, call: CallResult) -> bool:
        """Take another call; whether it is the best or the worst so far, of those with sound."""
        if not call.n_frames:
            return False
        is_worst = self.worst is None or badness(call) > badness(self.worst)
        is_best = was_answered(call) and (self.best is None or badness(call) < badness(self.best))
        if is_worst:
            self.worst = call
        if is_best:
            self.best = call
        return is_worst or is_best

    def sids(self) -> set[str]:
        """Name the calls: two, one or none."""
        return {each.call_sid for each in (self.best, self.worst) if each}
