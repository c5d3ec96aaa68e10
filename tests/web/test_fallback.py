from typing import Any

import structlog

from tests.gateways import run, running
from tests.web.test_webhooks import CALL_SID, FIELDS, post

FALLEN = [*FIELDS, ("To", "+15005550006"), ("ErrorCode", "11200"), ("ErrorUrl", "https://x")]


def fallen_back(status: str, **settings: Any) -> tuple[str, list[Any]]:
    async def scenario() -> str:
        async with running(realtime_url="ws://127.0.0.1:9", **settings) as at:
            answer = await post(at, "/twilio/fallback", [*FALLEN, ("CallStatus", status)])
            assert answer[0] == 200
            return answer[2]

    with structlog.testing.capture_logs() as log:
        return run(scenario()), list(log)


def test_the_fallback_puts_callers_through_to_another_phone_and_the_log_has_twilios_code() -> None:
    twiml, log = fallen_back("ringing", fallback_number="+15005550009")

    assert "<Dial><Number>+15005550009</Number></Dial>" in twiml
    (line,) = [each for each in log if each.get("code") == "11200"]
    assert (line["log_level"], line["call_sid"]) == ("error", CALL_SID)


def test_without_another_phone_a_call_that_rings_is_answered_after_all() -> None:
    twiml, _ = fallen_back("ringing")

    assert "<Connect" in twiml


def test_without_another_phone_a_call_that_is_on_gets_another_stream() -> None:
    twiml, _ = fallen_back("in-progress")

    assert "<Connect" in twiml


def test_the_fallback_needs_a_signature() -> None:
    async def scenario() -> int:
        async with running(realtime_url="ws://127.0.0.1:9") as at:
            return (await post(at, "/twilio/fallback", FALLEN, signature=None))[0]

    assert run(scenario()) == 403


def test_a_probe_is_turned_away_when_it_would_take_the_last_place_but_not_from_an_idle_gateway() -> None:
    async def scenario() -> list[bool]:
        answers = []
        async with running(max_calls=2, realtime_url="ws://127.0.0.1:9") as at:
            for n in (1, 2, 3):
                fields = [("CallSid", "CA" + 32 * str(n)), *FIELDS[1:]]
                answers.append("<Connect" in (await post(at, "/twilio/voice?probe=doctor", fields))[2])
                await post(at, "/twilio/voice", [("CallSid", "CA" + 32 * "9"), *FIELDS[1:]])
        return answers

    assert run(scenario()) == [True, False, False]
