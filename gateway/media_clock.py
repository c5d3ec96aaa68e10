"""How much of the caller's audio is missing, by the timestamps of Twilio's media messages and by our clock.

Twilio sends silence too, so a hole in the timestamps is audio that was lost on its way, and a stream that falls silent
is a broken one. A model that detects turns hears time pass by samples alone: without them a turn never ends.
"""

import math

SAMPLES_PER_MS = 8
MIN_HOLE = 20 * SAMPLES_PER_MS
"""Samples: one of Twilio's frames. Timestamps may be less than this beside their place without meaning anything."""
MAX_FILL = 2000 * SAMPLES_PER_MS
"""Samples that are filled at once; what is missing beyond it stays missing."""
STARVED_AFTER = 0.75
"""Seconds without media, in the middle of the caller's speech, after which it is made up for..."""
MAX_STARVED = 10.0
"""...and seconds after which it no longer is."""
LONGEST_WAIT = 0.5
_SHORTEST_WAIT = 0.1


class MediaClock:
    """The clock of one media stream's inbound side. Every ``now`` is seconds, every result samples at 8 kHz.

    What ``frame`` and ``starved`` return is taken as filled, and not asked for again.
    """

    def __init__(self) -> None:
        self.caller_speaks = False
        """Whether the model has heard the caller start to speak, and not stop."""
        self.n_jumps = 0
        """Timestamps that went back, or forward by more than is filled."""
        self._due = math.inf
        """Where the next frame belongs, in samples. Any first frame is a step back from infinity."""
        self._ahead = 0
        """Samples filled since the last frame."""
        self._media_at = math.inf

    def frame(self, timestamp_ms: int, n_samples: int, now: float) -> int:
        """Take a frame of ``n_samples``; return how much is missing before it."""
        self._media_at = now
        hole = timestamp_ms * SAMPLES_PER_MS - self._due
        if -MIN_HOLE < hole < MIN_HOLE and not self._ahead:
            self._due += n_samples
            return 0
        return self._out_of_place(timestamp_ms * SAMPLES_PER_MS, n_samples)

    def starved(self, now: float) -> int:
        """Tell how much is missing because nothing comes although the caller was speaking."""
        silent = now - self._media_at
        if not self.caller_speaks or silent < STARVED_AFTER:
            return 0
        missing = min(silent, MAX_STARVED) * 1000 * SAMPLES_PER_MS - self._ahead
        n_samples = max(0, min(int(missing) // MIN_HOLE * MIN_HOLE, MAX_FILL))
        self._ahead += n_samples
        return n_samples

    def until_next_look(self, now: float) -> float:
        """Tell how many seconds may pass before ``starved`` is asked again."""
        if not self.caller_speaks:
            return LONGEST_WAIT
        return min(LONGEST_WAIT, max(_SHORTEST_WAIT, STARVED_AFTER - (now - self._media_at)))

    def _out_of_place(self, start: int, n_samples: int) -> int:
        """Take a frame that comes after a hole, after a filled one, or before its place."""
        ahead, self._ahead = self._ahead, 0
        hole = start - self._due
        self.n_jumps += self._due < math.inf and not -MIN_HOLE < hole <= MAX_FILL + ahead
        if -MAX_FILL < hole < 0:  # one that came twice or late opens no hole behind it
            self._due = max(self._due, start + n_samples)
            return 0
        self._due = start + n_samples
        if hole < MIN_HOLE:
            return 0
        return max(0, min(int(hole) - ahead, MAX_FILL))
