"""Whole calls in which the caller is put through to another phone, with nobody told before: cold transfers by TwiML."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from structlog.testing import capture_logs

from gateway import last_words
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.steps import End
from tests.fakes import FakeSession
from tests.gateways import run
from tests.test_calls import ended_by, heard, tone
from tests.transfer_calls import (
    ACCOUNTS,
    DESK,
    RETURNS,
    Office,
    answer,
    call_tool,
    closed,
    events,
    greeted,
    office,
    output,
    transfer,
)

HELLO_MS = 200
Script = Callable[[Office, FakeSession], Coroutine[Any, Any, None]]


def call(
    folder: Path, script: Script, seconds: float = 2.5, *, status_url: str | None = None, **options: Any
) -> tuple[Outcome, RecordedCaller, list[str]]:
    """One call of somebody who was greeted, in which the model then does as the script says."""

    async def whole() -> tuple[Outcome, RecordedCaller, list[str]]:
        async with office(folder) as here:
            caller = here.caller(seconds, **options)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(
                    place_call(caller, connect_to=here.at.address, status_url=status_url)
                )
                await script(here, await greeted(here.model))
            await closed(here.model.sessions[0])
            assert len(here.model.sessions) == 1
            assert len(here.at.gateway.active_calls) == 0
            return placed.result(), caller, ended_by(here.at)

    outcome, caller, endings = run(whole())
    assert outcome.faults == {}
    return outcome, caller, endings


def heard_ms(caller: RecordedCaller) -> int:
    return len(heard(caller)) // 8


def test_the_caller_is_put_through_once_they_have_heard_it_announced(tmp_path: Path) -> None:
    documents = []

    async def scenario() -> None:
        async with office(tmp_path) as here:
            caller = here.caller(4.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=here.at.address))
                session = await greeted(here.model)
                await transfer(session, "accounts", announcement_ms=700)
            assert placed.result().end == End("transferred", ACCOUNTS)
            assert placed.result().faults == {}
            assert heard_ms(caller) == HELLO_MS + 700
            assert ended_by(here.at) == ["transfer"]

            documents.append(await here.ask("after", caller))  # Twilio may ask twice
            assert not session.closed.is_set()
            assert session.events("response.create")[1:] == []
            documents.append(await here.ask("transferred", caller, DialCallStatus="completed"))
            await closed(session)
            assert "<Dial" not in await here.ask("after", caller)

    run(scenario())
    dial = ET.fromstring(documents[0]).find("Dial")
    assert dial is not None
    assert dial.attrib == {
        "action": "https://voice.example.com/twilio/transferred",
        "method": "POST",
        "timeout": "17",
        "callerId": "+15005550006",
    }
    assert "<Hangup" in documents[1]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("busy", "the line is busy"),
        ("no-answer", "nobody answered"),
        ("failed", "the call to them could not be made"),
        ("canceled", "the call to them could not be made"),
    ],
)
def test_a_caller_whom_nobody_takes_is_back_with_the_agent_who_knows(
    tmp_path: Path, status: str, why: str
) -> None:
    said = []

    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, "accounts")
        said.append(await output(session))
        await answer(session, 1)

    outcome, caller, endings = call(tmp_path, script, dialled=lambda _: status)

    assert outcome.end == End("caller-hung-up")
    assert said == [f"accounts could not be reached: {why}. The caller is on the line with you."]
    assert heard_ms(caller) == HELLO_MS + 300 + 400
    assert len(events(outcome, "stream-started")) == 2
    assert sorted(endings) == ["hangup", "transfer"]


def test_the_agent_does_not_greet_a_caller_who_comes_back_nor_repeat_itself(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await session.say("item_say", tone(300), "I will connect you.")
        await asyncio.sleep(0.5)  # the caller hears it
        await session.open_response("resp_tool")
        await call_tool(session, "accounts")  # in a response that is not over when the stream is
        await output(session)
        await answer(session, 1)
        await asyncio.sleep(0.5)  # time for an answer too many
        assert len(session.events("response.create")) == 2

    outcome, caller, _ = call(tmp_path, script, dialled=lambda _: "busy")

    assert outcome.end == End("caller-hung-up")
    assert heard_ms(caller) == HELLO_MS + 300 + 400


@pytest.mark.parametrize("path", ["status", "transferred"])
def test_a_caller_who_hangs_up_while_it_rings_leaves_nothing_behind(tmp_path: Path, path: str) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            caller = here.caller(4.0)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(place_call(caller, connect_to=here.at.address))
                session = await greeted(here.model)
                await transfer(session, "accounts")
            assert not session.closed.is_set()
            await here.ask(path, caller, CallStatus="completed", DialCallStatus="no-answer")
            await closed(session)
            assert session.events("response.create")[1:] == []
            assert "<Dial" not in await here.ask("after", caller)

    run(scenario())


def test_a_caller_who_never_comes_back_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transfers.COMING_BACK", -16.5)

    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, "accounts")

    outcome, _, _ = call(tmp_path, script)  # which waits until the session is closed
    assert outcome.end == End("transferred", ACCOUNTS)


def test_nobody_is_transferred_before_it_was_announced(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await call_tool(session, "accounts", 1)
        assert "Tell the caller first" in await output(session, 1)
        await session.wait_for("response.create")
        await transfer(session, "accounts", 2)

    outcome, caller, _ = call(tmp_path, script, status_url="/twilio/status")

    assert outcome.end == End("transferred", ACCOUNTS)
    assert heard_ms(caller) == HELLO_MS + 300


class _Keys(RecordedCaller):
    """Presses a key once a second of the call is over."""

    def due(self, now: float) -> list[str]:
        began_at = self.timeline.started_at or now
        has_pressed = any(event.kind == "digit-sent" for event in self.timeline.events)
        keys = [] if has_pressed or now < began_at + 1.0 else self.press("2", now)
        return super().due(now) + keys


def test_a_key_that_asks_for_somebody_is_no_announcement(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path) as here:
            known = here.caller(4.0)
            caller = _Keys(known.recording, known.public_url, known.auth_token, known.identity, linger=0.3)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=here.at.address))
                session = await greeted(here.model)
                await session.say("item_menu", tone(300), "For accounts, press two.")
                await session.wait_for("conversation.item.create")
                await session.wait_for("response.create")
                await call_tool(session, "accounts")
                assert "Tell the caller first" in await output(session)
            assert placed.result().faults == {}

    run(scenario())


def test_what_comes_late_of_an_answer_that_was_cut_announces_nothing(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await session.begin("item_cut")
        await session.speak("item_cut", tone(3000))
        await asyncio.sleep(0.4)
        await session.send(
            {"type": "input_audio_buffer.speech_started", "item_id": "item_no", "audio_start_ms": 900}
        )
        await session.speak("item_cut", tone(400))
        await session.finish("item_cut", status="cancelled")
        await session.speech_stopped(1500, "No, accounts!", item_id="item_no")
        await call_tool(session, "accounts")
        assert "Tell the caller first" in await output(session)

    outcome, _, _ = call(tmp_path, script)
    assert outcome.end == End("caller-hung-up")


def test_a_caller_who_speaks_over_the_announcement_stays(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, "accounts", announcement_ms=3000)
        await asyncio.sleep(0.4)
        await session.speech_started(1000, item_id="item_wait")
        assert "spoke over the announcement" in await output(session)

    outcome, caller, endings = call(tmp_path, script)

    assert outcome.end == End("caller-hung-up")
    assert heard_ms(caller) < HELLO_MS + 2000
    assert events(outcome, "dialled") == []
    assert endings == ["hangup"]


@pytest.mark.parametrize("to", ["+15005550099", ACCOUNTS, "sales", "", "accounts; desk"])
def test_whom_the_agent_may_not_transfer_to_is_not_dialled(tmp_path: Path, to: str) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, to)
        assert await output(session) == "Nobody of that name. You can transfer to: accounts, returns, desk."

    outcome, _, _ = call(tmp_path, script)
    assert outcome.end == End("caller-hung-up")
    assert events(outcome, "dialled") == []


def test_the_model_is_told_names_and_never_numbers(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        (tool,) = session.config["tools"]
        assert tool["name"] == "transfer_call"
        assert "accounts (Invoices.); returns; desk" in tool["description"]
        assert "+1500" not in str(session.config)

    call(tmp_path, script, 1.0)


def test_a_call_can_be_transferred_again_after_it_was_in_vain(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, "accounts", 1)
        await output(session, 1)
        await session.wait_for("response.create")
        await call_tool(session, "returns", 2)  # the caller knows nothing of it
        assert "Tell the caller first" in await output(session, 2)
        await session.wait_for("response.create")
        await transfer(session, "Returns", 3)

    outcome, caller, endings = call(
        tmp_path, script, status_url="/twilio/status", dialled={ACCOUNTS: "busy"}.get
    )

    assert outcome.end == End("transferred", RETURNS)
    assert events(outcome, "dialled") == [ACCOUNTS, RETURNS]
    assert heard_ms(caller) == HELLO_MS + 300 + 300
    assert endings == ["transfer"]


def test_of_two_transfers_at_once_the_first_counts(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await session.begin("item_say")
        await session.speak("item_say", tone(300))
        await session.finish_item("item_say", "I will connect you.")
        await call_tool(session, "accounts", 1)
        await call_tool(session, "returns", 2)
        await session.close_response()
        assert await output(session, 2) == "A transfer is under way already."
        assert "the line is busy" in await output(session, 1)
        await answer(session, 1)

    outcome, caller, _ = call(tmp_path, script, dialled=lambda _: "busy")

    assert events(outcome, "dialled") == [ACCOUNTS]
    assert heard_ms(caller) == HELLO_MS + 300 + 400


class _NoMarks(RecordedCaller):
    """At Twilio, marks are lost."""

    def due(self, now: float) -> list[str]:
        return [each for each in super().due(now) if '"event":"mark"' not in each.replace(" ", "")]


def test_an_announcement_that_is_never_confirmed_does_not_keep_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_words, "PATIENCE", 0.2)

    async def scenario() -> None:
        async with office(tmp_path) as here:
            known = here.caller(5.0)
            caller = _NoMarks(known.recording, known.public_url, known.auth_token, known.identity, linger=0.3)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(
                    place_call(caller, connect_to=here.at.address, status_url="/twilio/status")
                )
                await transfer(await greeted(here.model), "accounts", announcement_ms=500)
            assert placed.result().end == End("transferred", ACCOUNTS)
            assert heard_ms(caller) == HELLO_MS + 500

    run(scenario())


def test_a_caller_who_comes_back_while_we_drain_is_a_call_that_was_going_on(tmp_path: Path) -> None:
    async def script(here: Office, session: FakeSession) -> None:
        here.at.gateway.active_calls.draining = True
        await transfer(session, "accounts")
        assert "the line is busy" in await output(session)
        await answer(session, 1)

    outcome, caller, _ = call(tmp_path, script, 3.0, dialled=lambda _: "busy")

    assert outcome.end == End("caller-hung-up")
    assert not any("pause" in taken for taken in events(outcome, "twiml-taken"))
    assert heard_ms(caller) == HELLO_MS + 300 + 400


def test_without_rest_credentials_a_warm_transfer_is_a_cold_one(tmp_path: Path) -> None:
    async def script(_: Office, session: FakeSession) -> None:
        await transfer(session, "desk", summary="Wants a refund.")

    with capture_logs() as lines:
        outcome, _, endings = call(tmp_path, script, status_url="/twilio/status")

    assert outcome.end == End("transferred", DESK)
    assert endings == ["transfer"]
    (warning,) = [line for line in lines if line["log_level"] == "warning"]
    assert warning["event"] == "no warm transfer without TWILIO_ACCOUNT_SID"
