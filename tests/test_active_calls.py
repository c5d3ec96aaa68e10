import asyncio

from gateway.active_calls import MAX_REMEMBERED, RESERVATION, TOKEN_LIFETIME, ActiveCalls, Refusal
from gateway.ending import DRAINED, HANGUP, Ending


class FakeCall:
    def __init__(self) -> None:
        self.ending: Ending | None = None

    def end(self, ending: Ending) -> None:
        self.ending = ending


def admitted(calls: ActiveCalls, call_sid: str, now: float) -> str:
    token = calls.admit(call_sid, now)
    assert isinstance(token, str)
    return token


def test_token_opens_one_stream_of_its_own_call_once() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    admitted(calls, "CA2", now=0.0)

    assert not calls.begin("CA2", token, FakeCall(), now=1.0)
    assert not calls.begin("CA3", token, FakeCall(), now=1.0)
    assert not calls.begin("CA1", "", FakeCall(), now=1.0)
    assert not calls.begin("CA1", "\ud800", FakeCall(), now=1.0)
    assert calls.begin("CA1", token, FakeCall(), now=1.0)
    assert not calls.begin("CA1", token, FakeCall(), now=1.0)
    assert len(calls) == 1


def test_token_expires_after_a_minute() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)

    assert not calls.begin("CA1", token, FakeCall(), now=TOKEN_LIFETIME)


def test_repeated_webhook_gets_the_same_token_even_when_the_stream_has_begun() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    assert calls.admit("CA1", now=1.0) == token
    calls.begin("CA1", token, FakeCall(), now=2.0)

    assert calls.admit("CA1", now=3.0) == token
    assert calls.n_taken(now=3.0) == 1


def test_webhook_replayed_after_the_call_or_long_into_it_is_refused() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), FakeCall(), now=0.0)

    assert calls.admit("CA1", now=TOKEN_LIFETIME + 1) is Refusal.REPLAYED
    calls.finish("CA1", HANGUP)
    assert calls.admit("CA1", now=TOKEN_LIFETIME + 2) is Refusal.REPLAYED
    assert calls.ending_of("CA1") == HANGUP


def test_webhook_replayed_right_after_a_short_call_is_refused() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), FakeCall(), now=0.0)
    calls.finish("CA1", HANGUP)

    assert calls.admit("CA1", now=1.0) is Refusal.REPLAYED


def test_no_more_calls_are_taken_than_the_limit_counting_those_that_are_expected() -> None:
    calls = ActiveCalls(2)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), FakeCall(), now=0.0)
    admitted(calls, "CA2", now=0.0)

    assert calls.is_full(now=1.0)
    assert calls.admit("CA3", now=1.0) is Refusal.BUSY


def test_place_of_a_stream_that_never_comes_is_given_away() -> None:
    calls = ActiveCalls(1)
    late = admitted(calls, "CA1", now=0.0)
    admitted(calls, "CA2", now=RESERVATION)

    assert not calls.begin("CA1", late, FakeCall(), now=RESERVATION + 1)


def test_late_stream_begins_if_there_is_still_room() -> None:
    calls = ActiveCalls(1)
    late = admitted(calls, "CA1", now=0.0)

    assert calls.begin("CA1", late, FakeCall(), now=RESERVATION + 1)


def test_draining_takes_no_new_calls_but_lets_expected_ones_begin() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    calls.draining = True

    assert calls.admit("CA2", now=1.0) is Refusal.DRAINING
    assert calls.begin("CA1", token, FakeCall(), now=1.0)


def test_ending_all_reaches_every_call() -> None:
    calls, live = ActiveCalls(5), FakeCall()
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), live, now=0.0)

    calls.end_all(DRAINED)

    assert live.ending == DRAINED


def test_waiting_ends_with_the_last_call() -> None:
    async def scenario() -> int:
        calls = ActiveCalls(5)
        await calls.wait_empty()
        calls.begin("CA1", admitted(calls, "CA1", now=0.0), FakeCall(), now=0.0)
        asyncio.get_running_loop().call_soon(calls.finish, "CA1", HANGUP)
        await calls.wait_empty()
        return len(calls)

    assert asyncio.run(scenario()) == 0


def test_finishing_a_call_that_never_began_changes_nothing() -> None:
    calls = ActiveCalls(5)
    calls.finish("CA1", HANGUP)

    assert calls.ending_of("CA1") is None


def test_memory_of_ended_calls_is_bounded() -> None:
    calls = ActiveCalls(5)
    for n in range(MAX_REMEMBERED + 1):
        sid = f"CA{n}"
        calls.begin(sid, admitted(calls, sid, now=float(n * 100)), FakeCall(), now=float(n * 100))
        calls.finish(sid, HANGUP)

    assert calls.ending_of("CA0") is None
    assert calls.ending_of("CA1") == HANGUP
    assert len(calls._admitted) <= 1
