"""Whole calls in which a person is rung and told first what it is about, while the caller stays with the agent."""

import asyncio
from pathlib import Path

import pytest
import structlog

from gateway.loadtest.place import Outcome
from gateway.loadtest.steps import End
from tests.fake_phone_company import Answers
from tests.fake_session import FakeSession
from tests.fake_twilio_rest import Form, Refuse
from tests.gateways import run
from tests.test_calls import ended_by, heard, tone
from tests.transfer_calls import (
    DESK,
    Office,
    answer,
    closed,
    events,
    greeted,
    hang_up,
    office,
    output,
    person,
    transfer,
)

SUMMARY = "Mr Canary wants his money back."


def orders(here: Office) -> list[dict[str, str]]:
    """The forms of the calls that were placed."""
    return [dict(each.form) for each in here.rest.requests if each.path.endswith("/Calls.json")]


def called_off(here: Office) -> list[str]:
    """The CallSids of the calls that were ended over REST."""
    ended = [each for each in here.rest.requests if ("Status", "completed") in each.form]
    return [each.path.rpartition("/")[2].removesuffix(".json") for each in ended]


def person_sid(here: Office) -> str:
    """The call that the first request has placed."""
    (sid,) = [sid for sid, call in here.rest.calls.items() if call.order == here.rest.requests[0].form]
    return sid


def test_who_takes_the_call_meets_the_caller_and_nobody_else_learns_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            here.company.answers = person("1")
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller, status_url="/twilio/status"))
                session = await greeted(here.model)
                await transfer(session, "desk", summary=SUMMARY)
            await closed(session)
            here.company.talk_is_over.set()
            room = f"conference transfer-{caller.identity.call_sid}"
            assert placed.result().end == End("transferred", room)
            assert placed.result().faults == {}
            assert events(placed.result(), "call-changed") == ["redirected"]
            (rung,) = here.company.rung
            assert (rung.end, rung.faults) == (End("transferred", room), {})
            assert events(rung, "verb-skipped") == [
                f"Say A call for you, from +15005550001. {SUMMARY} Press 1 to take it."
            ]
            (order,) = orders(here)
            assert (order["To"], order["From"], order["Timeout"]) == (DESK, "+15005550006", "12")
            assert order["Url"].startswith("https://voice.example.com/twilio/whisper?")
            assert "MachineDetection" not in order
            assert called_off(here) == []
            assert ended_by(here.at) == ["transfer"]

    with structlog.testing.capture_logs() as logs:
        run(scenario())
    assert any(entry["event"] == "transfer" for entry in logs)
    assert "Canary" not in str(logs)
    assert "+15005550001" not in str(logs)


def stays(
    folder: Path, answers: Answers, why: str, *, refusal: Refuse | None = None, n_called_off: int = 0
) -> Outcome:
    """A call whose caller nobody takes."""

    async def scenario() -> Outcome:
        async with office(folder, with_rest=True) as here:
            here.company.answers = answers
            if refusal is not None:
                here.rest.script.append(refusal)
            caller = here.caller(3.5)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await greeted(here.model)
                await transfer(session, "desk", summary=SUMMARY)
                expected = f"desk could not be reached: {why}. The caller is on the line with you."
                assert await output(session) == expected
                await answer(session, 1)
            await closed(session)
            assert placed.result().end == End("caller-hung-up")
            assert placed.result().faults == {}
            assert len(events(placed.result(), "stream-started")) == 1
            assert len(heard(caller)) == (200 + 300 + 400) * 8
            assert ended_by(here.at) == ["hangup"]
            assert len(called_off(here)) == n_called_off
            return here.company.rung[0] if here.company.rung else placed.result()

    return run(scenario())


@pytest.mark.parametrize("keys", ["2", "*", ""])
def test_who_does_not_press_the_key_is_hung_up_on_and_the_caller_stays(tmp_path: Path, keys: str) -> None:
    rung = stays(tmp_path, person(keys), "they did not take the call")
    assert rung.end.reason == "gateway-hung-up"


@pytest.mark.parametrize(("status", "why"), [("busy", "the line is busy"), ("no-answer", "nobody answered")])
def test_the_caller_of_somebody_who_cannot_be_reached_stays(tmp_path: Path, status: str, why: str) -> None:
    answers: dict[str, Answers] = {"busy": lambda *_: "busy", "no-answer": lambda *_: "no-answer"}
    stays(tmp_path, answers[status], why)


