"""Calls that do not run straight, over sockets: put through, lost, changed over REST, placed over REST."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.loadtest.place import Outcome
from gateway.loadtest.steps import End
from gateway.loadtest.timeline import Event, EventKind
from gateway.twilio.stream import State
from tests.fake_phone_company import Answers, FakePhoneCompany, NotReached
from tests.fake_twilio_rest import FakeTwilioRest
from tests.loadtest.calls import AUTH_TOKEN, CONNECT, HANG_UP, IDENTITY, PUBLIC_URL
from tests.loadtest.fake_gateway import (
    NO_STATUS,
    FakeGateway,
    call,
    patient_caller,
    quick_caller,
    up,
)

DIAL = b"<Response><Dial action='/twilio/dialled'>+15005550007</Dial></Response>"
PAUSE = b"<Response><Pause length='60'/></Response>"


def paths(gateway: FakeGateway) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in gateway.requests]


def test_a_busy_phone_brings_the_caller_back_to_the_gateway() -> None:
    gateway = FakeGateway(
        close_code=1000,
        twiml={"/twilio/voice": CONNECT, "/twilio/after": DIAL, "/twilio/dialled": CONNECT},
    )

    outcome = call(gateway, patient_caller(dialled=lambda _: "busy", hang_up_after=0.6))

    assert outcome.end == End("caller-hung-up")
    assert paths(gateway) == ["voice", "after", "dialled"]
    fields = gateway.requests[2][1]
    assert (fields["DialCallStatus"], fields["DialBridged"]) == ("busy", "false")
    assert (fields["CallStatus"], fields["CallSid"]) == ("in-progress", IDENTITY.call_sid)
    assert len(gateway.protocols) == 2


def test_a_pause_takes_its_time() -> None:
    gateway = FakeGateway(
        twiml={"/twilio/voice": b"<Response><Pause/><Redirect>/twilio/after</Redirect></Response>"}
    )
    gateway.twiml["/twilio/after"] = HANG_UP

    outcome = call(gateway, patient_caller())

    sent = [each.at for each in outcome.timeline.events if each.kind == "webhook-sent"]
    assert 1.0 <= sent[1] - sent[0] < 3.0


def test_a_caller_hangs_up_in_a_pause() -> None:
    outcome = call(FakeGateway(twiml={"/twilio/voice": PAUSE}), quick_caller(hang_up_after=0.1))

    assert outcome.end == End("caller-hung-up")


@pytest.mark.parametrize("stalls", [False, True])
def test_a_caller_can_be_hung_up_for_in_a_pause_or_while_a_webhook_is_not_answered(stalls: bool) -> None:
    caller = patient_caller()

    def hang_up_soon(event: Event) -> None:
        if event.kind == ("webhook-sent" if stalls else "twiml-taken"):
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, lambda: caller.hang_up(loop.time()))

    gateway = FakeGateway(twiml={"/twilio/voice": PAUSE}, stalls=stalls)
    assert call(gateway, caller, on_event=hang_up_soon).end == End("caller-hung-up")


def test_a_connection_that_breaks_is_followed_by_another_stream() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": CONNECT, "/twilio/after": CONNECT})

    outcome = call(gateway, patient_caller(breaks_at=(0.1, 0.3), hang_up_after=0.5))

    assert outcome.end == End("caller-hung-up")
    assert outcome.faults == {"31903": 2}
    assert paths(gateway) == ["voice", "after", "after"]
    assert len({each.stream_sid for each in gateway.protocols}) == 3
    assert [each.state for each in gateway.protocols] == [State.STREAMING, State.STREAMING, State.STOPPED]
    assert {*gateway.closes[:2]} <= {1006, None}
    assert gateway.closes[2] == NO_STATUS


def test_a_stream_given_up_without_a_word_stays_open_until_the_call_is_over() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": CONNECT, "/twilio/after": CONNECT})
    closed: list[int] = []

    outcome = call(
        gateway,
        patient_caller(half_open_at=0.1, hang_up_after=0.5),
        on_event=lambda event: closed.append(len(gateway.closes)) if event.kind == "ended" else None,
    )

    assert outcome.end == End("caller-hung-up")
    assert paths(gateway) == ["voice", "after"]
    assert closed == [0]
    assert [each.state for each in gateway.protocols] == [State.STREAMING, State.STOPPED]
    assert len(gateway.closes) == 2


@asynccontextmanager
async def company_of(
    gateway: FakeGateway, answers: Answers = lambda *_: "no-answer"
) -> AsyncIterator[FakePhoneCompany]:
    async with (
        up(gateway) as address,
        FakeTwilioRest(account_sid=IDENTITY.account_sid) as rest,
        FakePhoneCompany(rest, PUBLIC_URL, AUTH_TOKEN, address, answers) as company,
    ):
        yield company
    assert rest.faults == []


async def ask(rest: FakeTwilioRest, call_sid: str | None = None, **form: str) -> tuple[int, str]:
    """Change a call, or place one; the status and the CallSid that are answered."""
    path = f"Calls/{call_sid}.json" if call_sid else "Calls.json"
    url = f"{rest.url}/2010-04-01/Accounts/{rest.account_sid}/{path}"
    headers = {"Authorization": rest.authorization}
    async with aiohttp.ClientSession() as http, http.post(url, data=form, headers=headers) as answer:
        return answer.status, (await answer.json()).get("sid", "")


def change(
    gateway: FakeGateway, when: EventKind, *, over_code: int = 21220, **form: str
) -> tuple[Outcome, list[int]]:
    """Have REST change a call at the first event of a kind; give the statuses that are answered."""

    async def scenario() -> tuple[Outcome, list[int]]:
        caller = quick_caller(hang_up_after=2.0)
        statuses: list[int] = []

        async def update() -> None:
            status, _ = await ask(company.rest, caller.identity.call_sid, **form)
            statuses.append(status)
            if gateway.stalls:
                caller.hang_up(asyncio.get_running_loop().time())

        async with company_of(gateway) as company, asyncio.TaskGroup() as tasks:
            company.rest.over_code = over_code
            is_first = iter([True])

            def happened(event: Event) -> None:
                if event.kind == when and next(is_first, False):
                    tasks.create_task(update())

            outcome = await company.call(caller, on_event=happened)
        return outcome, statuses

    return asyncio.run(scenario())


def test_a_call_redirected_in_its_stream_gets_stop_and_goes_on_elsewhere() -> None:
    gateway = FakeGateway()

    outcome, statuses = change(gateway, "mark-received", Twiml=DIAL.decode())

    assert (outcome.end, statuses) == (End("transferred", "+15005550007"), [200])
    assert gateway.protocols[0].state is State.STOPPED
    assert gateway.closes == [NO_STATUS]
    assert paths(gateway) == ["voice"]
    assert outcome.faults == {}


def test_a_call_redirected_in_a_pause_goes_on_at_once() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": PAUSE})

    outcome, statuses = change(gateway, "twiml-taken", Twiml=HANG_UP.decode())

    assert (outcome.end, statuses) == (End("gateway-hung-up", "hangup"), [200])


def test_a_call_ended_over_rest_gets_stop() -> None:
    gateway = FakeGateway()

    outcome, statuses = change(gateway, "mark-received", Status="completed")

    assert (outcome.end, statuses) == (End("gateway-hung-up", "over REST"), [200])
    assert gateway.protocols[0].state is State.STOPPED


@pytest.mark.parametrize(("over_code", "status"), [(20404, 404), (21220, 400)])
def test_a_call_that_is_over_cannot_be_changed(over_code: int, status: int) -> None:
    outcome, statuses = change(FakeGateway(), "ended", over_code=over_code, Twiml=HANG_UP.decode())

    assert (outcome.end, statuses) == (End("caller-hung-up"), [status])


def test_a_call_that_only_rings_cannot_be_redirected() -> None:
    outcome, statuses = change(FakeGateway(stalls=True), "webhook-sent", Twiml=HANG_UP.decode())

    assert (outcome.end, statuses) == (End("caller-hung-up"), [400])


def test_a_webhook_that_is_not_answered_does_not_hold_up_rest() -> None:
    outcome, statuses = change(FakeGateway(stalls=True), "webhook-sent", Status="completed")

    assert (outcome.end.reason, statuses) == ("gateway-hung-up", [200])


def test_machine_detection_tells_who_answered_a_while_after_the_stream_s_start() -> None:
    gateway = FakeGateway()
    outcome = call(gateway, patient_caller(hang_up_after=0.6), answered_by=(0.2, "human"))

    assert gateway.requests[-1] == (
        "/twilio/answered-by",
        {
            "AccountSid": IDENTITY.account_sid,
            "CallSid": IDENTITY.call_sid,
            "AnsweredBy": "human",
            "MachineDetectionDuration": "200",
        },
    )
    assert outcome.timeline.started_at is not None
    assert 0.19 <= gateway.asked_at[-1] - outcome.timeline.started_at < 0.6


def test_machine_detection_is_silent_about_a_call_that_is_over() -> None:
    gateway = FakeGateway()

    call(gateway, quick_caller(hang_up_after=0.1), answered_by=(30.0, "human"))

    assert paths(gateway) == ["voice"]


ORDER = {
    "To": "+15005550001",
    "From": "+15005550006",
    "Url": f"{PUBLIC_URL}/twilio/outbound?agent=sales",
    "StatusCallback": f"{PUBLIC_URL}/twilio/status",
    "AsyncAmd": "true",
    "MachineDetection": "DetectMessageEnd",
    "AsyncAmdStatusCallback": f"{PUBLIC_URL}/twilio/answered-by",
}


def dial(gateway: FakeGateway, answers: Answers, answered_by: str | None = None) -> FakePhoneCompany:
    """Place a call over REST and stay until everything that comes of it is over."""

    async def scenario() -> FakePhoneCompany:
        async with company_of(gateway, answers) as company:
            if answered_by:
                company.rest.answered_by[ORDER["To"]] = answered_by
            status, call_sid = await ask(company.rest, **ORDER)
            assert (status, [*company.rest.calls]) == (201, [call_sid])
        return company

    return asyncio.run(scenario())


def test_a_call_placed_over_rest_is_answered_asks_its_url_and_hears_of_machines() -> None:
    gateway = FakeGateway(twiml={"/twilio/outbound": CONNECT})

    company = dial(
        gateway,
        lambda identity, url: patient_caller(identity=identity, voice_url=url, hang_up_after=0.5),
        "machine_end_beep",
    )

    ((call_sid, outcome),) = company.outcomes.items()
    assert outcome.end == End("caller-hung-up")
    assert company.rest.calls[call_sid].status == "completed"
    assert paths(gateway) == ["outbound", "answered-by", "status"]
    first, machine, last = (fields for _, fields in gateway.requests)
    assert (first["CallSid"], first["CallStatus"], first["Direction"]) == (
        call_sid,
        "in-progress",
        "outbound-api",
    )
    assert (first["From"], first["To"]) == ("+15005550006", "+15005550001")
    assert machine["AnsweredBy"] == "machine_end_beep"
    assert (last["CallStatus"], last["Direction"]) == ("completed", "outbound-api")


@pytest.mark.parametrize("status", ["busy", "no-answer"])
def test_a_call_that_nobody_takes_is_only_reported(status: NotReached) -> None:
    gateway = FakeGateway()

    company = dial(gateway, lambda *_: status)

    assert company.outcomes == {}
    assert [fields["CallStatus"] for _, fields in gateway.requests] == [status]
    assert [each.status for each in company.rest.calls.values()] == [status]
