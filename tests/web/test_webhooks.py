from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from gateway import ending as endings
from gateway.ending import Ending
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running
from tests.legs import EndedCall

CALL_SID = "CA" + "1" * 32
FIELDS = [("CallSid", CALL_SID), ("AccountSid", "AC" + "0" * 32), ("From", "+15005550001"), ("FromCity", "")]
FORM = "application/x-www-form-urlencoded"


def signed(
    path: str, fields: list[tuple[str, str]], token: str = AUTH_TOKEN, public_url: str = PUBLIC_URL
) -> str:
    form: dict[str, list[str]] = {}
    for name, value in fields:
        form.setdefault(name, []).append(value)

    class Form(dict[str, list[str]]):
        getlist = dict.__getitem__

    return str(RequestValidator(token).compute_signature(public_url + path, Form(form)))


async def post(
    at: Running,
    path: str,
    fields: list[tuple[str, str]],
    *,
    signature: str | None = "right",
    body: bytes | None = None,
    content_type: str = FORM,
) -> tuple[int, str, str]:
    headers = [("Content-Type", content_type)]
    if signature is not None:
        headers.append(("X-Twilio-Signature", signed(path, fields) if signature == "right" else signature))
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"http://127.0.0.1:{at.port}{path}",
            data=urlencode(fields).encode() if body is None else body,
            headers=headers,
        ) as response,
    ):
        return response.status, response.headers.get("Content-Type", ""), await response.text()


def test_new_call_is_connected_to_our_media_stream_with_a_token() -> None:
    async def scenario() -> tuple[int, str, str]:
        async with running() as at:
            return await post(at, "/twilio/voice", FIELDS)

    status, content_type, body = run(scenario())
    connect = ET.fromstring(body).find("Connect")
    assert status == 200
    assert content_type.startswith("application/xml")
    assert connect is not None
    assert connect.attrib == {"action": "https://voice.example.com/twilio/after", "method": "POST"}
    stream, parameter = connect.find("Stream"), connect.find("Stream/Parameter")
    assert stream is not None
    assert parameter is not None
    assert stream.attrib == {"url": "wss://voice.example.com/twilio/media"}
    assert parameter.attrib["name"] == "token"
    assert len(parameter.attrib["value"]) >= 32


def test_repeated_webhook_is_answered_in_the_same_way() -> None:
    async def scenario() -> tuple[str, str, int]:
        async with running() as at:
            first = await post(at, "/twilio/voice", FIELDS)
            second = await post(at, "/twilio/voice", FIELDS)
            return first[2], second[2], at.gateway.active_calls.n_taken(0.0)

    first, second, n_taken = run(scenario())
    assert first == second
    assert n_taken == 1


def test_blank_and_repeated_fields_are_part_of_the_signature() -> None:
    async def scenario() -> tuple[int, int]:
        fields = [*FIELDS, ("Digits", "2"), ("Digits", "1"), ("Name", " padded ")]
        async with running() as at:
            whole = await post(at, "/twilio/voice", fields)
            signature = signed("/twilio/voice", fields)
            short = await post(at, "/twilio/voice", fields[:3] + fields[4:], signature=signature)
            return whole[0], short[0]

    assert run(scenario()) == (200, 403)


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/after", "/twilio/status"])
@pytest.mark.parametrize(
    "signature", [None, "", "AAAA", "\u00e9", "x" * 5000, "GEZs7SQ4qPkfuB+cJnnJpT3yBp0="]
)
def test_webhook_without_a_valid_signature_is_refused(path: str, signature: str | None) -> None:
    async def scenario() -> int:
        async with running() as at:
            return (await post(at, path, FIELDS, signature=signature))[0]

    assert run(scenario()) == 403


def test_signature_header_that_comes_twice_is_refused() -> None:
    async def scenario() -> int:
        right = signed("/twilio/voice", FIELDS)
        async with running() as at, aiohttp.ClientSession() as http:
            headers = [("Content-Type", FORM), ("X-Twilio-Signature", right), ("X-Twilio-Signature", right)]
            url = f"http://127.0.0.1:{at.port}/twilio/voice"
            async with http.post(url, data=urlencode(FIELDS).encode(), headers=headers) as response:
                return response.status

    assert run(scenario()) == 403


def test_either_token_is_good_while_one_is_rotated() -> None:
    async def scenario() -> list[int]:
        async with running(twilio_auth_token="old,new") as at:
            signatures = [signed("/twilio/status", FIELDS, token) for token in ("old", "new", "older")]
            return [(await post(at, "/twilio/status", FIELDS, signature=each))[0] for each in signatures]

    assert run(scenario()) == [204, 204, 403]


