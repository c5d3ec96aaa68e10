"""What keeps a call from going on for ever: silence, machines, its length, its cost. Decides; a call acts on it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway import ending as endings
from gateway.agent_limits import LimitsTable, PhrasesTable
from gateway.caller_presence import CallerPresence
from gateway.ending import Ending
from gateway.prices import Prices
from gateway.realtime.usage import TokenUsage
from gateway.spending import Spending

MAX_LOOK = 0.5
"""Seconds until the next look, at most."""
QUIET_LOOK = 0.1
"""The same while something waits for a moment in which nobody speaks."""
PATIENCE = 10.0
"""Seconds in which the caller may finish before a call that is too long or too dear ends."""


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
        self.prices = prices
        """What the model's tokens cost; None where that is not known."""
        self._limits = limits
        self._phrases = phrases
        self._caller = CallerPresence(limits.max_machine_seconds, words_are_told=words_are_told)
        self._spending = Spending(limits, prices)
        self._started_at: float | None = None
        self._agent_at = 0.0
        """When the agent was last known to be active."""
        self._n_asked = 0
        self._asked_after = -math.inf
        """The caller's last input before the agent asked."""
        self._has_warned = limits.warning_seconds == 0
        self._has_left = False
        self._left_at = -math.inf
        self._texted_at = -math.inf

    def started(self, now: float) -> None:
        """Take note that the call begins, or that another media stream of it does; nothing is due before."""
        if self._started_at is None:
            self._started_at = now
        self._agent_at = now

    def resumed(self, now: float) -> None:
        """Take note that the call is watched again, after a while in which nobody asked what is due."""
        self._agent_at = now
        self._has_left = False

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

    def text_sent(self, now: float) -> None:
        """Take note that a text was put into the call, which says nothing of the caller, but wants an answer."""
        self._texted_at = now
        self._n_asked = 0

    def agent_spoke(self, now: float) -> None:
        """Take note that the model has made a response, which may be over before the next look."""
        self._agent_at = max(self._agent_at, now)

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
        if self._has_left:
            self._left_at = now
        if wish is not None:
            self._agent_at = now
        return wish

    def is_wanted(self, now: float) -> bool | None:
        """Whether there has been a sign of somebody since the last `Leave`: words, a key, a text put into the call.

        None while that is not known: a turn is going on, or its words are awaited.
        """
        self._caller.look(now)
        if max(self._caller.input_at, self._texted_at) > self._left_at:
            return True
        return None if self._caller.is_speaking or self._caller.may_have_spoken else False

    def stayed(self, now: float) -> None:
        """Take note that the agent's goodbye was not heard out, so that the call goes on after a `Leave`.

        That alone is no sign of somebody: after the next silence the agent says goodbye again.
        """
        self._has_left = False
        self._agent_at = now

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
