"""What becomes of a recorded caller between two streams, without sockets."""

import base64
import json
import math

import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.steps import End, PauseStep, Step, StreamStep, WebhookStep
from tests.loadtest.calls import (
    CONNECT,
    HANG_UP,
    IDENTITY,
    media,
    new_caller,
    recording,
    run,
    speech,
    streaming,
)

TAPE = recording((0, 1000), duration_ms=1000)
PAUSE = b"<Response><Pause length='20'/><Redirect>/again</Redirect></Response>"


def paused(**settings: object) -> tuple[RecordedCaller, PauseStep]:
    """A caller whose first webhook was answered at 100 s with a pause of 20 s."""
    caller = new_caller(TAPE, **settings)
    caller.webhook("/twilio/voice", 99.5)
    step = caller.take_twiml(200, "text/xml", PAUSE, 100.0)
    assert step == PauseStep(20.0)
    return caller, step


def test_the_document_goes_on_after_a_pause() -> None:
    caller, step = paused()

    assert caller.pause_deadline(step, 100.0) == 120.0
    assert caller.pause_over(120.0) == WebhookStep("https://voice.example.com/again")
    assert caller.timeline.events[-2].detail == "pause of 20 s"


def test_a_caller_in_a_hurry_hangs_up_in_a_pause() -> None:
    caller, step = paused(hang_up_after=3.0)

    assert caller.pause_deadline(step, 100.0) == 103.0
    assert caller.pause_over(103.0) == caller.end == End("caller-hung-up")


def test_a_pause_is_not_listened_to_for_ever() -> None:
    caller, step = paused(linger=0.1, give_up_after=5.0)

    assert caller.pause_deadline(step, 100.0) == 106.0
    assert caller.pause_over(106.0) == End("caller-hung-up")


def test_once_there_was_a_stream_its_start_is_zero_on_the_call_s_clock() -> None:
    caller = streaming(TAPE, hang_up_after=7.0)
    caller.stream_closed(1000, 101.0)
    caller.webhook("/twilio/after", 101.0)
    step = caller.take_twiml(200, "text/xml", PAUSE, 102.0)

    assert isinstance(step, PauseStep)
    assert caller.pause_deadline(step, 102.0) == 107.0


def test_a_call_ended_in_a_pause_is_over() -> None:
    caller, _ = paused()
    woken: list[bool] = []
    caller.signalling.on_change = lambda: woken.append(True)

    assert caller.hang_up(101.0) == []
    assert woken == [True]
    assert caller.pause_over(101.0) == End("caller-hung-up")


def reconnect(caller: RecordedCaller, now: float) -> list[str]:
    caller.webhook("/twilio/after", now)
    caller.take_twiml(200, "text/xml", CONNECT, now)
    return caller.begin(now)


def test_a_connection_breaks_when_the_caller_says_so_and_the_recording_goes_on() -> None:
    caller = streaming(TAPE, breaks_at=(0.1, 0.25))
    run(caller, until=100.09)

    assert caller.next_deadline() == 100.1
    assert caller.parting(100.099) is None
    assert caller.parting(100.1) == "break"
    caller.receive(media(speech(1000)), 100.1)
    assert caller.stream_closed(1006, 100.1) == WebhookStep("https://voice.example.com/twilio/after")
    assert caller.timeline.faults == {"31903": 1}
    assert caller.playback.runs[-1].cut_by == "stream-end"
    _, start = map(json.loads, reconnect(caller, 100.2))
    assert start["streamSid"] != IDENTITY.stream_sid
    (first,) = map(json.loads, caller.due(100.22))
    assert first["media"]["timestamp"] == "0"
    assert base64.b64decode(first["media"]["payload"]) == TAPE.frame(10)
    assert caller.parting(100.24) is None
    assert caller.parting(100.25) == "break"


def test_a_break_between_two_streams_breaks_nothing() -> None:
    caller = streaming(TAPE, breaks_at=(0.1, 0.15))
    caller.stream_closed(1006, 100.1)
    reconnect(caller, 100.2)

    assert caller.parting(100.3) is None


def test_a_stream_may_be_given_up_without_a_word() -> None:
    caller = streaming(TAPE, half_open_at=0.1, breaks_at=(0.5,))

    assert caller.next_deadline() == 100.02
    run(caller, until=100.09)
    assert (caller.next_deadline(), caller.parting(100.1)) == (100.1, "fall-silent")
    assert isinstance(caller.stream_closed(None, 100.1), WebhookStep)
    reconnect(caller, 100.2)
    assert (caller.parting(100.3), caller.parting(100.5)) == (None, "break")


