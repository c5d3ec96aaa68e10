"""The time of day for a load test: one that nobody sets while it runs."""

import time


class SteadyClock:
    """Seconds since 1970 as the system told them when this was made, and steady ones since then.

    The system's own may jump when it is set; calls would then fall out of their stages, and pulses out of the test.
    """

    def __init__(self) -> None:
        self._zero = time.time() - time.monotonic()

    def now(self) -> float:
        """Tell the time."""
        return self._zero + time.monotonic()
