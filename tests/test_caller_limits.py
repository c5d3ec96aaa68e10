import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent_limits import LimitsTable
from gateway.caller_limits import MAX_CALLERS, CallerLimits, is_withheld

ANN, BEN = "+15005550001", "+15005550002"
NONE = LimitsTable()


def at_once(n: int) -> LimitsTable:
    return LimitsTable(calls_at_once=n)


def per_hour(n: int) -> LimitsTable:
    return LimitsTable(calls_per_hour=n)


class Callers:
    """Limits, and the calls that go on."""

    def __init__(self) -> None:
        self.live: list[str] = []
        self.limits = CallerLimits(self.live.__contains__)
        self._n_calls = 0

    def call(self, caller: str, limits: LimitsTable, now: float, *, stays: bool = True) -> bool:
        """Begin a call, which goes on if ``stays``."""
        self._n_calls += 1
        call_sid = f"CA{self._n_calls}"
        is_admitted = self.limits.admit(call_sid, caller, limits, now)
        if is_admitted and stays:
            self.live.append(call_sid)
        return is_admitted


def test_caller_has_so_many_calls_at_once_and_no_more() -> None:
    callers = Callers()

    begun = [callers.call(ANN, at_once(2), now) for now in (0.0, 1.0, 2.0)]
    callers.live.pop()

    assert begun == [True, True, False]
    assert callers.call(ANN, at_once(2), 4.0)
    assert not callers.call(ANN, at_once(2), 5.0)


def test_hour_is_counted_from_each_call_and_what_was_refused_does_not_count() -> None:
    callers = Callers()
    times = (0.0, 1800.0, 2000.0, 3599.9, 3600.0, 3601.0, 5400.0)

    begun = [callers.call(ANN, per_hour(2), now, stays=False) for now in times]

    assert begun == [True, True, False, False, True, False, True]


def test_callers_do_not_count_for_each_other() -> None:
    callers = Callers()

    assert [callers.call(caller, at_once(1), 0.0) for caller in (ANN, BEN, ANN)] == [True, True, False]


def test_a_webhook_that_is_repeated_is_one_call() -> None:
    callers = CallerLimits({"CA1"}.__contains__)
    limits = LimitsTable(calls_at_once=1, calls_per_hour=1)

    assert [callers.admit("CA1", ANN, limits, now) for now in (0.0, 1.0)] == [True, True]
    assert not callers.admit("CA2", ANN, limits, 2.0)


def test_calls_to_an_agent_without_limits_count_for_one_with_them() -> None:
    callers = Callers()

    assert all(callers.call(ANN, NONE, 0.0) for _ in range(3))
    assert not callers.call(ANN, at_once(3), 1.0)
    assert not callers.call(ANN, per_hour(3), 1.0)
    assert callers.call(ANN, LimitsTable(calls_at_once=4, calls_per_hour=4), 1.0)


@pytest.mark.parametrize(
    "caller",
    ["", "  ", "+", "anonymous", "Anonymous", "RESTRICTED", "unknown", "client:Anonymous", "sip:", "sip:@example.com",
     "sip:anonymous@anonymous.invalid", "+266696687", "266696687", "+7378742833", "+7378742883", "+2562533", "+8656696",
     "+86282452253", "sip:+266696687@example.com"],
)  # fmt: skip
def test_callers_who_withhold_their_number_are_never_taken_for_one(caller: str) -> None:
    callers = Callers()

    assert is_withheld(caller)
    assert all(callers.call(caller, LimitsTable(calls_at_once=1, calls_per_hour=1), 0.0) for _ in range(5))
    assert len(callers.limits) == 0


@pytest.mark.parametrize(
    "caller", [ANN, "client:joe", "sip:joe@example.com", "whatsapp:+15005550001", "\ud800"]
)
def test_callers_who_can_be_told_apart_are_limited(caller: str) -> None:
    callers = Callers()

    assert not is_withheld(caller)
    assert [callers.call(caller, at_once(1), 0.0) for _ in range(2)] == [True, False]


def test_a_call_of_many_hours_is_still_one() -> None:
    callers = Callers()
    callers.call(ANN, NONE, 0.0)

    assert not callers.call(ANN, at_once(1), 9000.0)
    assert callers.call(ANN, per_hour(1), 9000.0)


def test_callers_remembered_are_bounded_and_who_called_last_is_kept() -> None:
    callers = Callers()
    for caller in (ANN, BEN, ANN):
        callers.call(caller, NONE, 0.0, stays=False)
    for n in range(MAX_CALLERS - 1):
        callers.call(f"+1600{n:07}", NONE, 1.0, stays=False)

    assert len(callers.limits) == MAX_CALLERS
    assert not callers.call(ANN, per_hour(1), 2.0)
    assert callers.call(BEN, per_hour(1), 2.0)


def test_no_number_is_kept_in_clear() -> None:
    one, other = Callers(), Callers()
    for callers in (one, other):
        callers.call(ANN, NONE, 0.0)

    assert ANN[1:] not in repr(vars(one.limits))
    assert list(one.limits._callers) != list(other.limits._callers)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([ANN, BEN]), st.booleans(), st.integers(0, 2000)), min_size=1, max_size=60
    )
)
def test_no_caller_is_ever_beyond_a_limit(steps: list[tuple[str, bool, int]]) -> None:
    live: dict[str, str] = {}
    callers, limits = CallerLimits(live.__contains__), LimitsTable(calls_at_once=2, calls_per_hour=3)
    begun: list[tuple[str, float]] = []
    now = 0.0
    for n, (caller, begins, seconds) in enumerate(steps):
        now += seconds
        if begins and callers.admit(f"CA{n}", caller, limits, now):
            live[f"CA{n}"] = caller
            begun.append((caller, now))
        elif not begins:
            live.pop(next((sid for sid, who in live.items() if who == caller), ""), None)

        assert list(live.values()).count(caller) <= 2
        assert sum(who == caller and at > now - 3600 for who, at in begun) <= 3