def test_hanging_up_comes_before_a_loss_at_the_same_time() -> None:
    assert streaming(TAPE, breaks_at=(0.1,), hang_up_after=0.1).parting(100.1) == "hang-up"


def other(step: Step) -> str:
    assert isinstance(step, StreamStep)
    return step.url


def test_rest_takes_a_call_out_of_its_stream() -> None:
    caller = streaming(TAPE)
    caller.receive(media(speech(1000)), 100.0)
    run(caller, until=100.05)

    assert caller.redirect(HANG_UP, 100.05)
    assert (caller.next_deadline(), caller.parting(100.05)) == (-math.inf, "change")
    assert [json.loads(each)["event"] for each in caller.leave(100.06)] == ["media", "stop"]
    assert caller.playback.runs[-1].cut_by == "stream-end"
    assert caller.stream_closed(1006, 100.07) == End("gateway-hung-up", "hangup")
    assert caller.timeline.faults == {}


def test_rest_takes_a_call_to_a_new_stream() -> None:
    caller = streaming(TAPE)
    caller.redirect(CONNECT.decode(), 100.05)
    caller.leave(100.05)

    assert other(caller.stream_closed(1005, 100.06)).startswith("wss://")
    _, start = map(json.loads, caller.begin(100.1))
    assert start["streamSid"] != IDENTITY.stream_sid


def test_rest_cuts_a_pause_short() -> None:
    caller, _ = paused()
    woken: list[bool] = []
    caller.signalling.on_change = lambda: woken.append(True)

    assert caller.redirect(CONNECT, 101.0)
    assert woken == [True]
    assert isinstance(caller.pause_over(101.0), StreamStep)


def test_an_answer_to_a_question_that_rest_has_overtaken_is_dropped() -> None:
    caller = streaming(TAPE)
    caller.stream_closed(1000, 100.1)
    caller.webhook("/twilio/after", 100.1)
    caller.redirect(PAUSE, 100.15)

    assert caller.take_twiml(200, "text/xml", HANG_UP, 100.2) == PauseStep(20.0)


def test_the_last_of_two_changes_counts() -> None:
    caller, _ = paused()

    assert caller.redirect(HANG_UP, 101.0)
    assert caller.redirect(CONNECT, 101.0)
    assert isinstance(caller.pause_over(101.0), StreamStep)


def test_a_document_that_twilio_would_not_run_ends_the_call() -> None:
    caller, _ = paused()
    caller.redirect(b"<Response><Sing/></Response>", 101.0)

    step = caller.pause_over(101.0)
    assert isinstance(step, End)
    assert step.reason == "twiml-invalid"


def test_rest_ends_a_call_once() -> None:
    caller, _ = paused()

    assert caller.end_by_rest(101.0)
    assert not caller.end_by_rest(101.0)
    assert not caller.redirect(CONNECT, 101.0)
    assert caller.pause_over(101.0) == caller.end == End("gateway-hung-up", "over REST")
    assert not caller.end_by_rest(102.0)


def test_a_call_that_only_rings_cannot_be_redirected() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 1.0)

    assert not caller.redirect(CONNECT, 1.5)
    assert caller.take_twiml(200, "text/xml", HANG_UP, 2.0) == End("gateway-hung-up", "hangup")


@pytest.mark.parametrize("presses", ["1", ""])
def test_a_whisper_s_key_goes_to_its_action_url_or_the_document_goes_on(presses: str) -> None:
    caller = new_caller(presses=presses)
    caller.webhook("/twilio/whisper?call=CA1", 1.0)
    body = b"<Response><Gather numDigits='1' action='/taken'><Say>Take it?</Say></Gather><Hangup/></Response>"

    step = caller.take_twiml(200, "text/xml", body, 2.0)

    expected = WebhookStep("https://voice.example.com/taken", extra={"Digits": "1"})
    assert step == (expected if presses else End("gateway-hung-up", "hangup"))
    kinds = [(each.kind, each.detail) for each in caller.timeline.events]
    assert ("verb-skipped", "Say Take it?") in kinds
    assert ("keys-asked", "") in kinds


def test_a_dial_without_an_action_url_leads_to_the_next_verb() -> None:
    caller = new_caller(dialled=lambda number: {"+15005550007": "busy"}[number])
    caller.webhook("/twilio/voice", 1.0)
    body = b"<Response><Dial>+15005550007</Dial><Pause/></Response>"

    assert caller.take_twiml(200, "text/xml", body, 2.0) == PauseStep(1.0)
    assert [each.detail for each in caller.timeline.events if each.kind == "dialled"] == ["+15005550007"]
