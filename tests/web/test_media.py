import asyncio
import base64
import contextlib
import json
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway import call as call_module
from gateway.call import Call
from gateway.caller_leg import CallerLeg
from gateway.realtime.events import AudioDelta
from gateway.text_frames import masked_text_frame
from tests.gateways import AUTH_TOKEN, Running, run, running

CALL_SID, ACCOUNT_SID, STREAM_SID = "CA" + "1" * 32, "AC" + "0" * 32, "MZ" + "2" * 32
MEDIA_URL = "wss://voice.example.com/twilio/media"
CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
SILENCE = base64.b64encode(b"\xff" * 160).decode()


def start(token: str, call_sid: str = CALL_SID, **changes: Any) -> dict[str, Any]:
    begin = {
        "streamSid": STREAM_SID,
        "accountSid": ACCOUNT_SID,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
        **changes,
    }
    return {"event": "start", "sequenceNumber": "1", "start": begin, "streamSid": STREAM_SID}


def media(number: int, payload: str = SILENCE) -> dict[str, Any]:
    frame = {"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": payload}
    return {"event": "media", "sequenceNumber": str(number), "media": frame, "streamSid": STREAM_SID}


def signature(url: str = MEDIA_URL, token: str = AUTH_TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, {}))


@contextlib.asynccontextmanager
async def handshake(
    at: Running, path: str = "/twilio/media", **headers: str
) -> AsyncIterator[ClientConnection]:
    signed = {"X-Twilio-Signature": signature(), **headers}
    url = f"ws://127.0.0.1:{at.port}{path}"
    async with connect(url, additional_headers=signed, compression=None, proxy=None) as websocket:
        yield websocket


def token_for(at: Running, call_sid: str = CALL_SID) -> str:
    token = at.gateway.active_calls.admit(call_sid, time.monotonic())
    assert isinstance(token, str)
    return token


