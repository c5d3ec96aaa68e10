"""What keeps a call from going on for ever: silence, machines, its length, its cost. Decides; a call acts on it.

Machines are found by three signs, for each of them alone is missing somewhere: hold music may be one sound without
end, or be cut into turns in which no words are recognised; a voicemail greeting or an announcement has words, but says
the same ones over and over.
"""

import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway import ending as endings
from gateway.agent_limits import LimitsTable, PhrasesTable
from gateway.ending import Ending
from gateway.prices import Prices, cost
from gateway.realtime.usage import TokenUsage

MAX_LOOK = 0.5
"""Seconds until the next look, at most."""
QUIET_LOOK = 0.1
"""The same while something waits for a moment in which nobody speaks."""
PATIENCE = 10.0
"""Seconds in which the caller may finish before a call that is too long or too dear ends."""
WORDS_TIMEOUT = 5.0
"""Seconds after a turn in which its words are told; OpenAI takes less than 1 s (measured)."""
MIN_REPEATS = 4
"""A caller who is not understood says a sentence two or three times."""
MIN_WORDS = 3
"""People who hear nothing say "hello?" many times."""
MAX_PERIOD = 3
"""Turns that an announcement may be cut into."""


@dataclass(frozen=True)
class Ask:
    """Have the agent say this."""

    text: str


@dataclass(frozen=True)
class Leave:
    """Have the agent say this, if anything, wait until it is heard, and end the call."""

    text: str | None
    ending: Ending


Wish = Ask | Leave


class Guards:
    """The guards of one call; times are seconds on any clock that does not go back.

    ``prices`` are those of the call's model: without them ``max_cost`` cannot be watched, and is not.
    ``words_are_told`` says whether the provider writes down what the caller says; if not, every turn counts as words.
    """

    def __init__(
        self, limits: LimitsTable, phrases: PhrasesTable, prices: Prices | None, *, words_are_told: bool
    ) -> None:
        self._limits = limits
        self._phrases = phrases
        self._caller = _Caller(limits.max_machine_seconds, words_are_told=words_are_told)
        self._spending = _Spending(limits, prices)
        self._started_at: float | None = None
        self._agent_at = 0.0
        """When the agent was last known to be active."""
        self._n_asked = 0
        self._asked_after = -math.inf
        """The caller's last input before the agent asked."""
        self._has_warned = limits.warning_seconds == 0
        self._has_left = False

    def started(self, now: float) -> None:
        """Take note that the call begins, or that another media stream of it does; nothing is due before."""
        if self._started_at is None:
            self._started_at = now
        self._agent_at = now

    def caller_speaks(self, now: float) -> None:
        """Take note that a turn of the caller's begins."""
        self._caller.speaks(now)

    def caller_silent(self, now: float) -> None:
        """Take note that a turn of the caller's is over."""
        self._caller.silent(now)

    def caller_said(self, text: str | None, now: float) -> None:
        """Take the words of a turn, in the turns' order: "" for none, None where recognition failed.

        A turn about which nothing is said for 5 s, and one whose recognition failed, counts as one with words: a broken
        recogniser must not end calls.
        """
        self._caller.said(text, now)

    def key_pressed(self, now: float) -> None:
        """Take note that the caller pressed a key, which machines do not."""
        self._caller.pressed(now)

    def used(self, usage: TokenUsage, now: float) -> None:
        """Add what one more response has used."""
        self._spending.add(usage, now)

    def due(self, now: float, *, is_audible: bool, is_generating: bool) -> Wish | None:
        """Say what should happen now; each wish is told once, and none after a `Leave`.

        ``is_audible``: the caller hears the agent. ``is_generating``: the agent is about to say something, tools that
        run included. While either is true, or the caller speaks, there is no `Ask`, and no `Leave` but for the call's
        length, its cost, and machines; only the warning does not wait for an agent that goes on for 10 s.
        """
        if self._started_at is None or self._has_left:
            return None
        self._caller.look(now)
        is_busy = is_audible or is_generating
        if is_busy:
            self._agent_at = now
        wish: Wish | None = self._end(now, self._started_at)
        if wish is None and not self._caller.is_speaking:
            wish = self._warning(now, self._started_at, is_busy=is_busy)
        if wish is None and not is_busy and not self._caller.is_speaking:
            wish = self._no_input(now)
        self._has_left = isinstance(wish, Leave)
        if wish is not None:
            self._agent_at = now
        return wish

    def stayed(self, now: float) -> None:
        """Take note that somebody spoke over the agent's goodbye, so that the call goes on after a `Leave`."""
        self._has_left = False
        self._caller.pressed(now)

    def until_next_look(self, now: float) -> float:
        """Seconds after which to ask for what is due at the latest: more than 0, at most 0.5."""
        if self._started_at is None or self._has_left:
            return MAX_LOOK
        times = list(self._times(self._started_at))
        waits = [at - now for at in times if at > now]
        return min([MAX_LOOK if len(waits) == len(times) else QUIET_LOOK, *waits])

    def _times(self, started_at: float) -> Iterator[float]:
        """When something may come due."""
        ends = [self._over_at(started_at)]
        if self._spending.reached_at is not None:
            ends.append(self._spending.reached_at)
        for at in ends:
            yield from (at, at + PATIENCE)
        if not self._has_warned:
            yield from (self._warning_at(started_at), self._warning_at(started_at) + PATIENCE)
        if self._limits.no_input_seconds:
            yield self._quiet_since + self._limits.no_input_seconds
        yield from self._caller.times()

    def _end(self, now: float, started_at: float) -> Leave | None:
        if self._caller.is_machine(now):
            return Leave(None, endings.MACHINE)
        over_at, dear_at = self._over_at(started_at), self._spending.reached_at
        if self._is_time(over_at, now):
            return Leave(self._phrases.goodbye_time, endings.MAX_DURATION)
        if dear_at is not None and self._is_time(dear_at, now):
            return Leave(self._phrases.goodbye_budget, endings.BUDGET)
        return None

    def _is_time(self, at: float, now: float) -> bool:
        return now >= at and (not self._caller.is_speaking or now >= at + PATIENCE)

    def _warning(self, now: float, started_at: float, *, is_busy: bool) -> Ask | None:
        at = self._warning_at(started_at) + (PATIENCE if is_busy else 0.0)
        if self._has_warned or now < at:
            return None
        self._has_warned = True
        return Ask(self._phrases.time_warning)

    def _no_input(self, now: float) -> Wish | None:
        seconds = self._limits.no_input_seconds
        if not seconds or now < self._quiet_since + seconds or self._caller.may_have_spoken:
            return None
        if self._asked_after != self._caller.input_at:
            self._n_asked, self._asked_after = 0, self._caller.input_at
        if self._n_asked >= self._limits.no_input_prompts:
            return Leave(self._phrases.goodbye_silence, endings.NO_INPUT)
        self._n_asked += 1
        return Ask(self._phrases.still_there)

    def _over_at(self, started_at: float) -> float:
        return started_at + self._limits.max_minutes * 60

    def _warning_at(self, started_at: float) -> float:
        return self._over_at(started_at) - self._limits.warning_seconds

    @property
    def _quiet_since(self) -> float:
        return max(self._agent_at, self._caller.input_at)


