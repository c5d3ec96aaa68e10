import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, TwilioRestError
from gateway.outbound import dial_order
from gateway.twilio import twiml
from gateway.twilio.rest import CallOrder, CallSpacing, CallStatus, TwilioRest
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, Drop, FakeTwilioRest, Hang, Raw, Refuse
from tests.gateways import run

TO = "+15005550006"
FROM = "+15005550001"
NO_CALL = "CA" + 32 * "0"
ORDER = CallOrder(to=TO, from_=FROM, url="https://voice.example.com/twilio/outbound?agent=desk")
Request = Callable[[TwilioRest, str], Awaitable[object]]
REPEATABLE: list[Request] = [
    lambda rest, sid: rest.hang_up(sid),
    lambda rest, sid: rest.redirect(sid, twiml.hang_up()),
    lambda rest, sid: rest.status_of(sid),
]


@contextlib.asynccontextmanager
async def api(**options: Any) -> AsyncIterator[tuple[FakeTwilioRest, TwilioRest]]:
    """A fake Twilio and its client; the fake must not have been asked for anything undocumented."""
    async with FakeTwilioRest() as twilio:
        async with TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=twilio.url, **options) as rest:
            yield twilio, rest
        assert twilio.faults == []


async def failure(asked: Awaitable[object]) -> TwilioRestError:
    with pytest.raises(TwilioRestError) as caught:
        await asked
    return caught.value


def test_a_live_call_is_hung_up() -> None:
    async def scenario() -> None:
        async with api() as (twilio, rest):
            call = twilio.add_call()
            await rest.hang_up(call.sid)

            assert call.status == "completed"
            assert [(each.method, each.form) for each in twilio.requests] == [
                ("POST", [("Status", "completed")])
            ]

    run(scenario())


@pytest.mark.parametrize("code", [20404, 21220])
def test_a_call_that_is_over_is_hung_up_without_an_error_and_cannot_be_redirected(code: int) -> None:
    async def scenario() -> None:
        async with api() as (twilio, rest):
            twilio.over_code = code
            call = twilio.add_call("completed")
            await rest.hang_up(call.sid)

            assert not await rest.redirect(call.sid, twiml.hang_up())
            assert not await rest.redirect(NO_CALL, twiml.hang_up())
            assert len(twilio.requests) == 3

    run(scenario())


def test_a_live_call_runs_the_document_it_is_given() -> None:
    document = twiml.dial(TO, action_url="https://voice.example.com/twilio/after", caller_id=FROM)

    async def scenario() -> None:
        async with api() as (twilio, rest):
            call = twilio.add_call()

            assert await rest.redirect(call.sid, document)
            assert call.documents == [document]

    run(scenario())


def test_a_document_too_long_for_a_request_and_a_wrong_sid_are_refused_before_anything_is_sent() -> None:
    async def scenario() -> None:
        async with api() as (twilio, rest):
            call = twilio.add_call()
            with pytest.raises(LocalProtocolError, match="4001"):
                await rest.redirect(call.sid, "x" * 4001)
            for wrong in ("", "CA123", f"../{call.sid}", f"{call.sid}\n"):
                with pytest.raises(LocalProtocolError):
                    await rest.hang_up(wrong)

            assert twilio.requests == []

    run(scenario())


def test_a_call_is_placed_with_every_field_that_its_order_has() -> None:
    order = dial_order(
        TO,
        "sales desk",
        public_url="https://voice.example.com",
        from_number=FROM,
        ring_timeout=20,
        time_limit=600,
    )

    async def scenario() -> None:
        async with api() as (twilio, rest):
            sid = await rest.dial(order)

            assert twilio.calls[sid].order == [
                ("To", TO),
                ("From", FROM),
                ("StatusCallback", "https://voice.example.com/twilio/status"),
                ("StatusCallbackEvent", "initiated"),
                ("StatusCallbackEvent", "ringing"),
                ("StatusCallbackEvent", "answered"),
                ("StatusCallbackEvent", "completed"),
                ("Timeout", "20"),
                ("MachineDetection", "DetectMessageEnd"),
                ("AsyncAmd", "true"),
                ("AsyncAmdStatusCallback", "https://voice.example.com/twilio/answered-by"),
                ("TimeLimit", "600"),
                ("Url", "https://voice.example.com/twilio/outbound?agent=sales%20desk"),
            ]

    run(scenario())


