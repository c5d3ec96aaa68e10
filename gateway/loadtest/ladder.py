"""The search for the largest number of calls that holds: up in steps until one does not, then by halves. Pure."""

N_STEPS = 10
"""From nothing to the largest number tried."""
FINENESS = 50
"""The search ends when the answer is known to this part of the largest number, or to one call."""


class Ladder:
    """Numbers of calls to be tried, one after the other; each waits for the verdict on the one before."""

    def __init__(self, max_calls: int) -> None:
        """Try at most ``max_calls``, at least 1."""
        self._max_calls = max_calls
        self._step = -(-max_calls // N_STEPS)
        self._fine = max(1, max_calls // FINENESS)
        self._broke_at: int | None = None
        self.holds = 0
        """The largest number that has held; 0 if none has."""
        self.n_calls: int | None = self._step
        """To be tried now; None when the answer is known."""

    def judge(self, *, held: bool) -> None:
        """Take the verdict on ``n_calls`` and go on to the next number."""
        tried = self.n_calls
        if tried is None:
            return
        if held:
            self.holds = max(self.holds, tried)
        else:
            self._broke_at = tried
        self.n_calls = self._next()

    def _next(self) -> int | None:
        if self._broke_at is None:
            return min(self.holds + self._step, self._max_calls) if self.holds < self._max_calls else None
        if self._broke_at - self.holds <= self._fine:
            return None
        return (self.holds + self._broke_at) // 2