class _Caller:
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
        return self._since is not None

    @property
    def may_have_spoken(self) -> bool:
        return bool(self._untold)

    def speaks(self, now: float) -> None:
        if self._since is None:
            self._since = now

    def silent(self, now: float) -> None:
        if self._since is None:
            return
        turn = now, now - self._since
        self._since = None
        if self._words_are_told:
            self._untold.append(turn)
        else:
            self._input(now)

    def said(self, text: str | None, now: float) -> None:
        _, seconds = self._untold.popleft() if self._untold else (now, 0.0)
        words = _words(text or "")
        if words or text is None:
            self._input(now)
        else:
            self._wordless += seconds
        if words:
            self._said.append(words)

    def pressed(self, now: float) -> None:
        self._input(now)
        self._said.clear()

    def look(self, now: float) -> None:
        """Give up waiting for words."""
        while self._untold and self._untold[0][0] + WORDS_TIMEOUT <= now:
            self._input(self._untold.popleft()[0])

    def is_machine(self, now: float) -> bool:
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


class _Spending:
    """What the model's tokens add up to."""

    def __init__(self, limits: LimitsTable, prices: Prices | None) -> None:
        self._max_tokens = limits.max_tokens
        self._max_cost = limits.max_cost if prices is not None else None
        self._prices = prices
        self._n_tokens = 0
        self._dollars = 0.0
        self.reached_at: float | None = None

    def add(self, usage: TokenUsage, now: float) -> None:
        self._n_tokens += max(usage.total_tokens, usage.input_tokens + usage.output_tokens)
        if self._prices is not None:
            self._dollars += cost(usage, self._prices)
        too_many = self._max_tokens is not None and self._n_tokens >= self._max_tokens
        too_dear = self._max_cost is not None and self._dollars >= self._max_cost
        if self.reached_at is None and (too_many or too_dear):
            self.reached_at = now


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
