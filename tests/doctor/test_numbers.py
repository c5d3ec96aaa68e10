import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.doctor.account_check import check_account
from gateway.doctor.check import Finding, Outcome
from gateway.doctor.numbers import NumbersCheck, write_changes
from gateway.errors import TwilioRestError
from gateway.twilio.rest_account import TwilioAccount
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, Drop, FakeTwilioRest, Hang, Raw, Refuse
from tests.gateways import run
from tests.twilio.test_number_hooks import PUBLIC_URL, SET_UP

NUMBER, OTHER = "+15005550006", "+15005550007"


@contextlib.asynccontextmanager
async def api(*, token: str = AUTH_TOKEN) -> AsyncIterator[tuple[FakeTwilioRest, TwilioAccount]]:
    async with FakeTwilioRest() as twilio:
        async with TwilioAccount(ACCOUNT_SID, ACCOUNT_SID, token, url=twilio.url, timeout=0.5) as account:
            yield twilio, account
        assert twilio.faults == []


def ours(**changed: Any) -> dict[str, Any]:
    return {**vars(SET_UP), **changed}


def looked_at(numbers: dict[str, dict[str, Any]], **options: Any) -> Finding:
    async def scenario() -> Finding:
        async with api() as (twilio, account):
            for number, hooks in numbers.items():
                twilio.account.add_number(number, **hooks)
            return await NumbersCheck(account, PUBLIC_URL, **options).run()

    return run(scenario())


def test_those_that_lead_here_are_looked_at_and_no_others() -> None:
    finding = looked_at({NUMBER: ours(), OTHER: {}})

    assert (finding.outcome, finding.what) == ("ok", f"{NUMBER} leads here")


def test_the_only_number_is_looked_at_wherever_it_leads() -> None:
    finding = looked_at({NUMBER: {}})

    assert finding.outcome == "failed"
    assert "https://demo.twilio.com/welcome/voice/" in finding.what


def test_the_worst_of_several_counts_and_each_is_named() -> None:
    finding = looked_at({NUMBER: ours(), OTHER: ours(voice_method="GET")})

    assert finding.outcome == "failed"
    assert f"{NUMBER} leads here" in finding.what
    assert f"{OTHER}: the voice URL is asked with GET" in finding.what


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({}, "has no phone numbers"),
        ({NUMBER: {}, OTHER: {}}, f"none of the account's numbers leads here: {NUMBER}, {OTHER}"),
    ],
)
def test_an_account_without_a_number_that_leads_here_is_a_warning(
    numbers: dict[str, dict[str, Any]], words: str
) -> None:
    finding = looked_at(numbers)

    assert finding.outcome == "warning"
    assert words in finding.what
    assert "gateway setup" in finding.advice


def test_a_number_that_is_asked_for_must_be_there() -> None:
    finding = looked_at({NUMBER: ours()}, only=(OTHER,))

    assert (finding.outcome, finding.what) == ("failed", f"{OTHER} is none of the account's numbers")


def test_a_number_to_call_from_that_is_not_the_accounts_is_a_warning() -> None:
    assert looked_at({NUMBER: ours()}, outbound_number=OTHER).outcome == "warning"
    assert looked_at({NUMBER: ours()}, outbound_number=NUMBER).outcome == "ok"
    assert looked_at({NUMBER: ours(), OTHER: {}}, only=(NUMBER,), outbound_number=OTHER).outcome == "ok"


def test_an_application_is_read_and_one_that_is_gone_takes_the_calls_away() -> None:
    async def scenario() -> tuple[Finding, Finding]:
        async with api() as (twilio, account):
            sid = twilio.account.add_application(
                **{name: value for name, value in ours().items() if not name.endswith("_sid")}
            )
            number = twilio.account.add_number(NUMBER, voice_application_sid=sid)
            there = await NumbersCheck(account, PUBLIC_URL).run()
            number["voice_application_sid"] = "AP" + 32 * "f"
            return there, await NumbersCheck(account, PUBLIC_URL).run()

    there, gone = run(scenario())

    assert (there.outcome, "by application" in there.what) == ("ok", True)
    assert (gone.outcome, "application AP" in gone.what) == ("failed", True)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Refuse(401, 20003)], "credentials"),
        ([Refuse(429, 20429)] * 2, "too many requests"),
        ([Raw(500)] * 2, "Twilio has trouble"),
        ([Drop()] * 2, "broke"),
        ([Hang()], "in time"),
    ],
)
def test_a_twilio_that_does_not_tell_is_a_failure_with_advice(steps: list[Any], words: str) -> None:
    async def scenario() -> Finding:
        async with api() as (twilio, account):
            twilio.script.extend(steps)
            return await NumbersCheck(account, PUBLIC_URL).run()

    finding = run(scenario())

    assert finding.outcome == "failed"
    assert words in finding.what
    assert finding.advice


def test_what_twilio_does_not_keep_is_found_when_it_is_read_back() -> None:
    async def scenario() -> list[str]:
        async with api() as (twilio, account):
            twilio.account.add_number(NUMBER)
            check = NumbersCheck(account, PUBLIC_URL)
            await check.run()
            (verdict,) = check.verdicts
            twilio.account.forgets = {"status_callback"}
            left = await write_changes(account, verdict.number, verdict.changes)
            return [each.name for each in left]

    assert run(scenario()) == ["status_callback"]


@pytest.mark.parametrize(
    ("tokens", "status", "kind", "outcome", "words"),
    [
        ([AUTH_TOKEN], "active", "Full", "ok", "active"),
        ([AUTH_TOKEN], "active", "Trial", "warning", "trial"),
        ([AUTH_TOKEN], "suspended", "Full", "failed", "suspended"),
        (["old"], "active", "Full", "failed", "every webhook of Twilio's will be refused"),
        (["old", AUTH_TOKEN], "active", "Full", "warning", "1 of 2 auth tokens"),
    ],
)
def test_the_account_is_asked_for_with_every_token(
    tokens: list[str], status: str, kind: str, outcome: Outcome, words: str
) -> None:
    async def scenario() -> Finding:
        async with FakeTwilioRest() as twilio, contextlib.AsyncExitStack() as stack:
            twilio.account.status, twilio.account.type = status, kind
            clients = [TwilioAccount(ACCOUNT_SID, ACCOUNT_SID, each, url=twilio.url) for each in tokens]
            for client in clients:
                await stack.enter_async_context(client)
            return await check_account(clients)

    finding = run(scenario())

    assert finding.outcome == outcome
    assert words in finding.what


@pytest.mark.parametrize(
    ("steps", "outcome", "words"),
    [
        ([Refuse(404, 20404)], "failed", "knows no such account"),
        ([Raw(502)] * 2, "failed", "Twilio has trouble"),
    ],
)
def test_an_account_that_cannot_be_asked_for_is_told_apart(
    steps: list[Any], outcome: Outcome, words: str
) -> None:
    async def scenario() -> Finding:
        async with api() as (twilio, account):
            twilio.script.extend(steps)
            return await check_account([account])

    finding = run(scenario())

    assert finding.outcome == outcome
    assert words in finding.what


def test_a_write_that_is_refused_is_an_error() -> None:
    async def scenario() -> None:
        async with api() as (twilio, account):
            twilio.account.add_number(NUMBER)
            check = NumbersCheck(account, "http://voice.example.com")
            await check.run()
            (verdict,) = check.verdicts
            with pytest.raises(TwilioRestError, match="an address is not accepted"):
                await write_changes(account, verdict.number, verdict.changes)

    run(scenario())
