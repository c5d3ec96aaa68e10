from typing import Any

import aiohttp
import pytest

from gateway.twilio.rest import CallOrder, TwilioRest
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, FakeTwilioRest, Form
from tests.gateways import run

TO = "+15005550006"
ORDER = CallOrder(to=TO, from_="+15005550001", url="https://voice.example.com/twilio/outbound")


def test_the_fake_tells_its_hooks_what_was_done() -> None:
    heard: list[tuple[str, dict[str, str]]] = []

    async def on_update(call_sid: str, form: Form) -> None:
        heard.append((call_sid, dict(form)))

    def on_dial(call_sid: str, form: Form) -> None:
        heard.append((call_sid, {"To": form["To"]}))

    async def scenario() -> str:
        async with (
            FakeTwilioRest() as twilio,
            TwilioRest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, url=twilio.url) as rest,
        ):
            twilio.on_dial, twilio.on_update = on_dial, on_update
            sid = await rest.dial(ORDER)
            await rest.hang_up(sid)
            await rest.hang_up(sid)  # refused: nothing was done
            return sid

    sid = run(scenario())

    assert heard == [(sid, {"To": TO}), (sid, {"Status": "completed"})]


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"Status": "completed", "Colour": "red"}, "unknown field Colour"),
        ({"Status": "ended"}, "value of Status"),
        ({"Status": "completed", "Url": "https://voice.example.com"}, "not one of Twiml, Url and Status"),
        ({"Twiml": "<Response>" + 4000 * " " + "</Response>"}, "Twiml is too long"),
        ({"Twiml": "<Response>"}, "Twiml is not XML"),
    ],
)
def test_the_fake_notes_what_breaks_the_rules(form: dict[str, str], fault: str) -> None:
    async def scenario() -> list[str]:
        async with FakeTwilioRest() as twilio, aiohttp.ClientSession() as session:
            address = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{twilio.add_call().sid}.json"
            headers = {"Authorization": twilio.authorization}
            async with session.post(address, data=form, headers=headers):
                return twilio.faults

    assert run(scenario()) == [fault]


def test_a_number_has_an_application_or_a_trunk_and_keeps_what_is_not_asked_for() -> None:
    async def scenario() -> tuple[int, dict[str, Any], list[str]]:
        async with FakeTwilioRest() as twilio, aiohttp.ClientSession() as session:
            number = twilio.account.add_number(TO, voice_application_sid="AP1")
            address = (
                f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/IncomingPhoneNumbers/{number['sid']}.json"
            )
            headers = {"Authorization": twilio.authorization}
            async with session.post(
                address, data={"TrunkSid": "TK1", "Colour": "red"}, headers=headers
            ) as answer:
                return answer.status, number, twilio.faults

    status, number, faults = run(scenario())

    assert (status, number["trunk_sid"], number["voice_application_sid"]) == (200, "TK1", None)
    assert number["voice_url"].startswith("https://demo.")
    assert faults == ["unknown field Colour"]
