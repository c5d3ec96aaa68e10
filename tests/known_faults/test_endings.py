"""What is left of a call when it is over, and what must not end one."""

import asyncio

import pytest

from gateway import answering
from gateway.loadtest.live_stream import HangUp
from gateway.loadtest.place import place_call
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run, running
from tests.web.test_webhooks import post

PATIENCE = 5.0
"""Seconds; a session that waits for the caller to come back is kept longer."""


async def call_and_session_end(
    end: HangUp, *, behaviour: Behaviour | None = None, is_reported: bool = False
) -> None:
    """One call; return when the model's session was closed, with the gateway still up.

    Raises:
        TimeoutError: it was not.
    """
    async with FakeRealtimeServer(behaviour) as model, running(realtime_url=model.url) as at:
        caller = at.caller(0.4)
        await place_call(caller, connect_to=at.address, end=end)
        if is_reported:
            await at.gateway.active_calls.wait_empty()  # the line is known to be lost
            over = [("CallSid", caller.identity.call_sid), ("CallStatus", "completed")]
            assert (await post(at, "/twilio/status", over))[0] == 204
        session = await model.session()
        async with asyncio.timeout(PATIENCE):
            await session.closed.wait()
        assert model.faults == []


@pytest.mark.parametrize("end", ["reset", "close"])
def test_session_of_a_caller_who_vanished_is_closed_when_twilio_says_that_the_call_is_over(
    end: HangUp,
) -> None:
    """Fault 27."""
    run(call_and_session_end(end, is_reported=True))


@pytest.mark.parametrize("end", ["reset", "close"])
def test_session_of_a_caller_who_vanished_is_closed_in_the_end_though_nobody_says_so(
    end: HangUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 27."""
    monkeypatch.setattr(answering, "ANOTHER_STREAM", 0.3)
    run(call_and_session_end(end))


@pytest.mark.parametrize("behaviour", [Behaviour(), Behaviour(confirms=False), Behaviour(greets=False)])
def test_session_of_a_caller_who_hung_up_is_closed_at_once_even_while_it_is_being_opened(
    behaviour: Behaviour,
) -> None:
    """Fault 27."""
    run(call_and_session_end("stop", behaviour=behaviour))


def test_twilio_is_not_expected_to_answer_pings() -> None:
    """Fault 34. Media that stays away ends a call: see the table."""

    async def scenario() -> float | None:
        async with running() as at:
            return at.gateway.server().config.ws_ping_interval

    assert run(scenario()) is None
