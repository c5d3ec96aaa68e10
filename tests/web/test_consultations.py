"""What a person who is rung for a warm transfer hears, and what becomes of their keys."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest

from gateway.active_calls import ActiveCalls
from gateway.agent_limits import TransferTarget
from gateway.transfer import TransferOrder
from gateway.transfers import Transfers
from gateway.twilio.rest import TwilioRest
from gateway.web.consultations import Consultations
from gateway.web.signed import TwilioRequest
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, FakeTwilioRest, Hang
from tests.gateways import PUBLIC_URL, run, running
from tests.web.test_webhooks import FIELDS, post, signed

DESK = "+15005550011"


@dataclass
class Desk:
    """A gateway's transfers, a caller whom the agent wants to pass on, and the phones that are rung for them."""

    transfers: Transfers
    twilio: FakeTwilioRest
    caller_sid: str

    async def consult(
        self, *, caller: str = "+15005550001", summary: str = "About order 4712."
    ) -> str | None:
        """Ring the desk until it is settled; None if the caller was passed on."""
        target = TransferTarget(number=DESK, name="desk", mode="warm", ring_seconds=10)
        return await self.transfers.begin(
            TransferOrder(self.caller_sid, target, "+15005550006", caller, summary)
        )

    async def rung(self, n: int = 1) -> dict[str, str]:
        """Wait until the n-th phone rings; give the query of its addresses."""
        while len(placed := [each for each in self.twilio.requests if each.path.endswith("Calls.json")]) < n:
            await self.twilio.wait_for_request(len(self.twilio.requests) + 1)
        ((name, (value,)),) = parse_qs(urlsplit(dict(placed[n - 1].form)["Url"]).query).items()
        return {name: value}

    async def ask(self, path: str, query: dict[str, str], **form: str) -> str:
        """Ask a webhook about the person's line."""
        answer = Consultations(self.transfers).answers()[path]
        return bytes((await answer(TwilioRequest(form, query))).body).decode()


@contextlib.asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    async with (
        FakeTwilioRest() as twilio,
        TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=twilio.url, timeout=1.0) as rest,
        Transfers(PUBLIC_URL, ActiveCalls(5), rest) as transfers,
    ):
        yield Desk(transfers, twilio, twilio.add_call().sid)
    assert twilio.faults == []


def test_a_person_is_told_who_calls_about_what_and_asked_for_a_key() -> None:
    async def scenario() -> list[str]:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            tasks.create_task(at.consult(summary="<b> & \x00 order"))
            query = await at.rung()
            told = await at.ask("whisper", query)
            await at.ask("consulted", query, CallStatus="completed")
            return [told, urlsplit(ET.fromstring(told)[0].attrib["action"]).query, query["consultation"]]

    told, query, name = run(scenario())
    gather = ET.fromstring(told).find("Gather")
    assert gather is not None
    assert gather[0].text == "A call for you, from +15005550001. <b> &  order Press 1 to take it."
    assert gather.attrib["action"].startswith("https://voice.example.com/twilio/whispered?")
    assert parse_qs(query) == {"consultation": [name]}
    assert ET.fromstring(told)[-1].tag == "Hangup"


@pytest.mark.parametrize("caller", ["", "anonymous", "+266696687", "+7378742833"])
def test_a_caller_without_a_number_is_an_unknown_one(caller: str) -> None:
    async def scenario() -> str:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            tasks.create_task(at.consult(caller=caller))
            query = await at.rung()
            told = await at.ask("whisper", query)
            await at.ask("consulted", query, CallStatus="busy")
            return told

    assert "from an unknown number" in run(scenario())


def test_news_that_is_not_the_end_of_the_line_settles_nothing() -> None:
    async def scenario() -> None:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            consulting = tasks.create_task(at.consult())
            query = await at.rung()
            for status in ("initiated", "ringing", "in-progress"):
                await at.ask("consulted", query, CallStatus=status)
            assert "<Conference" in await at.ask("whispered", query, Digits="1")
            assert await consulting is None
            (document,) = at.twilio.calls[at.caller_sid].documents
            assert f">transfer-{at.caller_sid}</Conference>" in document

    run(scenario())


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("busy", "the line is busy"),
        ("no-answer", "nobody answered"),
        ("failed", "the call to them could not be made"),
        ("canceled", "the call to them could not be made"),
        ("completed", "they did not take the call"),
    ],
)
def test_the_end_of_the_line_says_why_the_caller_stays(status: str, why: str) -> None:
    async def scenario() -> str | None:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            consulting = tasks.create_task(at.consult())
            await at.ask("consulted", await at.rung(), CallStatus=status)
            outcome = await consulting
            assert len(at.twilio.requests) == 1  # nobody is called off
            return outcome

    assert run(scenario()) == why


def test_who_takes_the_call_and_leaves_before_the_caller_comes_leaves_nobody_alone() -> None:
    async def scenario() -> str | None:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            consulting = tasks.create_task(at.consult())
            query = await at.rung()
            await at.ask("whispered", query, Digits="1")
            await at.ask("consulted", query, CallStatus="completed")
            outcome = await consulting
            assert at.twilio.calls[at.caller_sid].documents == []
            return outcome

    assert run(scenario()) == "they hung up again"


def test_who_has_taken_the_call_is_called_off_if_the_caller_goes_before_they_meet() -> None:
    async def scenario() -> None:
        async with desk() as at:
            consulting = asyncio.create_task(at.consult())
            query = await at.rung()
            at.twilio.script.append(Hang())  # to the redirect
            assert "<Conference" in await at.ask("whispered", query, Digits="1")
            await at.twilio.wait_for_request(2)
            consulting.cancel()
            called_off = await at.twilio.wait_for_request(3)
            assert called_off.form == [("Status", "completed")]
            assert at.caller_sid not in called_off.path

    run(scenario())


def test_a_late_key_of_somebody_rung_before_takes_no_call() -> None:
    async def scenario() -> None:
        async with desk() as at, asyncio.TaskGroup() as tasks:
            first = tasks.create_task(at.consult())
            before = await at.rung(1)
            await at.ask("consulted", before, CallStatus="no-answer")
            assert await first == "nobody answered"
            second = tasks.create_task(at.consult())
            now = await at.rung(2)
            assert "<Hangup" in await at.ask("whispered", before, Digits="1")
            assert "<Hangup" in await at.ask("whisper", before)
            assert not second.done()
            await at.ask("consulted", now, CallStatus="busy")
            assert await second == "the line is busy"

    run(scenario())


@pytest.mark.parametrize("path", ["whisper", "whispered"])
def test_who_is_rung_for_nobody_is_hung_up_on(path: str) -> None:
    async def scenario() -> str:
        async with running() as at:
            fields = [*FIELDS, ("Digits", "1")]
            return (await post(at, f"/twilio/{path}?consultation=unknown", fields))[2]

    body = run(scenario())
    assert "<Hangup" in body
    assert "Conference" not in body


@pytest.mark.parametrize("path", ["whisper", "whispered", "consulted"])
def test_what_twilio_has_not_signed_is_refused(path: str) -> None:
    async def scenario() -> list[int]:
        async with running() as at:
            address = f"/twilio/{path}?consultation=one"
            other = signed(f"/twilio/{path}?consultation=two", FIELDS)
            answers = [await post(at, address, FIELDS, signature=each) for each in (None, "AAAA", other)]
            return [status for status, _, _ in answers]

    assert run(scenario()) == [403, 403, 403]
