import pytest

from gateway.loadtest.ranking import Extremes, badness, was_answered
from gateway.loadtest.results import BargeIn, CallResult, Delivery, Turn
from tests.loadtest.runs import call

FROM_GOOD_TO_BAD = (
    call(turns=(Turn(2000, 400), Turn(5000, 700))),
    call(turns=(Turn(2000, 800),)),
    call(turns=(Turn(2000, 800),), delivery=Delivery(under_run_ms=40)),
    call(faults={"31950": 1}),
    call(turns=(Turn(2000, None),)),
    call(turns=(), barge_ins=(BargeIn(2000, None, None, 0),), delivery=Delivery(under_run_ms=10)),
    call(crosstalk=True),
    call(failed=True, outcome="stream-refused"),
)


def test_calls_are_ranked_by_what_their_callers_went_through() -> None:
    assert sorted(FROM_GOOD_TO_BAD, key=badness) == list(FROM_GOOD_TO_BAD)


@pytest.mark.parametrize("calls", [FROM_GOOD_TO_BAD, FROM_GOOD_TO_BAD[::-1]])
def test_best_and_worst_are_known_at_any_time(calls: tuple[CallResult, ...]) -> None:
    extremes = Extremes()

    taken = [extremes.take(each) for each in calls]

    assert (extremes.best, extremes.worst) == (FROM_GOOD_TO_BAD[0], FROM_GOOD_TO_BAD[-1])
    assert taken[0]
    assert taken[-1]


def test_call_between_the_two_is_not_wanted() -> None:
    extremes = Extremes()
    extremes.take(FROM_GOOD_TO_BAD[0])
    extremes.take(FROM_GOOD_TO_BAD[-1])

    assert not extremes.take(FROM_GOOD_TO_BAD[2])


def test_call_without_sound_is_neither() -> None:
    extremes = Extremes()

    assert not extremes.take(call(failed=True, n_frames=0))
    assert extremes.sids() == set()


def test_call_in_which_nobody_answered_is_no_example() -> None:
    assert not was_answered(call(turns=(Turn(2000, None),)))
    assert not was_answered(call(turns=()))
    assert was_answered(call())