def test_a_plain_order_rings_for_45_seconds_and_asks_for_nothing_more() -> None:
    async def scenario() -> None:
        async with api() as (twilio, rest):
            await rest.dial(ORDER)

            assert dict(twilio.requests[0].form) == {
                "To": TO,
                "From": FROM,
                "Timeout": "45",
                "Url": ORDER.url,
            }

    run(scenario())


def test_a_placed_call_is_followed_to_its_end() -> None:
    async def scenario() -> list[CallStatus]:
        async with api() as (twilio, rest):
            twilio.progress[TO] = ("queued", "ringing", "in-progress", "completed")
            twilio.answered_by[TO] = "human"
            sid = await rest.dial(ORDER)
            return [await rest.status_of(sid) for _ in range(3)]

    statuses = run(scenario())

    assert statuses == [
        CallStatus("ringing"),
        CallStatus("in-progress", "human"),
        CallStatus("completed", "human", 7),
    ]
    assert [each.is_over for each in statuses] == [False, False, True]


def test_an_unknown_call_has_no_status() -> None:
    async def scenario() -> TwilioRestError:
        async with api() as (_, rest):
            return await failure(rest.status_of(NO_CALL))

    error = run(scenario())

    assert (error.status, error.code, str(error)) == (
        404,
        20404,
        "Twilio refused: there is no such call (status 404, code 20404)",
    )


def test_calls_are_started_a_second_apart_however_many_ask() -> None:
    async def scenario() -> list[float]:
        async with api() as (twilio, rest):
            await asyncio.gather(*(rest.dial(ORDER) for _ in range(3)))
            return [each.at for each in twilio.requests]

    first, second, third = run(scenario())

    assert second - first > 0.7  # a busy machine may be late with the earlier one
    assert third - second > 0.7


def test_the_next_call_may_start_an_interval_after_the_last_one() -> None:
    spacing = CallSpacing(1.0)

    assert spacing.wait(now=5.0) == 0.0
    spacing.started(now=5.0)
    assert spacing.wait(now=5.25) == 0.75
    assert spacing.wait(now=6.0) == 0.0


@pytest.mark.parametrize("step", [Refuse(429, 20429), Refuse(503, 20503), Raw(502), Drop()])
@pytest.mark.parametrize("ask", REPEATABLE)
def test_what_may_be_asked_twice_is_asked_again_after_a_passing_failure(
    ask: Request, step: Refuse | Raw | Drop
) -> None:
    async def scenario() -> float:
        async with api() as (twilio, rest):
            call = twilio.add_call()
            twilio.script.append(step)
            await ask(rest, call.sid)
            first, second = twilio.requests
            assert (first.method, first.path, first.form) == (second.method, second.path, second.form)
            return second.at - first.at

    assert run(scenario()) >= 0.5


def test_it_is_asked_again_once_only() -> None:
    async def scenario() -> tuple[TwilioRestError, int]:
        async with api() as (twilio, rest):
            twilio.script.extend([Refuse(429, 20429), Refuse(429, 20429), Refuse(429, 20429)])
            error = await failure(rest.hang_up(twilio.add_call().sid))
            return error, len(twilio.requests)

    error, n_requests = run(scenario())

    assert (error.status, error.code, n_requests) == (429, 20429, 2)


