"""How many calls one caller may have, at once and in an hour. Withheld numbers: Twilio, "Incoming call" webhooks."""

import hashlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.agent_limits import MAX_CALLS_PER_HOUR, LimitsTable

MAX_CALLERS = 10_000
"""Callers remembered; beyond that the one who called longest ago is forgotten."""
HOUR = 3600.0

_PLACEHOLDERS = frozenset(
    {"266696687", "7378742833", "7378742883", "2562533", "8656696", "86282452253"}
)  # ANONYMOUS, RESTRICTED in two spellings, BLOCKED, UNKNOWN and UNAVAILABLE on a telephone's keys
_WITHHELD = frozenset({"anonymous", "restricted", "blocked", "unknown", "unavailable", "private"})


def is_withheld(caller: str) -> bool:
    """Whether a caller's number or address names nobody: empty, a word for that, or one spelt as digits."""
    address = caller.strip().casefold().partition("@")[0]
    user = address.rpartition(":")[2].removeprefix("+")
    return not user or user in _PLACEHOLDERS or user in _WITHHELD


@dataclass(frozen=True)
class _Call:
    call_sid: str
    at: float


class CallerLimits:
    """The calls of each caller, under a hash with a key that lives as long as this: no number is kept.

    ``is_going_on`` says whether a call, by CallSid, goes on or is expected. Callers who withhold their numbers are not
    told apart, and so never limited.
    """

    def __init__(self, is_going_on: Callable[[str], bool]) -> None:
        self._is_going_on = is_going_on
        self._key = secrets.token_bytes(32)
        self._callers: OrderedDict[bytes, deque[_Call]] = OrderedDict()

    def admit(self, call_sid: str, caller: str, limits: LimitsTable, now: float) -> bool:
        """Count a new call, unless it is one too many: then False, and it counts for nothing.

        Calls to agents without limits count for the limits of the others. ``now`` is in seconds.
        """
        if is_withheld(caller):
            return True
        key = self._hash(caller)
        calls = self._callers.get(key, deque(maxlen=MAX_CALLS_PER_HOUR))
        while calls and calls[0].at <= now - HOUR and not self._is_going_on(calls[0].call_sid):
            calls.popleft()
        others = [call for call in calls if call.call_sid != call_sid]
        n_live = sum(self._is_going_on(call.call_sid) for call in others)
        n_begun = sum(call.at > now - HOUR for call in others)
        if _reached(n_live, limits.calls_at_once) or _reached(n_begun, limits.calls_per_hour):
            return False
        if len(others) == len(calls):  # else the webhook is repeated
            calls.append(_Call(call_sid, now))
        self._callers[key] = calls
        self._callers.move_to_end(key)
        if len(self._callers) > MAX_CALLERS:
            self._callers.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._callers)

    def _hash(self, caller: str) -> bytes:
        return hashlib.blake2b(
            caller.strip().encode("utf-8", "surrogatepass"), key=self._key, digest_size=16
        ).digest()


def _reached(n: int, limit: int | None) -> bool:
    return limit is not None and n >= limit
