import asyncio

import pytest

from gateway.active_calls import (
    MAX_REMEMBERED,
    MAX_STREAMS,
    MAX_TEXT,
    RESERVATION,
    TOKEN_LIFETIME,
    ActiveCalls,
    Refusal,
)
from gateway.ending import DRAINED, HANGUP, MODEL_HANGUP, STREAM_LOST, SUPERSEDED, Ending
from tests.legs import EndedCall


def admitted(calls: ActiveCalls, call_sid: str, now: float) -> str:
    token = calls.admit(call_sid, now)
    assert isinstance(token, str)
    return token


def test_token_opens_one_stream_of_its_own_call_once() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    admitted(calls, "CA2", now=0.0)

    assert not calls.begin("CA2", token, EndedCall(), now=1.0)
    assert not calls.begin("CA3", token, EndedCall(), now=1.0)
    assert not calls.begin("CA1", "", EndedCall(), now=1.0)
    assert not calls.begin("CA1", "\ud800", EndedCall(), now=1.0)
    assert calls.begin("CA1", token, EndedCall(), now=1.0)
    assert not calls.begin("CA1", token, EndedCall(), now=1.0)
    assert len(calls) == 1


def test_token_expires_after_a_minute() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)

    assert not calls.begin("CA1", token, EndedCall(), now=TOKEN_LIFETIME)


def test_repeated_webhook_gets_the_same_token_even_when_the_stream_has_begun() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    assert calls.admit("CA1", now=1.0) == token
    calls.begin("CA1", token, EndedCall(), now=2.0)

    assert calls.admit("CA1", now=3.0) == token
    assert calls.n_taken(now=3.0) == 1


def test_webhook_replayed_after_the_call_or_long_into_it_is_refused() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)

    assert calls.admit("CA1", now=TOKEN_LIFETIME + 1) is Refusal.REPLAYED
    calls.finish("CA1", HANGUP)
    assert calls.admit("CA1", now=TOKEN_LIFETIME + 2) is Refusal.REPLAYED
    assert calls.ending_of("CA1") == HANGUP


def test_webhook_replayed_right_after_a_short_call_is_refused() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
    calls.finish("CA1", HANGUP)

    assert calls.admit("CA1", now=1.0) is Refusal.REPLAYED


def test_no_more_calls_are_taken_than_the_limit_counting_those_that_are_expected() -> None:
    calls = ActiveCalls(2)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
    admitted(calls, "CA2", now=0.0)

    assert calls.is_full(now=1.0)
    assert calls.admit("CA3", now=1.0) is Refusal.BUSY


def test_place_of_a_stream_that_never_comes_is_given_away() -> None:
    calls = ActiveCalls(1)
    late = admitted(calls, "CA1", now=0.0)
    admitted(calls, "CA2", now=RESERVATION)

    assert not calls.begin("CA1", late, EndedCall(), now=RESERVATION + 1)


def test_late_stream_begins_if_there_is_still_room() -> None:
    calls = ActiveCalls(1)
    late = admitted(calls, "CA1", now=0.0)

    assert calls.begin("CA1", late, EndedCall(), now=RESERVATION + 1)


def test_draining_takes_no_new_calls_but_lets_expected_ones_begin() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    calls.draining = True

    assert calls.admit("CA2", now=1.0) is Refusal.DRAINING
    assert calls.begin("CA1", token, EndedCall(), now=1.0)


def test_ending_all_reaches_every_call() -> None:
    calls, live = ActiveCalls(5), EndedCall()
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), live, now=0.0)

    calls.end_all(DRAINED)

    assert live.ending == DRAINED


def test_waiting_ends_with_the_last_call() -> None:
    async def scenario() -> int:
        calls = ActiveCalls(5)
        await calls.wait_empty()
        calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
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
        calls.begin(sid, admitted(calls, sid, now=float(n * 100)), EndedCall(), now=float(n * 100))
        calls.finish(sid, HANGUP)

    assert calls.ending_of("CA0") is None
    assert calls.ending_of("CA1") == HANGUP
    assert len(calls._admitted) <= 1


def again(calls: ActiveCalls, call_sid: str, now: float) -> str:
    token = calls.admit_again(call_sid, now)
    assert isinstance(token, str)
    return token


def test_a_call_whose_stream_was_lost_opens_another_with_a_token_of_its_own() -> None:
    calls = ActiveCalls(1)
    first = admitted(calls, "CA1", now=0.0)
    calls.begin("CA1", first, EndedCall(), now=0.0)
    calls.finish("CA1", STREAM_LOST)
    admitted(calls, "CA2", now=1.0)  # another takes the only place

    token = again(calls, "CA1", now=1.5)

    assert token != first
    assert calls.ending_of("CA1") is None
    assert not calls.begin("CA1", first, EndedCall(), now=2.0)
    assert calls.begin("CA1", token, EndedCall(), now=2.0)