@pytest.mark.parametrize(
    ("step", "status", "code"), [(Refuse(401, 20003), 401, 20003), (Raw(404), 404, 0), (Raw(200), 0, 0)]
)
@pytest.mark.parametrize("ask", REPEATABLE)
def test_a_failure_that_will_not_pass_is_told_at_once(
    ask: Request, step: Refuse | Raw, status: int, code: int
) -> None:
    async def scenario() -> TwilioRestError:
        async with api() as (twilio, rest):
            twilio.script.append(step)
            error = await failure(ask(rest, twilio.add_call().sid))
            assert len(twilio.requests) == 1
            return error

    error = run(scenario())

    assert (error.status, error.code) == (status, code)


@pytest.mark.parametrize("body", ["", "[]", "null", "7", "{", '{"sid": "CA1"}', '{"status": 7}'])
def test_an_answer_that_is_no_call_is_an_error(body: str) -> None:
    async def scenario() -> list[TwilioRestError]:
        async with api() as (twilio, rest):
            twilio.script.extend([Raw(200, body, "application/json"), Raw(201, body, "application/json")])
            return [await failure(rest.status_of(NO_CALL)), await failure(rest.dial(ORDER))]

    status, dial = run(scenario())

    assert str(status) == "Twilio's answer cannot be read"
    assert str(dial) == f"{status}; it is not known whether the call was placed"


@pytest.mark.parametrize(
    ("step", "status", "code", "in_doubt"),
    [
        (Refuse(400, 21211), 400, 21211, False),
        (Refuse(400, 29999), 400, 29999, False),
        (Refuse(401, 20003), 401, 20003, False),
        (Refuse(429, 20429), 429, 20429, False),
        (Refuse(500, 20500), 500, 20500, True),
        (Raw(503), 503, 0, True),
        (Raw(200), 0, 0, True),
        (Drop(), 0, 0, True),
        (Hang(), 0, 0, True),
    ],
)
def test_a_call_is_never_placed_twice_and_the_error_says_whether_it_may_have_been_placed(
    step: Refuse | Raw | Drop | Hang, status: int, code: int, in_doubt: bool
) -> None:
    async def scenario() -> TwilioRestError:
        async with api(timeout=1.0 if step == Hang() else 10.0) as (twilio, rest):
            twilio.script.append(step)
            error = await failure(rest.dial(ORDER))
            assert len(twilio.requests) == 1
            return error

    error = run(scenario())

    assert (error.status, error.code, error.is_in_doubt) == (status, code, in_doubt)
    assert ("it is not known whether the call was placed" in str(error)) is in_doubt
    assert len(str(error).splitlines()) == 1


def test_wrong_credentials_are_named() -> None:
    async def scenario() -> TwilioRestError:
        async with (
            FakeTwilioRest() as twilio,
            TwilioRest(ACCOUNT_SID, ACCOUNT_SID, "canary", url=twilio.url) as rest,
        ):
            return await failure(rest.dial(ORDER))

    error = run(scenario())

    assert (error.status, error.code) == (401, 20003)
    assert "credentials" in str(error)


def test_an_api_key_serves_for_the_account() -> None:
    key = "SK" + 32 * "b"

    async def scenario() -> None:
        async with (
            FakeTwilioRest(username=key, password="of-the-key") as twilio,
            TwilioRest(ACCOUNT_SID, key, "of-the-key", url=twilio.url) as rest,
        ):
            assert await rest.dial(ORDER) in twilio.calls

    run(scenario())


def test_nobody_at_the_address_is_tried_twice_and_for_a_call_leaves_no_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        url = f"http://127.0.0.1:{once.getsockname()[1]}"

    async def scenario() -> None:
        async with TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=url) as rest:
            begun = time.monotonic()
            error = await failure(rest.hang_up(NO_CALL))
            assert time.monotonic() - begun >= 0.5
            assert (str(error), error.status, error.code) == ("Twilio cannot be reached", 0, 0)
            assert str(await failure(rest.dial(ORDER))) == "Twilio cannot be reached"

    run(scenario())