@pytest.mark.parametrize("refusal", [Refuse(400, 21211), Refuse(400, 21215), Refuse(429, 20429)])
def test_a_dial_that_twilio_refuses_leaves_the_caller_with_the_agent(tmp_path: Path, refusal: Refuse) -> None:
    stays(tmp_path, person(), "the call to them could not be made", refusal=refusal)


async def ringing(here: Office) -> FakeSession:
    """Let the agent ring somebody who does not pick up."""
    here.rest.on_dial = None
    session = await greeted(here.model)
    await transfer(session, "desk", summary=SUMMARY)
    await here.rest.wait_for_request()
    return session


def test_the_agent_and_the_caller_go_on_talking_while_it_rings(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            caller = here.caller(3.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await ringing(here)
                await session.speech_started(2000, item_id="item_long")
                await session.speech_stopped(2300, "Will it take long?", item_id="item_long")
                await session.say("item_soon", tone(500), "Not long.")
            assert placed.result().faults == {}
            assert len(heard(caller)) == (200 + 300 + 500) * 8

    run(scenario())


def test_who_still_rings_when_the_caller_hangs_up_is_called_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await ringing(here)
                hang_up(caller)
                await here.rest.wait_for_request(2)
            await closed(session)
            assert called_off(here) == [person_sid(here)]
            assert placed.result().end == End("caller-hung-up")
            assert ended_by(here.at) == ["hangup"]

    run(scenario())


def test_who_begins_to_ring_after_the_caller_has_hung_up_is_called_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            may_answer = asyncio.Event()

            async def on_dial(_: str, __: Form) -> None:
                await may_answer.wait()

            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(here.company.call(caller))
                here.rest.on_dial = on_dial
                session = await greeted(here.model)
                await transfer(session, "desk")
                await here.rest.wait_for_request()
                hang_up(caller)
                await closed(session)
                may_answer.set()
                await here.rest.wait_for_request(2)
            assert called_off(here) == [person_sid(here)]

    run(scenario())


def test_who_does_not_decide_in_time_is_called_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.consultation.WHISPER_TIMEOUT", -11.7)

    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            caller = here.caller(3.0)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(here.company.call(caller))
                session = await ringing(here)
                assert "nobody answered" in await output(session)
                await answer(session, 1)
                await here.rest.wait_for_request(2)
            assert called_off(here) == [person_sid(here)]
            assert len(heard(caller)) == (200 + 300 + 400) * 8

    run(scenario())


def test_who_takes_the_call_of_somebody_who_hangs_up_is_not_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            place = here.rest.on_dial
            assert place is not None

            def on_dial(call_sid: str, form: Form) -> None:
                here.rest.script.append(Refuse(400, 21220))  # to the redirect
                place(call_sid, form)

            here.rest.on_dial = on_dial
            here.company.answers = person("1")
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller, status_url="/twilio/status"))
                session = await greeted(here.model)
                await transfer(session, "desk")
                await here.rest.wait_for_request(2)
                hang_up(caller)
                await here.rest.wait_for_request(3)
            await closed(session)
            assert called_off(here) == [person_sid(here)]
            assert placed.result().end == End("caller-hung-up")
            assert len(here.company.rung) == 1

    run(scenario())


def test_a_caller_whom_the_person_leaves_at_once_is_brought_back_to_the_agent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            change = here.rest.on_update
            assert change is not None

            async def on_update(call_sid: str, form: Form) -> None:
                if "Conference" in form["Twiml"]:  # in which they would be alone
                    (order,) = orders(here)
                    await here.tell(order["StatusCallback"], CallStatus="completed")
                else:
                    change(call_sid, form)

            here.rest.on_update = on_update
            here.company.answers = person("1")
            caller = here.caller(4.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(here.company.call(caller))
                session = await greeted(here.model)
                await transfer(session, "desk")
                assert "could not be reached" in await output(session)
                await answer(session, 1)
            assert placed.result().end == End("caller-hung-up")
            assert len(here.model.sessions) == 1
            assert len(heard(caller)) == (200 + 300 + 400) * 8
            assert sorted(ended_by(here.at)) == ["hangup", "transfer"]
            assert called_off(here) == []

    run(scenario())
