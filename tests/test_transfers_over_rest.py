"""Whole calls in which the caller is put through to another phone over Twilio's REST API."""

import asyncio
import functools
from pathlib import Path

import pytest

from gateway.loadtest.steps import End
from gateway.twilio.rest import TwilioRest
from tests.fake_twilio_rest import Drop, Hang, Raw, Refuse
from tests.gateways import run
from tests.test_calls import ended_by, heard
from tests.transfer_calls import ACCOUNTS, answer, closed, events, greeted, hang_up, office, output, transfer


def test_the_call_is_redirected_once_the_announcement_was_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            caller = here.caller(3.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller, status_url="/twilio/status"))
                session = await greeted(here.model)
                await transfer(session, "accounts", announcement_ms=700)
            await closed(session)
            assert placed.result().end == End("transferred", ACCOUNTS)
            assert placed.result().faults == {}
            assert len(heard(caller)) == 900 * 8
            assert events(placed.result(), "call-changed") == ["redirected"]
            assert ended_by(here.at) == ["transfer"]
            (document,) = here.rest.calls[caller.identity.call_sid].documents
            assert 'timeout="17"' in document
            assert 'callerId="+15005550006"' in document

    run(scenario())


def test_a_caller_whom_nobody_takes_is_back_with_the_agent_who_knows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            caller = here.caller(3.0, dialled=lambda _: "busy")
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await greeted(here.model)
                await transfer(session, "accounts")
                assert "the line is busy" in await output(session)
                await answer(session, 1)
            await closed(session)
            assert len(here.model.sessions) == 1
            assert placed.result().end == End("caller-hung-up")
            assert len(heard(caller)) == (200 + 300 + 400) * 8
            assert sorted(ended_by(here.at)) == ["hangup", "transfer"]

    run(scenario())


@pytest.mark.parametrize(
    "trouble",
    [[Refuse(401, 20003)], [Raw(503), Raw(503)], [Drop(), Drop()], [Hang(), Hang()], [Raw(200, "no JSON")]],
)
def test_a_rest_api_that_fails_does_not_keep_the_caller_from_being_put_through(
    tmp_path: Path, trouble: list[Refuse | Raw | Drop | Hang], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.app.TwilioRest", functools.partial(TwilioRest, timeout=0.3))

    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            here.rest.script.extend(trouble)
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller, status_url="/twilio/status"))
                session = await greeted(here.model)
                await transfer(session, "accounts")
            await closed(session)
            assert placed.result().end == End("transferred", ACCOUNTS)
            assert placed.result().faults == {}
            assert events(placed.result(), "call-changed") == []
            assert len(heard(caller)) == (200 + 300) * 8
            assert ended_by(here.at) == ["transfer"]

    run(scenario())


def test_a_caller_who_has_hung_up_meanwhile_is_not_looked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            here.rest.script.append(Refuse(400, 21220))
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await greeted(here.model)
                await transfer(session, "accounts")
                await here.rest.wait_for_request()
                assert "the caller has hung up" in await output(session)
                hang_up(caller)
            await closed(session)
            assert placed.result().end == End("caller-hung-up")
            assert len(here.rest.requests) == 1
            assert ended_by(here.at) == ["hangup"]

    run(scenario())
