"""The log of whole calls, down to DEBUG: every line says which call it is about, and nobody's secret or number."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from gateway.settings import Settings
from tests.fake_twilio_rest import Refuse
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, run, running
from tests.guarded_calls import Going, agents_file, guarded
from tests.test_calls import call, tone
from tests.test_keys import logged_as_in_production
from tests.transfer_calls import ACCOUNTS, DESK, closed, greeted, hang_up, office, output, transfer
from tests.web.test_webhooks import FIELDS, post

KEY = "sk-test"
NUMBER = re.compile(r"\+?1500555\d{4}")
OF_THE_PROCESS = {"draining"}
"""Lines that are about no call."""


def secrets(**more: str) -> tuple[str, ...]:
    """What the gateways of these tests know."""
    given: Any = {
        "public_url": PUBLIC_URL,
        "twilio_auth_token": AUTH_TOKEN,
        "openai_api_key": KEY,
        "_env_file": None,
        **more,
    }
    return Settings(**given).secrets


def checked(log: str, *more_secrets: str) -> list[dict[str, Any]]:
    """The lines of a log in which nothing stands that must not."""
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines
    assert NUMBER.findall(log) == []
    assert [secret for secret in (AUTH_TOKEN, KEY, *more_secrets) if secret in log] == []
    assert not any("token=" in line["event"] for line in lines)
    return lines


def about_no_call(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in lines if "call_sid" not in line and line["event"] not in OF_THE_PROCESS]


def test_transfers_that_fail_and_succeed_tell_no_number(tmp_path: Path) -> None:
    tokens: list[str] = []

    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            here.rest.script.append(Refuse(401, 20003))
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(here.company.call(caller, status_url="/twilio/status"))
                session = await greeted(here.model)
                tokens.extend(each.token for each in here.at.gateway.active_calls._admitted.values())
                await transfer(session, "desk", summary=f"Call back {DESK}")
                await output(session)
                await session.wait_for("response.create")
                await session.say("item_sorry", tone(100), "I am sorry.")
                await transfer(session, "accounts", 2)
            await closed(session)

    with logged_as_in_production(secrets()) as logged:
        run(scenario())

    lines = checked(logged.getvalue(), *tokens)
    assert tokens
    assert about_no_call(lines) == []
    assert {"voice webhook", "call started", "transfer", "call ended"} <= {line["event"] for line in lines}


def test_caller_who_hangs_up_in_a_transfer_leaves_no_number(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office(tmp_path, with_rest=True) as here:
            here.rest.script.append(Refuse(400, 21220))
            caller = here.caller(6.0)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(here.company.call(caller))
                session = await greeted(here.model)
                await transfer(session, "accounts")
                await output(session)
                hang_up(caller)
            await closed(session)

    with logged_as_in_production(secrets()) as logged:
        run(scenario())

    assert about_no_call(checked(logged.getvalue(), ACCOUNTS)) == []


def test_provider_that_repeats_our_key_does_not_get_it_into_the_log(short_apology: int) -> None:
    words = f"Incorrect API key provided: {KEY}, authorization Bearer {KEY}"

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        error = {"type": "invalid_request_error", "code": f"no_{KEY}", "message": words}
        await session.send({"type": "error", "event_id": "event_x", "error": error})
        await session.send({"type": "response.output_audio.delta", "delta": words})  # malformed
        await session.say("item_1", tone(100), f"My key is {KEY}.")
        session.drop()

    async def scenario() -> None:
        behaviours = [Behaviour(), Behaviour(handshake_status=401)]
        async with (
            FakeRealtimeServer(behaviours, api_key=KEY) as model,
            running(realtime_url=model.url, openai_api_key=KEY) as at,
        ):
            await call(at, model, script, 4.0)
            await at.gateway.active_calls.wait_empty()

    with logged_as_in_production(secrets()) as logged:
        run(scenario())

    lines = checked(logged.getvalue())
    assert short_apology > 0
    assert about_no_call(lines) == []
    events = {line["event"] for line in lines}
    assert {"model error", "model session lost", "no model session any more"} <= events
    assert any("[secret]" in str(line.get("code")) for line in lines)


def test_webhook_that_is_refused_says_who_sent_it_and_nothing_of_what_it_says() -> None:
    async def scenario() -> None:
        async with running() as at:
            await post(at, "/twilio/voice", [*FIELDS, ("To", "+15005550006")], signature=AUTH_TOKEN)

    with logged_as_in_production(secrets()) as logged:
        run(scenario())

    (line,) = (
        line
        for line in checked(logged.getvalue())
        if line["event"] == "webhook refused: not signed by Twilio"
    )
    assert (line["path"], line["client"]) == ("/twilio/voice", "127.0.0.1")


def test_keys_and_words_of_the_caller_are_not_logged(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        going.caller.keys = [*"730916", "#"]
        assert await going.asked() == ""
        await going.session.say("item_1", tone(200), "You are at the wrong counter.")
        await going.all_heard()

    with logged_as_in_production(secrets()) as logged:
        guarded(script, agents_file(tmp_path), 2.0)

    lines = checked(logged.getvalue(), "730916", "wrong counter")
    assert about_no_call(lines) == []
