"""Calls from the softphone over real sockets, without a browser."""

import asyncio
import json
import time
from typing import Any

import pytest
from starlette.responses import Response
from starlette.routing import Route

from gateway.console import phone as phone_module
from gateway.ending import Ending
from gateway.twilio import twiml
from tests.console.phones import HANG_UP, Page, page, phoning
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run
from voice_codecs import sine


def endings(at: Running) -> dict[tuple[str, str], float]:
    (family,) = at.gateway.metrics.calls.collect()
    return {
        (sample.labels["by"], sample.labels["reason"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total") and sample.value
    }


async def ended(at: Running) -> dict[tuple[str, str], float]:
    """How calls ended, once none is going on."""
    await at.gateway.active_calls.wait_empty()
    return endings(at)


def test_whole_call_passes_sound_words_and_keys_both_ways_and_ends_as_twilio_ends_it() -> None:
    async def scenario() -> tuple[Page, dict[str, Any], dict[tuple[str, str], float]]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at, page(at) as ours:
            await ours.until("phone.answered")
            session = await model.session()
            await ours.frame()
            await ours.send("dtmf", {"track": "inbound_track", "digit": "5"})
            await session.wait_for("input_audio_buffer.append")
            await session.say("item_1", sine(440.0, 400, 24_000).tobytes(), "Good morning.")
            await ours.until("phone.conversation", what="agent-said")
            await ours.websocket.send(HANG_UP)
            over = await ours.until("phone.over")
            assert await ours.closed() == 1000
            assert model.faults == []
            return ours, over, await ended(at)

    ours, over, how = run(scenario())
    assert ours.events()[:2] == ["phone.ringing", "phone.answered"]
    samples = sum(len(each["media"]["payload"]) * 3 // 4 for each in ours.heard if each["event"] == "media")
    assert samples >= 400 * 8 - 96
    assert "mark" in ours.events()
    said = [each for each in ours.heard if each.get("what") == "agent-said"]
    assert said[0]["text"] == "Good morning."
    assert (over["by"], over["reason"], over["failed"], over["faults"]) == (
        "caller",
        "caller-hung-up",
        False,
        {},
    )
    assert how == {("caller", "hangup"): 1.0}


def test_barge_in_clears_what_is_queued_and_tells_the_page_how_much_was_heard() -> None:
    async def scenario() -> Page:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at, page(at) as ours:
            await ours.until("phone.answered")
            session = await model.session()
            await ours.frame()
            await session.wait_for("input_audio_buffer.append")
            await session.say("item_1", sine(440.0, 3000, 24_000).tobytes(), "a long sentence")
            heard = await ours.websocket.recv()  # nothing is echoed: the sound is still to be played
            ours.heard.append(json.loads(heard))
            await session.speech_started(100)
            await silent_until(ours, "clear")
            await silent_until(ours, "phone.conversation", "interrupted")
            await ours.websocket.send(HANG_UP)
            await silent_until(ours, "phone.over")
            return ours

    async def silent_until(ours: Page, event: str, what: str | None = None) -> None:
        while not any(each["event"] == event and what in {None, each.get("what")} for each in ours.heard):
            ours.heard.append(json.loads(await ours.websocket.recv()))

    interrupted = [each for each in run(scenario()).heard if each.get("what") == "interrupted"]
    assert interrupted[0]["itemId"] == "item_1"
    assert interrupted[0]["heardMs"] < 3000


def test_page_that_goes_away_hangs_up() -> None:
    async def scenario() -> dict[tuple[str, str], float]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            async with page(at) as ours:
                await ours.until("phone.answered")
                await ours.frame()
                await model.session()
                ours.websocket.transport.abort()
            return await ended(at)

    assert run(scenario()) == {("caller", "hangup"): 1.0}


@pytest.mark.parametrize("origin", [None, "https://evil.example", "http://127.0.0.1", "null"])
def test_line_is_refused_to_any_other_page(origin: str | None) -> None:
    async def scenario() -> str:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            with pytest.raises(Exception, match="403") as refusal:
                async with page(at, origin=origin):
                    pass
            return str(refusal.value)

    assert "403" in run(scenario())


def test_line_is_refused_to_a_foreign_name_that_points_here() -> None:
    async def scenario() -> bytes:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            reader, writer = await asyncio.open_connection(*at.address)
            host = f"evil.example:{at.port}"
            writer.write(
                f"GET /phone/line HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            status = await reader.readline()
            writer.close()
            return status

    assert b"403" in run(scenario())


def test_busy_gateway_is_told_in_words() -> None:
    async def scenario() -> dict[str, Any]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url, max_calls=1) as at:
            first = at.gateway.active_calls.admit("CA" + "0" * 32, time.monotonic())
            async with page(at) as second:
                assert isinstance(first, str)
                return await second.until("phone.over")

    over = run(scenario())
    assert (over["reason"], over["by"]) == ("busy", "gateway")
    assert "busy" in over["text"]


def test_page_gets_no_more_calls_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_module, "MAX_CALLS", 1)

    async def scenario() -> tuple[dict[str, Any], int | None, str]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            async with page(at) as first:
                await first.until("phone.answered")
                async with page(at) as second:
                    over, code = await second.until("phone.over"), await second.closed()
                await first.websocket.send(HANG_UP)
                await first.closed()
            async with page(at) as third:
                await third.until("phone.answered")
                return over, code, third.events()[-1]

    over, code, last = run(scenario())
    assert (over["reason"], code, last) == ("too-many-calls", 1013, "phone.answered")


@pytest.mark.parametrize(
    ("document", "reason", "words"),
    [
        ("<Response><Reject/></Response>", "rejected", "rejected"),
        (twiml.hang_up(), "gateway-hung-up", "hung up"),
        (twiml.dial("+15005550009"), "transferred", "+15005550009"),
        ("<Response><Say>Hello</Say></Response>", "gateway-hung-up", "hung up"),
        ("<Response><Redirect>/twilio/voice</Redirect></Response>", "webhook-loop", "circles"),
        ("nonsense", "twiml-not-xml", "no XML"),
    ],
)
def test_what_the_twiml_says_is_told_in_words(document: str, reason: str, words: str) -> None:
    async def answer(_: object) -> Response:
        return Response(document, media_type="application/xml")

    async def scenario() -> tuple[Page, dict[str, Any]]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            at.gateway.app.router.routes.insert(0, Route("/twilio/voice", answer, methods=["POST"]))
            async with page(at) as ours:
                return ours, await ours.until("phone.over")

    ours, over = run(scenario())
    assert over["reason"] == reason
    assert words in over["text"]
    assert ("phone.notice" in ours.events()) == ("Say" in document)


def test_gateway_that_ends_the_call_says_why() -> None:
    async def scenario() -> dict[str, Any]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at, page(at) as ours:
            await ours.until("phone.answered")
            await ours.frame()
            await model.session()
            at.gateway.active_calls.end_all(Ending("gateway", "drained"))
            return await ours.until("phone.over")

    over = run(scenario())
    assert (over["by"], over["reason"]) == ("gateway", "gateway-hung-up")
    assert over["text"] == "The gateway hung up. The gateway is being stopped."


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        '{"event":"stop","sequenceNumber":"2","streamSid":"SID"}',
        '{"event":"dtmf","sequenceNumber":"7","streamSid":"SID","dtmf":{"digit":"1"}}',
        '{"event":"weather"}',
    ],
)
def test_page_that_sends_what_twilio_would_not_is_hung_up_on(text: str) -> None:
    async def scenario() -> tuple[str, dict[tuple[str, str], float]]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at, page(at) as ours:
            answered = await ours.until("phone.answered")
            await model.session()
            await ours.websocket.send(text.replace('"SID"', json.dumps(answered["streamSid"])))
            over = await ours.until("phone.over")
            return over["reason"], await ended(at)

    assert run(scenario()) == ("caller-hung-up", {("caller", "hangup"): 1.0})
