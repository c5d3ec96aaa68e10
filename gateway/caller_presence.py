"""The sound from the caller's end of a call: whether there is somebody, or a machine. No I/O and no clock.

Machines are found by three signs, for each of them alone is missing somewhere: hold music may be one sound without
end, or be cut into turns in which no words are recognised; a voicemail greeting or an announcement has words, but says
the same ones over and over.
"""

import math
import re
from collections import deque
from collections.abc import Iterator

WORDS_TIMEOUT = 5.0
"""Seconds after a turn in which its words are told; OpenAI takes less than 1 s (measured)."""
MIN_REPEATS = 4
"""A caller who is not understood says a sentence two or three times."""
MIN_WORDS = 3
"""People who hear nothing say "hello?" many times."""
MAX_PERIOD = 3
"""Turns that an announcement may be cut into."""


class CallerPresence:
    """The sound from the caller's end: whether there is somebody, or a machine."""

    def __init__(self, max_machine_seconds: float, *, words_are_told: bool) -> None:
        self._max_seconds = max_machine_seconds
        self._words_are_told = words_are_told
        self._since: float | None = None
        """When the turn began that is not over."""
        self._untold: deque[tuple[float, float]] = deque()
        """Turns whose words are awaited: when each was over, and its seconds."""
        self._wordless = 0.0
        """Seconds of turns without words since the last input."""
        self._said: deque[str] = deque(maxlen=MIN_REPEATS * MAX_PERIOD)
        self.input_at = -math.inf
        """When there last was a sign of somebody: words, or a key."""

    @property
    def is_speaking(self) -> bool:
        """Whether a turn is going on."""
        return self._since is not None

    @property
    def may_have_spoken(self) -> bool:
        """Whether words of a turn are awaited."""
        return bool(self._untold)

    def speaks(self, now: float) -> None:
        """Take the beginning of a turn."""
        if self._since is None:
            self._since = now

    def silent(self, now: float) -> None:
        """Take the end of a turn."""
        if self._since is None:
            return
        turn = now, now - self._since
        self._since = None
        if self._words_are_told:
            self._untold.append(turn)
        else:
            self._input(now)

    def said(self, text: str | None, now: float) -> None:
        """Take the words of the oldest turn that has none yet: "" for none, None where recognition failed."""
        _, seconds = self._untold.popleft() if self._untold else (now, 0.0)
        words = _words(text or "")
        if words or text is None:
            self._input(now)
        else:
            self._wordless += seconds
        if words:
            self._said.append(words)

    def pressed(self, now: float) -> None:
        """Take a key, which machines do not press."""
        self._input(now)
        self._said.clear()

    def look(self, now: float) -> None:
        """Give up waiting for words."""
        while self._untold and self._untold[0][0] + WORDS_TIMEOUT <= now:
            self._input(self._untold.popleft()[0])

    def is_machine(self, now: float) -> bool:
        """Whether there seems to be no person."""
        if not self._max_seconds:
            return False
        is_endless = self._since is not None and now >= self._since + self._max_seconds
        return is_endless or self._wordless >= self._max_seconds or _is_repeated(list(self._said))

    def times(self) -> Iterator[float]:
        """When something may come due."""
        if self._since is not None and self._max_seconds:
            yield self._since + self._max_seconds
        if self._untold:
            yield self._untold[0][0] + WORDS_TIMEOUT

    def _input(self, at: float) -> None:
        self.input_at = max(self.input_at, at)
        self._wordless = 0.0


def _words(text: str) -> str:
    """Reduce what was said to its words, so that the same sentence is the same text."""
    return " ".join(re.sub(r"[^\w\s]|_", "", text.casefold()).split())


def _is_repeated(said: list[str]) -> bool:
    """Whether the latest turns are one sentence again and again, or two or three in turn, and none of them short."""
    for period in range(1, MAX_PERIOD + 1):
        latest = said[-period * MIN_REPEATS :]
        if len(latest) == period * MIN_REPEATS and latest == latest[:period] * MIN_REPEATS:
            return all(len(words.split()) >= MIN_WORDS for words in latest[:period])
    return False
