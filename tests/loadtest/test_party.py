import msgspec
import pytest

from gateway.loadtest.party import STATUSES, Party
from gateway.loadtest.steps import DialStep, End, GatherStep, WebhookStep
from gateway.twilio.messages import CallSid
from tests.loadtest.calls import IDENTITY

ONE, OTHER = "+15005550006", "+15005550007"
ACTION = "https://voice.example.com/twilio/transferred"


def party(**options: object) -> Party:
    return Party(IDENTITY.call_sid, **options)  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("step", "detail"),
    [
        (DialStep((ONE,), ACTION), ONE),
        (DialStep((ONE, OTHER)), f"{ONE}, {OTHER}"),
        (DialStep(("room",), is_conference=True), "conference room"),
    ],
)
def test_who_is_put_through_is_gone_unless_somebody_says_how_it_ends(step: DialStep, detail: str) -> None:
    assert party().dial(step) == End("transferred", detail)
    assert party(dialled=lambda _: None).dial(step) == End("transferred", detail)


@pytest.mark.parametrize("status", STATUSES)
def test_the_action_url_is_told_how_dialling_ended(status: str) -> None:
    step = party(dialled=lambda _: status).dial(DialStep((ONE,), ACTION, "GET"))

    assert isinstance(step, WebhookStep)
    extra = dict(step.extra)
    leg = extra.pop("DialCallSid", None)
    assert (step.url, step.method) == (ACTION, "GET")
    assert extra == {
        "DialCallStatus": status,
        "DialCallDuration": "0",
        "DialBridged": "true" if status in {"completed", "answered"} else "false",
    }
    if status == "failed":
        assert leg is None
    else:
        assert msgspec.convert(leg, CallSid) != IDENTITY.call_sid


def test_each_dialled_leg_is_a_call_of_its_own() -> None:
    caller = party(dialled=lambda _: "busy")
    steps = [caller.dial(DialStep((ONE,), ACTION)) for _ in range(2)]

    assert len({each.extra["DialCallSid"] for each in steps if isinstance(each, WebhookStep)}) == 2


def test_a_conference_has_no_leg_of_its_own() -> None:
    step = party(dialled=lambda _: "completed").dial(DialStep(("room",), ACTION, is_conference=True))

    assert isinstance(step, WebhookStep)
    assert "DialCallSid" not in step.extra


def test_of_several_phones_the_first_that_answers_counts_or_else_the_last() -> None:
    def status(dialled: dict[str, str]) -> str:
        step = party(dialled=dialled.__getitem__).dial(DialStep((ONE, OTHER), ACTION))
        assert isinstance(step, WebhookStep)
        return step.extra["DialCallStatus"]

    assert status({ONE: "busy", OTHER: "completed"}) == "completed"
    assert status({ONE: "answered", OTHER: "busy"}) == "answered"
    assert status({ONE: "busy", OTHER: "no-answer"}) == "no-answer"


def test_without_an_action_url_the_document_goes_on_behind_a_dial() -> None:
    assert party(dialled=lambda _: "busy").dial(DialStep((ONE,))) is None


def test_a_status_that_twilio_does_not_have_is_a_mistake_of_the_test_s() -> None:
    with pytest.raises(ValueError, match="engaged"):
        party(dialled=lambda _: "engaged").dial(DialStep((ONE,), ACTION))


def pressed(presses: str, *steps: GatherStep) -> list[str | None]:
    somebody = party(presses=presses)
    outcomes = [somebody.gather(each) for each in steps]
    return [None if each is None else each.extra["Digits"] for each in outcomes]


def test_as_many_keys_are_pressed_as_are_asked_for_and_the_rest_the_next_time() -> None:
    one = GatherStep(ACTION, max_digits=1)

    assert pressed("12", one, one, one) == ["1", "2", None]
    assert pressed("1234#5", GatherStep(ACTION), one) == ["1234", "5"]
    assert pressed("12#3", GatherStep(ACTION, max_digits=4), one) == ["12", "3"]
    assert pressed("1#2", GatherStep(ACTION, finish_on="")) == ["1#2"]
    assert pressed("12*", GatherStep(ACTION, finish_on="*")) == ["12"]


def test_nobody_who_presses_nothing_is_heard_of_unless_that_is_asked_for() -> None:
    assert pressed("", GatherStep(ACTION), GatherStep(ACTION, asks_when_empty=True)) == [None, ""]


def test_the_keys_go_to_the_action_url() -> None:
    step = party(presses="1").gather(GatherStep(ACTION, "GET"))

    assert step == WebhookStep(ACTION, "GET", {"Digits": "1"})
