import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.failure import has_failed, outcome
from gateway.loadtest.steps import End
from tests.loadtest.calls import CONNECT, new_caller, streaming

AFTER = b"<Response><Hangup/></Response>"


def answered(twiml: bytes) -> RecordedCaller:
    """A caller whose first webhook was answered like that."""
    caller = new_caller()
    caller.webhook("/twilio/voice", 1.0)
    caller.take_twiml(200, "text/xml", twiml, 1.5)
    return caller


def left(code: int | None, *, then: bytes = AFTER) -> RecordedCaller:
    """A caller whose stream the server has closed with that code, and what the TwiML said then."""
    caller = streaming()
    caller.stream_closed(code, 101.0)
    caller.webhook("/twilio/after", 101.0)
    caller.take_twiml(200, "text/xml", then, 101.1)
    return caller


def end_of(caller: RecordedCaller) -> End:
    assert caller.end is not None
    return caller.end


@pytest.mark.parametrize(
    ("twiml", "reason"),
    [
        (b'<Response><Reject reason="busy"/></Response>', "busy"),
        (b"<Response><Reject/></Response>", "rejected"),
        (b"<Response/>", "gateway-hung-up"),
        (b"<Response><Dial>+15005550009</Dial></Response>", "transferred"),
    ],
)
def test_caller_who_was_turned_away_has_failed(twiml: bytes, reason: str) -> None:
    caller = answered(twiml)

    assert has_failed(caller, end_of(caller))
    assert outcome(caller, end_of(caller))[0] == reason


@pytest.mark.parametrize(
    ("code", "reason", "detail"),
    [
        (1006, "stream-broken", "then gateway-hung-up (hangup)"),
        (None, "stream-broken", "then gateway-hung-up (hangup)"),
        (1011, "stream-given-up", "1011, then gateway-hung-up (hangup)"),
        (1001, "stream-given-up", "1001, then gateway-hung-up (hangup)"),
    ],
)
def test_call_whose_stream_the_server_lost_has_failed_though_its_twiml_ended_it_well(
    code: int | None, reason: str, detail: str
) -> None:
    caller = left(code)

    assert has_failed(caller, end_of(caller))
    assert outcome(caller, end_of(caller)) == (reason, detail)


@pytest.mark.parametrize("code", [1000, 1005, 4000])
def test_server_may_hang_up(code: int) -> None:
    caller = left(code)

    assert not has_failed(caller, end_of(caller))
    assert outcome(caller, end_of(caller)) == ("gateway-hung-up", "hangup")


def test_stream_that_is_taken_up_again_has_not_failed() -> None:
    caller = left(1012, then=CONNECT)
    caller.begin(101.2)
    caller.hang_up(102.0)

    assert not has_failed(caller, end_of(caller))


def test_caller_for_whom_the_test_hangs_up_before_the_answer_has_not_failed() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 1.0)
    caller.hang_up_after = 0.0
    caller.hang_up(2.0)

    assert not has_failed(caller, end_of(caller))


def test_caller_who_gives_up_waiting_in_a_pause_has_failed() -> None:
    caller = answered(b'<Response><Pause length="600"/></Response>')
    caller.hang_up(100.0)

    assert has_failed(caller, end_of(caller))