def test_a_second_stream_beside_a_live_one_is_refused() -> None:
    calls = ActiveCalls(5)
    token = admitted(calls, "CA1", now=0.0)
    calls.begin("CA1", token, EndedCall(), now=0.0)

    assert calls.admit_again("CA1", now=1.0) is Refusal.REPLAYED
    assert not calls.begin("CA1", token, EndedCall(), now=1.0)


def test_a_line_that_keeps_breaking_is_given_up() -> None:
    calls = ActiveCalls(5)
    token: str | Refusal = admitted(calls, "CA1", now=0.0)
    n_streams = 0
    while isinstance(token, str):
        n_streams += 1
        calls.begin("CA1", token, EndedCall(), now=float(n_streams))
        calls.finish("CA1", STREAM_LOST)
        token = calls.admit_again("CA1", now=float(n_streams))

    assert token is Refusal.BROKEN
    assert n_streams == MAX_STREAMS


def test_whoever_asks_twice_how_a_call_goes_on_may_use_either_answer() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
    calls.finish("CA1", STREAM_LOST)

    tokens = {again(calls, "CA1", now=now) for now in (1.0, 2.0)}

    assert len(tokens) == 1
    assert calls.begin("CA1", tokens.pop(), EndedCall(), now=3.0)
    assert calls.n_taken(3.0) == 1


def test_whoever_asks_how_a_call_goes_on_and_never_comes_is_given_up() -> None:
    calls = ActiveCalls(5)
    answers = [calls.admit_again("CA1", now=float(n)) for n in range(MAX_STREAMS)]

    assert answers[-1] is Refusal.BROKEN


def test_a_drain_waits_until_twilio_has_asked_about_those_whom_we_have_left() -> None:
    async def scenario() -> None:
        calls = ActiveCalls(5)
        for call_sid in ("CA1", "CA2", "CA3"):
            calls.begin(call_sid, admitted(calls, call_sid, now=0.0), EndedCall(), now=0.0)
        calls.finish("CA1", MODEL_HANGUP)
        await calls.wait_answered()
        calls.draining = True
        calls.finish("CA2", HANGUP)  # there is nobody any more of whom to ask
        await calls.wait_answered()
        calls.finish("CA3", MODEL_HANGUP)
        waiting = asyncio.ensure_future(calls.wait_answered())
        await asyncio.sleep(0)
        assert not waiting.done()
        calls.answered("CA3")
        await waiting

    asyncio.run(scenario())


def test_a_call_from_before_a_restart_needs_a_place() -> None:
    calls = ActiveCalls(1)
    again(calls, "CA1", now=0.0)

    assert calls.admit_again("CA2", now=1.0) is Refusal.BUSY


def test_a_drain_takes_another_stream_of_a_call_that_goes_on_until_all_must_end() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
    calls.draining = True
    calls.finish("CA1", STREAM_LOST)

    assert calls.admit_again("CA2", now=1.0) is Refusal.DRAINING
    assert calls.begin("CA1", again(calls, "CA1", now=1.0), EndedCall(), now=1.5)
    calls.end_all(DRAINED)
    calls.finish("CA1", DRAINED)
    assert calls.admit_again("CA1", now=2.0) is Refusal.DRAINING


def test_the_webhook_of_a_call_is_not_replayed_for_the_token_of_its_second_stream() -> None:
    calls = ActiveCalls(5)
    calls.begin("CA1", admitted(calls, "CA1", now=0.0), EndedCall(), now=0.0)
    calls.finish("CA1", STREAM_LOST)
    token = again(calls, "CA1", now=1.0)

    assert calls.admit("CA1", now=2.0) is Refusal.REPLAYED
    assert calls.begin("CA1", token, EndedCall(), now=3.0)


def test_a_superseded_stream_has_ended_before_another_begins() -> None:
    async def scenario() -> Ending | None:
        calls, live = ActiveCalls(5), EndedCall()
        await calls.supersede("CA1", SUPERSEDED)  # nothing to supersede
        calls.begin("CA1", admitted(calls, "CA1", now=0.0), live, now=0.0)
        calls.begin("CA2", admitted(calls, "CA2", now=0.0), EndedCall(), now=0.0)
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, calls.finish, "CA2", HANGUP)
        loop.call_later(0.02, calls.finish, "CA1", SUPERSEDED)
        await calls.supersede("CA1", SUPERSEDED)
        assert calls.ending_of("CA1") == SUPERSEDED
        return live.ending

    assert asyncio.run(scenario()) == SUPERSEDED


def test_a_text_reaches_its_call_and_no_other() -> None:
    async def scenario() -> list[str]:
        calls, live = ActiveCalls(5), EndedCall()
        calls.begin("CA1", admitted(calls, "CA1", now=0.0), live, now=0.0)
        await calls.send_text("CA1", "We close in five minutes.")
        with pytest.raises(LookupError):
            await calls.send_text("CA2", "Hello?")
        for text in ("", "  ", "x" * (MAX_TEXT + 1)):
            with pytest.raises(ValueError, match="characters"):
                await calls.send_text("CA1", text)
        return live.texts

    assert asyncio.run(scenario()) == ["We close in five minutes."]
