from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from gateway.loadtest.identity import new_identity
from gateway.loadtest.webhook import HttpRequest, Method, sign
from gateway.twilio.messages import AccountSid, CallSid, StreamSid
from gateway.twilio.signature import is_handshake_signed_by_twilio, is_signed_by_twilio
from tests.loadtest.calls import AUTH_TOKEN, CONNECT, HANG_UP, IDENTITY, STREAM_URL, new_caller


def form(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)


def test_a_call_asks_the_voice_url_as_twilio_does() -> None:
    request = new_caller().webhook("/twilio/voice", 1.0)

    fields = dict(form(request))
    assert (request.method, request.url) == ("POST", "https://voice.example.com/twilio/voice")
    assert fields["AccountSid"] == IDENTITY.account_sid
    assert fields["CallSid"] == IDENTITY.call_sid
    assert fields["From"] == fields["Caller"] == "+15005550001"
    assert fields["To"] == fields["Called"] == "+15005550006"
    assert fields["CallStatus"] == "ringing"
    assert fields["Direction"] == "inbound"
    assert fields["FromCity"] == fields["CalledZip"] == ""
    assert {name: value for name, value in request.headers.items() if name != "X-Twilio-Signature"} == {
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "X-Home-Region": "us1",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    "path", ["/twilio/voice", "/a%20b/?tenant=x&y", "https://other.example:8443/voice#rc=2"]
)
def test_the_gateway_s_own_check_accepts_the_signature_and_no_change(method: Method, path: str) -> None:
    request = new_caller().webhook(path, 1.0, method=method, extra={"Digits": " 1&2 "})
    signature = request.headers["X-Twilio-Signature"]

    fields = form(request) if method == "POST" else []
    assert is_signed_by_twilio(request.url, fields, signature, [AUTH_TOKEN])
    assert not is_signed_by_twilio(request.url, fields, signature, ["another"])
    assert not is_signed_by_twilio(request.url, [*fields, ("x", "")], signature, [AUTH_TOKEN])
    assert "#" not in request.url


def test_a_get_carries_its_fields_in_the_query() -> None:
    request = new_caller().webhook("/voice?tenant=a", 1.0, method="GET", extra={"Digits": "1"})

    fields = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    assert (request.method, request.body) == ("GET", b"")
    assert "Content-Type" not in request.headers
    assert (fields["tenant"], fields["Digits"], fields["FromCity"]) == ("a", "1", "")


def test_later_requests_say_that_the_call_is_on() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 1.0)

    assert dict(form(caller.webhook("/twilio/after", 2.0)))["CallStatus"] == "in-progress"


def test_an_outbound_call_is_on_when_it_first_asks() -> None:
    identity = new_identity(1, direction="outbound-api")
    caller = new_caller(identity=identity)

    fields = dict(form(caller.webhook("/twilio/outbound?agent=sales", 10.0)))

    assert (fields["CallStatus"], fields["Direction"]) == ("in-progress", "outbound-api")
    assert fields["From"] == fields["Caller"] == identity.from_number == "+15005550006"
    assert fields["To"] == fields["Called"] == identity.to_number == "+15005550001"
    caller.take_twiml(200, "text/xml", HANG_UP, 12.0)
    status = dict(form(caller.status_callback("/twilio/status", 20.0, ENDED_AT)))
    assert (status["CallStatus"], status["CallDuration"]) == ("completed", "10")


def test_machine_detection_s_callback_is_signed_and_says_no_more_than_twilio_s() -> None:
    caller = new_caller()
    request = caller.signalling.answered_by_callback("/twilio/answered-by", "machine_start", 2.3456)

    assert dict(form(request)) == {
        "AccountSid": IDENTITY.account_sid,
        "CallSid": IDENTITY.call_sid,
        "AnsweredBy": "machine_start",
        "MachineDetectionDuration": "2346",
    }
    assert is_signed_by_twilio(
        request.url, form(request), request.headers["X-Twilio-Signature"], [AUTH_TOKEN]
    )


def test_a_public_url_below_a_path_keeps_the_path() -> None:
    caller = new_caller()
    caller.signalling.public_url = "https://example.com/gateway/"

    assert caller.webhook("/twilio/voice", 1.0).url == "https://example.com/gateway/twilio/voice"


def test_signatures_equal_known_ones() -> None:
    token = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
    fields = {
        "AccountSid": "AC" + "0" * 32,
        "CallSid": "CA" + "1" * 32,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": "+15005550001",
        "FromCity": "",
        "FromState": "CA",
        "To": "+15005550006",
    }
    assert sign("https://voice.example.com/twilio/voice", fields, token) == "1O3KlW7RYX8UbGn2zrv2lFaGWyE="
    assert sign("wss://voice.example.com/twilio/media", {}, token) == "0qSk1B99xWf80NdcqAw9nnYquXY="


def test_the_handshake_has_twilio_s_headers_and_a_signature_over_the_wss_url() -> None:
    headers = new_caller().handshake_headers(STREAM_URL)

    assert list(headers) == ["user-agent", "x-twilio-signature", "accept-encoding"]
    assert headers["user-agent"] == "Twilio.TmeWs/1.0"
    assert headers["accept-encoding"] == "gzip"
    assert is_handshake_signed_by_twilio(STREAM_URL, headers["x-twilio-signature"], [AUTH_TOKEN])


ENDED_AT = datetime(2018, 3, 25, 9, 53, 19, tzinfo=UTC)


def test_the_status_callback_reports_a_completed_call_from_answer_to_end() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 10.0)
    caller.take_twiml(200, "text/xml", HANG_UP, 11.0)

    request = caller.status_callback("/twilio/status", 60.6, ENDED_AT)

    fields = dict(form(request))
    assert request.url == "https://voice.example.com/twilio/status"
    assert fields["CallStatus"] == "completed"
    assert (fields["CallDuration"], fields["Duration"]) == ("50", "1")
    assert fields["CallbackSource"] == "call-progress-events"
    assert fields["SequenceNumber"] == "0"
    assert fields["Timestamp"] == "Sun, 25 Mar 2018 09:53:19 +0000"
    assert is_signed_by_twilio(
        request.url, form(request), request.headers["X-Twilio-Signature"], [AUTH_TOKEN]
    )


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")])
def test_a_call_turned_away_is_not_reported_as_completed(reason: str, status: str) -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 10.0)
    caller.take_twiml(200, "text/xml", f'<Response><Reject reason="{reason}"/></Response>'.encode(), 11.0)

    fields = dict(form(caller.status_callback("/twilio/status", 12.0, ENDED_AT)))

    assert (fields["CallStatus"], fields["CallDuration"]) == (status, "0")


def test_identities_are_valid_and_repeat_only_for_the_same_seed() -> None:
    one, same, other = new_identity(1), new_identity(1), new_identity(2)
    at_random = {new_identity().call_sid for _ in range(10)}

    assert one == same
    assert len({one.call_sid, other.call_sid, *at_random}) == 12
    assert msgspec.convert(one.account_sid, AccountSid)
    assert msgspec.convert(one.call_sid, CallSid)
    assert msgspec.convert(one.stream_sid, StreamSid)
    assert new_identity(1, account_sid=IDENTITY.account_sid).account_sid == IDENTITY.account_sid


def test_a_failure_of_the_network_ends_the_call_with_twilio_s_code() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 1.0)
    caller.take_twiml(200, "text/xml", CONNECT, 2.0)

    end = caller.fail("stream-refused", "403", 3.0)

    assert caller.end is end
    assert (end.code, end.failed, str(end)) == (31920, True, "stream-refused (403)")