async def closed_with(websocket: ClientConnection) -> int | None:
    """Read until the server closes; return its code."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in websocket:
            pass
    return websocket.close_code


async def begun(at: Running) -> None:
    """Wait until a call has begun."""
    async for event in at.gateway.feed.watch():
        assert event
        return


def endings(at: Running) -> dict[str, float]:
    (family,) = at.gateway.metrics.calls.collect()
    return {
        sample.labels["reason"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Twilio-Signature": "AAAA"},
        {"X-Twilio-Signature": signature(token="another")},
        {"X-Twilio-Signature": signature("https://voice.example.com/twilio/voice")},
        {"Origin": "https://evil.example.com"},
    ],
)
def test_handshake_that_twilio_did_not_make_is_refused_before_it_is_accepted(headers: dict[str, str]) -> None:
    async def scenario() -> None:
        async with running() as at, handshake(at, **headers):
            pass

    with pytest.raises(InvalidStatus) as caught:
        run(scenario())
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/twilio/media", "/twilio/media/"])
@pytest.mark.parametrize("signed_url", [MEDIA_URL, f"{MEDIA_URL}/"])
def test_handshake_is_signed_with_or_without_a_slash(path: str, signed_url: str) -> None:
    async def scenario() -> str:
        async with (
            running() as at,
            handshake(at, path, **{"X-Twilio-Signature": signature(signed_url)}) as websocket,
        ):
            return websocket.state.name

    assert run(scenario()) == "OPEN"


def test_sockets_without_a_valid_token_are_limited_in_number() -> None:
    async def scenario() -> int:
        async with running() as at:
            at.gateway.active_calls.n_unauthenticated = 100
            try:
                async with handshake(at):
                    return 101
            except InvalidStatus as refused:
                return refused.response.status_code

    assert run(scenario()) == 503


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        ([start("wrong")], 1008, "protocol-error"),
        ([media(1)], 1008, "protocol-error"),
        ([CONNECTED, media(1)], 1008, "protocol-error"),
        ([CONNECTED, {"event": "stop", "sequenceNumber": "1", "streamSid": STREAM_SID,
                      "stop": {"accountSid": ACCOUNT_SID, "callSid": CALL_SID}}], 1008, "protocol-error"),
        ([CONNECTED, CONNECTED], 1008, "protocol-error"),
        ([CONNECTED, start("wrong")], 1008, "bad-token"),
        ([CONNECTED, start("")], 1008, "bad-token"),
        ([CONNECTED, start("TOKEN", "CA" + "9" * 32)], 1008, "bad-token"),
        ([CONNECTED, start("TOKEN", customParameters={})], 1008, "bad-token"),
        ([CONNECTED, start("TOKEN", mediaFormat={"encoding": "audio/l16", "sampleRate": 8000, "channels": 1})],
         1003, "protocol-error"),
        ([CONNECTED, start("TOKEN"), start("TOKEN")], 1008, "protocol-error"),
    ],
)  # fmt: skip
def test_stream_that_may_not_begin_is_closed_with_the_right_code(
    messages: list[dict[str, Any]], code: int, reason: str
) -> None:
    async def scenario() -> tuple[int | None, dict[str, float], int]:
        async with running() as at:
            token = token_for(at)
            async with handshake(at) as websocket:
                for message in messages:
                    await websocket.send(json.dumps(message).replace("TOKEN", token))
                closed = await closed_with(websocket)
            return closed, endings(at), at.gateway.active_calls.n_unauthenticated

    closed, ended, n_unauthenticated = run(scenario())
    assert closed == code
    assert ended == {reason: 1}
    assert n_unauthenticated == 0


def test_stream_that_does_not_start_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "START_TIMEOUT", 0.2)

    async def scenario() -> tuple[int | None, dict[str, float]]:
        async with running() as at, handshake(at) as websocket:
            await websocket.send(json.dumps(CONNECTED))
            return await closed_with(websocket), endings(at)

    assert run(scenario()) == (1008, {"no-start": 1})


def test_stream_without_media_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "MEDIA_TIMEOUT", 0.2)

    async def scenario() -> tuple[int | None, dict[str, float]]:
        async with running() as at, handshake(at) as websocket:
            for message in (CONNECTED, start(token_for(at))):
                await websocket.send(json.dumps(message))
            return await closed_with(websocket), endings(at)

    assert run(scenario()) == (1000, {"media-timeout": 1})


HOSTILE: list[str | bytes] = [
    "",
    "null",
    "[]",
    "{}",
    "not json",
    '{"event": null}',
    '{"event": "media"}',
    '{"event": "weather", "sunny": true}',
    '{"event": "media", "media": {"payload": 5}}',
    json.dumps(media(2, payload="!!!")),
    json.dumps(media(2, payload="")),
    json.dumps(media(2, payload=base64.b64encode(b"x" * 20_000).decode())),
    json.dumps({**media(2), "streamSid": "MZ" + "3" * 32}),
    json.dumps({**media(2), "sequenceNumber": "-1"}),
    json.dumps({**media(2), "sequenceNumber": "9" * 5000}),
    json.dumps({**media(2), "sequenceNumber": "١٢"}),
    json.dumps(media(2)).replace('"2"', "NaN"),
    "[" * 30_000,
    json.dumps(
        {"event": "mark", "sequenceNumber": "2", "streamSid": STREAM_SID, "mark": {"name": "never sent"}}
    ),
    json.dumps(
        {"event": "mark", "sequenceNumber": "2", "streamSid": STREAM_SID, "mark": {"name": "x" * 5000}}
    ),
    json.dumps(
        {"event": "dtmf", "sequenceNumber": "2", "streamSid": STREAM_SID, "dtmf": {"digit": "<script>"}}
    ),
    b"\x00\x01binary",
    b"",
]


def test_call_goes_on_after_every_message_that_cannot_be_used() -> None:
    async def scenario() -> tuple[str, dict[str, float]]:
        async with running() as at:
            async with handshake(at) as websocket:
                began = asyncio.ensure_future(begun(at))
                for message in (CONNECTED, start(token_for(at))):
                    await websocket.send(json.dumps(message))
                await began
                for hostile in HOSTILE:
                    await websocket.send(hostile)
                await websocket.ping()
                state = websocket.state.name
                stop = {"accountSid": ACCOUNT_SID, "callSid": CALL_SID}
                await websocket.send(
                    json.dumps(
                        {"event": "stop", "sequenceNumber": "3", "streamSid": STREAM_SID, "stop": stop}
                    )
                )
                await closed_with(websocket)
            return state, endings(at)

    assert run(scenario()) == ("OPEN", {"hangup": 1})


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\xfe\xff\xff" + bytes(4) + b"x" * 65_535, None),  # 64 KiB less one byte: only malformed
        (b"\x81\xff" + struct.pack("!Q", 65_537) + bytes(4) + b"x" * 65_537, 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4), 1009),
        (b"\x81\x82" + bytes(4) + b"\xff\xfe", 1007),
        (b"\x81\x02ab", 1002),  # not masked
        (b"\xc1\x82" + bytes(4) + b"ab", 1002),  # compressed, though that was not agreed
        (b"\x80\x82" + bytes(4) + b"ab", 1002),  # the end of a message that did not begin
    ],
)
def test_frame_that_breaks_the_websocket_rules_closes_that_call_alone(frame: bytes, code: int | None) -> None:
    async def scenario() -> tuple[int | None, str]:
        async with running() as at, handshake(at) as bystander, handshake(at) as websocket:
            await websocket.send(json.dumps(CONNECTED))
            websocket.transport.write(frame)
            if code is None:
                await (await websocket.ping())
                closed = None
            else:
                closed = await closed_with(websocket)
            await (await bystander.ping())
            return closed, bystander.state.name

    assert run(scenario()) == (code, "OPEN")


def test_message_in_fragments_is_one_message() -> None:
    async def scenario() -> int | None:
        async with running() as at, handshake(at) as websocket:
            await websocket.send(iter(['{"event": "conn', 'ected"', "}"]))
            await websocket.send(json.dumps(start(token_for(at))))
            await begun_or_closed(at, websocket)
            return websocket.close_code

    async def begun_or_closed(at: Running, websocket: ClientConnection) -> None:
        while not len(at.gateway.active_calls) and websocket.close_code is None:
            await (await websocket.ping())

    assert run(scenario()) is None


def test_socket_that_goes_away_without_a_stop_ends_the_call() -> None:
    async def scenario() -> dict[str, float]:
        async with running() as at:
            async with handshake(at) as websocket:
                began = asyncio.ensure_future(begun(at))
                for message in (CONNECTED, start(token_for(at))):
                    await websocket.send(json.dumps(message))
                await began
                websocket.transport.abort()
            await at.gateway.active_calls.wait_empty()
            return endings(at)

    assert run(scenario()) == {"stream-lost": 1}


def test_sound_that_comes_in_the_moment_of_the_break_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[Call] = []
    closed = CallerLeg.connection_closed

    def closed_while_the_model_speaks(self: CallerLeg) -> None:
        closed(self)
        for each in calls:
            each.event_received(AudioDelta("item_1", bytes(48 * 200), "resp_1"))

    monkeypatch.setattr(CallerLeg, "connection_closed", closed_while_the_model_speaks)

    async def scenario() -> dict[str, float]:
        async with running() as at:
            async with handshake(at) as websocket:
                began = asyncio.ensure_future(begun(at))
                for message in (CONNECTED, start(token_for(at))):
                    await websocket.send(json.dumps(message))
                await began
                calls.extend(
                    each for each in at.gateway.active_calls._live.values() if isinstance(each, Call)
                )
                websocket.transport.abort()
            await at.gateway.active_calls.wait_empty()
            return endings(at)

    with capture_logs() as logs:
        assert run(scenario()) == {"stream-lost": 1}
    assert len(calls) == 1
    assert "call failed" not in [log["event"] for log in logs]


def test_second_stream_for_the_same_call_is_refused() -> None:
    async def scenario() -> int | None:
        async with running() as at, handshake(at) as first, handshake(at) as second:
            token = token_for(at)
            began = asyncio.ensure_future(begun(at))
            for message in (CONNECTED, start(token)):
                await first.send(json.dumps(message))
            await began
            for message in (CONNECTED, start(token)):
                await second.send(json.dumps(message))
            return await closed_with(second)

    assert run(scenario()) == 1008


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 100, 700])
def test_frames_that_come_all_at_once_are_read_however_they_are_cut(cut: int) -> None:
    async def scenario() -> dict[str, float]:
        async with running() as at:
            messages = [CONNECTED, start(token_for(at)), media(1), {"event": "stop", "streamSid": STREAM_SID}]
            messages[3] |= {"sequenceNumber": "3", "stop": {"accountSid": ACCOUNT_SID, "callSid": CALL_SID}}
            frames = b"".join(
                masked_text_frame(json.dumps(message).encode(), b"mask") for message in messages
            )
            request = (
                "GET /twilio/media HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
                f"X-Twilio-Signature: {signature()}\r\n\r\n"
            )
            reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
            writer.write(request.encode())
            assert b"101" in await reader.readuntil(b"\r\n\r\n")
            writer.write(frames[:cut])
            await asyncio.sleep(0.01)  # two segments, if the machine is not too busy; the result is the same
            writer.write(frames[cut:])
            await reader.read()  # the server closes after the stop
            writer.close()
            return endings(at)

    assert run(scenario()) == {"hangup": 1.0}