def test_host_and_forwarded_headers_do_not_change_what_is_checked() -> None:
    async def scenario() -> int:
        headers = {
            "Content-Type": FORM,
            "Host": "evil.example.com",
            "X-Forwarded-Host": "evil.example.com",
            "X-Twilio-Signature": signed("/twilio/voice", FIELDS, public_url="https://evil.example.com"),
        }
        async with running() as at, aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{at.port}/twilio/voice"
            async with http.post(url, data=urlencode(FIELDS).encode(), headers=headers) as response:
                return response.status

    assert run(scenario()) == 403


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "", 415),
        (b"x=" + b"y" * 70_000, FORM, 413),
        (b"&".join(b"f%d=1" % n for n in range(5000)), FORM, 400),
        (b"From=\xff\xfe", FORM, 400),
        (b"a=%ff%fe&b=%00&c=%ED%A0%80", FORM, 403),
        (b"", FORM, 403),
        (b"&&&===&", FORM, 403),
    ],
)
def test_hostile_body_is_refused_and_the_next_call_is_served(
    body: bytes, content_type: str, status: int
) -> None:
    async def scenario() -> tuple[int, int]:
        async with running() as at:
            bad = await post(at, "/twilio/voice", FIELDS, body=body, content_type=content_type)
            good = await post(at, "/twilio/voice", FIELDS)
            return bad[0], good[0]

    assert run(scenario()) == (status, 200)


@pytest.mark.parametrize("call_sid", ["", "CA1", "CA" + "g" * 32, "../../etc/passwd", "MZ" + "1" * 32])
def test_call_sid_that_is_none_is_refused(call_sid: str) -> None:
    async def scenario() -> int:
        async with running() as at:
            return (await post(at, "/twilio/voice", [("CallSid", call_sid)]))[0]

    assert run(scenario()) == 400


def test_webhooks_take_post_only() -> None:
    async def scenario() -> int:
        async with (
            running() as at,
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{at.port}/twilio/voice") as response,
        ):
            return response.status

    assert run(scenario()) == 405


def test_call_beyond_the_limit_hears_busy_or_reaches_the_fallback_number() -> None:
    async def scenario(**settings: object) -> tuple[str, str]:
        async with running(max_calls=1, **settings) as at:
            await post(at, "/twilio/voice", FIELDS)
            second = await post(at, "/twilio/voice", [("CallSid", "CA" + "2" * 32)])
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{at.port}/readyz") as ready,
            ):
                return second[2], f"{ready.status} {await ready.text()}"

    assert run(scenario()) == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy" /></Response>',
        "503 full",
    )
    dialled, _ = run(scenario(fallback_number="+15005550009"))
    assert "<Dial><Number>+15005550009</Number></Dial>" in dialled


def test_draining_gateway_is_busy_and_not_ready() -> None:
    async def scenario() -> tuple[str, int, int]:
        async with running() as at, aiohttp.ClientSession() as http:
            at.gateway.active_calls.draining = True
            answer = await post(at, "/twilio/voice", FIELDS)
            address = f"http://127.0.0.1:{at.port}"
            async with http.get(f"{address}/readyz") as ready, http.get(f"{address}/healthz") as healthy:
                return answer[2], ready.status, healthy.status

    answer, ready, healthy = run(scenario())
    assert "<Reject" in answer
    assert (ready, healthy) == (503, 200)


@pytest.mark.parametrize(
    ("ending", "fallback", "verb"),
    [
        (None, None, "<Connect"),
        (endings.STREAM_LOST, "+15005550009", "<Connect"),
        (endings.SUPERSEDED, None, "<Connect"),
        (endings.DRAINED, None, "<Pause"),
        (endings.MODEL_HANGUP, "+15005550009", "<Hangup />"),
        (endings.BUDGET, "+15005550009", "<Hangup />"),
        (endings.HANGUP, "+15005550009", "<Hangup />"),
        (endings.MODEL_LOST, None, "<Hangup />"),
        (endings.MODEL_LOST, "+15005550009", "<Dial><Number>+15005550009</Number></Dial>"),
    ],
)
def test_what_follows_the_stream_depends_on_how_the_call_ended(
    ending: Ending | None, fallback: str | None, verb: str
) -> None:
    async def scenario() -> str:
        async with running(fallback_number=fallback) as at:
            calls = at.gateway.active_calls
            if ending is not None:
                token = calls.admit(CALL_SID, 0.0)
                assert isinstance(token, str)
                calls.begin(CALL_SID, token, EndedCall(), 0.0)
                calls.finish(CALL_SID, ending)
            return (await post(at, "/twilio/after", [*FIELDS, ("CallStatus", "in-progress")]))[2]

    assert verb in run(scenario())


def test_call_of_another_account_is_refused() -> None:
    async def scenario() -> list[int]:
        async with running(twilio_account_sid="AC" + "a" * 32) as at:
            ours = [("CallSid", CALL_SID), ("AccountSid", "AC" + "a" * 32)]
            return [(await post(at, "/twilio/voice", fields))[0] for fields in (ours, FIELDS, ours[:1])]

    assert run(scenario()) == [200, 403, 403]


def test_webhook_replayed_after_the_call_is_refused() -> None:
    async def scenario() -> int:
        async with running() as at:
            calls = at.gateway.active_calls

            token = calls.admit(CALL_SID, 0.0)
            assert isinstance(token, str)
            calls.begin(CALL_SID, token, EndedCall(), 0.0)
            calls.finish(CALL_SID, endings.HANGUP)
            return (await post(at, "/twilio/voice", FIELDS))[0]

    assert run(scenario()) == 409