def test_a_twilio_that_hangs_is_given_up_while_the_event_loop_goes_on() -> None:
    async def scenario() -> tuple[TwilioRestError, int, float]:
        async with api(timeout=0.5) as (twilio, rest):
            twilio.script.append(Hang())
            begun = time.monotonic()
            asked = asyncio.ensure_future(failure(rest.hang_up(twilio.add_call().sid)))
            n_ticks = 0
            while not asked.done():
                await asyncio.sleep(0.01)
                n_ticks += 1
            return await asked, n_ticks, time.monotonic() - begun

    error, n_ticks, lasted = run(scenario())

    assert str(error) == "Twilio did not answer in time"
    assert lasted < 2.0
    assert n_ticks > 20


def test_at_most_four_requests_are_under_way_and_what_cannot_be_sent_in_time_was_surely_not_done() -> None:
    async def scenario() -> tuple[int, TwilioRestError, list[str]]:
        async with api(timeout=1.0) as (twilio, rest):
            sid = twilio.add_call().sid
            twilio.script.extend([Hang()] * 8)
            hanging = [asyncio.ensure_future(failure(rest.status_of(sid))) for _ in range(8)]
            late = asyncio.ensure_future(failure(rest.dial(ORDER)))
            await twilio.wait_for_request(4)
            n_at_once = len(twilio.requests)
            await asyncio.gather(*hanging)
            return n_at_once, await late, [each.method for each in twilio.requests]

    n_at_once, late, methods = run(scenario())

    assert n_at_once == 4
    assert str(late) == "the request was not sent: Twilio is slow to answer others"
    assert not late.is_in_doubt
    assert methods == ["GET"] * 8


def test_a_closed_client_sends_nothing_more() -> None:
    async def scenario() -> None:
        async with FakeTwilioRest() as twilio:
            rest = TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=twilio.url)
            await rest.hang_up(twilio.add_call().sid)
            await rest.aclose()
            await rest.aclose()
            with pytest.raises(LocalProtocolError, match="closed"):
                await rest.dial(ORDER)

            assert len(twilio.requests) == 1

    run(scenario())


def test_neither_numbers_nor_secrets_nor_addresses_show(caplog: pytest.LogCaptureFixture) -> None:
    steps: list[Refuse | Raw | Drop | Hang] = [Refuse(400, 21211), Raw(500), Drop(), Hang()]

    async def scenario() -> list[str]:
        shown = []
        async with api(timeout=0.5) as (twilio, rest):
            for step in steps:
                twilio.script.append(step)
                error = await failure(rest.dial(ORDER))
                shown.append("".join(traceback.format_exception(error)))
                assert error.__context__ is None  # nor in a reporter that looks behind it
                assert error.__cause__ is None
            return [*shown, repr(rest), repr(ORDER)]

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="asyncio")
    shown = [*run(scenario()), *(record.getMessage() for record in caplog.records)]

    assert len(shown) > len(steps)
    for secret in (AUTH_TOKEN, TO, FROM, TO[1:], FROM[1:]):
        assert [text for text in shown if secret in text] == []
    assert "127.0.0.1" not in "".join(shown[: len(steps)])


@pytest.mark.parametrize("place", ["gateway.app", "gateway.cli", "gateway.twilio.rest"])
def test_the_library_is_not_imported_before_it_is_needed(place: str) -> None:
    code = (
        f"import sys, {place}; print([name for name in ('twilio.rest', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ({}, "api.twilio.com"),
        ({"region": "ie1", "edge": "dublin"}, "api.dublin.ie1.twilio.com"),
        ({"edge": "ashburn"}, "api.ashburn.us1.twilio.com"),
    ],
)
def test_requests_go_to_the_host_of_region_and_edge_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, place: dict[str, str], host: str
) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")

    async def scenario() -> str:
        async with TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, **place) as rest:  # type: ignore[arg-type]
            client = rest._library_client()
            return str(client.get_hostname(client.api.absolute_url("2010-04-01")))

    assert run(scenario()) == f"https://{host}/2010-04-01"


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def scenario() -> None:
        async with api() as (twilio, rest):
            assert await rest.dial(ORDER) in twilio.calls

    run(scenario())
