import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, TwilioRestError
from gateway.twilio.number_hooks import Change
from gateway.twilio.rest_account import AccountState, TwilioAccount
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, Drop, FakeTwilioRest, Hang, Raw, Refuse
from tests.gateways import run

NUMBER = "+15005550006"


@contextlib.asynccontextmanager
async def api(**options: Any) -> AsyncIterator[tuple[FakeTwilioRest, TwilioAccount]]:
    async with FakeTwilioRest() as twilio:
        async with TwilioAccount(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=twilio.url, **options) as account:
            yield twilio, account
        assert twilio.faults == []


def test_the_accounts_state_is_read() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.account.status, twilio.account.type = "suspended", "Trial"
            assert await account.state() == AccountState("suspended", "Trial")

    run(scenario())


def test_all_numbers_are_listed_over_several_pages() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            for n in range(450):
                twilio.account.add_number(f"+1500555{n:04}")
            numbers = await account.numbers()

            assert len({each.number for each in numbers}) == 450
            assert len(twilio.requests) == 3

    run(scenario())


def test_one_number_is_found_only_if_it_is_that_one() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.account.add_number(f"{NUMBER}9")  # Twilio finds parts of numbers too
            assert await account.numbers(NUMBER) == []
            twilio.account.add_number(NUMBER, voice_url="https://old.example.com/")
            (found,) = await account.numbers(NUMBER)
            assert (found.number, found.hooks.voice_url) == (NUMBER, "https://old.example.com/")

    run(scenario())


def test_a_change_is_written_field_by_field_and_an_empty_value_unsets() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            resource = twilio.account.add_number(NUMBER, trunk_sid="TK1")
            await account.change(
                resource["sid"],
                [Change("voice_url", "", "https://new.example.com/#rc=1"), Change("trunk_sid", "TK1", "")],
            )
            now = (await account.number(resource["sid"])).hooks

            assert (now.voice_url, now.trunk_sid) == ("https://new.example.com/#rc=1", "")
            assert sorted(twilio.requests[0].form) == [
                ("TrunkSid", ""),
                ("VoiceUrl", "https://new.example.com/#rc=1"),
            ]

    run(scenario())


def test_where_an_applications_calls_lead_is_read() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            sid = twilio.account.add_application(voice_url="https://app.example.com/")
            assert (await account.application(sid)).voice_url == "https://app.example.com/"

    run(scenario())


@pytest.mark.parametrize(
    ("step", "status", "code", "words"),
    [
        (Refuse(401, 20003), 401, 20003, "the credentials are wrong or lack a permission"),
        (Refuse(403, 20003), 403, 20003, "the credentials are wrong or lack a permission"),
        (Raw(404), 404, 0, "request not accepted"),
        (Raw(404, "[]", "application/json"), 404, 0, "request not accepted"),
    ],
)
def test_a_refused_list_tells_status_and_code(step: Refuse | Raw, status: int, code: int, words: str) -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.script.append(step)
            with pytest.raises(TwilioRestError, match=words) as caught:
                await account.numbers()

            assert (caught.value.status, caught.value.code) == (status, code)
            assert len(twilio.requests) == 1

    run(scenario())


@pytest.mark.parametrize("step", [Refuse(429, 20429), Raw(503), Drop()])
def test_a_list_is_asked_for_again_after_a_passing_failure(step: Refuse | Raw | Drop) -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.account.add_number(NUMBER)
            twilio.script.append(step)
            assert len(await account.numbers()) == 1
            assert len(twilio.requests) == 2

    run(scenario())


def test_a_twilio_that_hangs_is_given_up() -> None:
    async def scenario() -> None:
        async with api(timeout=0.5) as (twilio, account):
            twilio.script.append(Hang())
            with pytest.raises(TwilioRestError, match="did not answer in time"):
                await account.state()

    run(scenario())


@pytest.mark.parametrize("body", ["[]", "{}", '{"incoming_phone_numbers": [{"sid": "PN1"}]}', "<html>"])
def test_an_answer_that_is_no_list_of_numbers_is_an_error(body: str) -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.script.append(Raw(200, body, "application/json"))
            with pytest.raises(TwilioRestError):
                await account.numbers()

    run(scenario())


def test_what_is_no_sid_is_refused_before_anything_is_sent() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            for request in (account.number, account.application):
                with pytest.raises(LocalProtocolError):
                    await request("../Calls")
            with pytest.raises(LocalProtocolError):
                await account.change("PN1", [])
            assert twilio.requests == []

    run(scenario())
