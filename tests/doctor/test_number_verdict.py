import pytest

from gateway.doctor.check import Outcome
from gateway.doctor.number_verdict import judged, leads_here
from gateway.twilio.number_hooks import NumberHooks, PhoneNumber
from tests.twilio.test_number_hooks import PUBLIC_URL, SET_UP, VOICE

NUMBER = "+15005550006"


def number(**hooks: str) -> PhoneNumber:
    return PhoneNumber("PN" + 32 * "0", NUMBER, NumberHooks(**{**vars(SET_UP), **hooks}))


def test_a_number_that_is_set_up_leads_here() -> None:
    verdict = judged(number(), None, PUBLIC_URL)

    assert (verdict.finding.outcome, verdict.finding.what) == ("ok", f"{NUMBER} leads here")
    assert verdict.changes == ()


@pytest.mark.parametrize(
    ("hooks", "outcome", "words"),
    [
        ({"voice_url": "https://old.example.com/v"}, "failed", "the voice URL is https://old.example.com/v"),
        ({"voice_url": ""}, "failed", "the voice URL is not set"),
        ({"voice_url": f"{PUBLIC_URL}/twilio/voice/"}, "failed", "the voice URL is"),
        ({"voice_method": "GET"}, "failed", "the voice URL is asked with GET"),
        ({"voice_url": VOICE.partition("#")[0]}, "warning", "no second try"),
        ({"trunk_sid": "TK1"}, "failed", "trunk TK1 gets its calls"),
        ({"voice_application_sid": "AP1"}, "failed", "application AP1 gets its calls"),
        ({"voice_fallback_url": ""}, "warning", "no fallback URL"),
        ({"voice_fallback_method": "GET"}, "warning", "the fallback URL is asked with GET"),
        ({"status_callback": ""}, "warning", "the status callback is not set"),
        ({"status_callback": "https://x.example/?t=canary"}, "warning", "is https://x.example/?t=…"),
        ({"status_callback_method": "GET"}, "warning", "the status callback is sent with GET"),
    ],
)
def test_what_is_wrong_is_named_and_can_be_put_right(
    hooks: dict[str, str], outcome: Outcome, words: str
) -> None:
    verdict = judged(number(**hooks), None, PUBLIC_URL)

    assert verdict.finding.outcome == outcome
    assert words in verdict.finding.what
    assert f"gateway setup {NUMBER}" in verdict.finding.advice
    assert {each.name for each in verdict.changes} == set(hooks)


def test_a_method_that_is_not_told_is_post_as_with_twilio() -> None:
    assert judged(number(voice_method=""), None, PUBLIC_URL).finding.outcome == "ok"


def test_an_application_that_leads_here_is_as_good_and_is_judged_in_place_of_the_number() -> None:
    via = number(voice_url="https://old.example.com/", voice_application_sid="AP1")
    good = judged(via, SET_UP, PUBLIC_URL)
    bad = judged(via, NumberHooks(**{**vars(SET_UP), "voice_method": "GET"}), PUBLIC_URL)

    assert leads_here(via, SET_UP, PUBLIC_URL)
    assert (good.finding.outcome, good.changes) == ("ok", ())
    assert "by application AP1" in good.finding.what
    assert bad.finding.outcome == "failed"


def test_an_application_that_leads_elsewhere_takes_the_calls_away() -> None:
    via = number(voice_application_sid="AP1")

    verdict = judged(via, NumberHooks(voice_url="https://other.example.com/"), PUBLIC_URL)

    assert verdict.finding.outcome == "failed"
    assert [(each.name, each.new) for each in verdict.changes] == [("voice_application_sid", "")]
