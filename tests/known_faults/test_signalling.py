"""What Twilio is asked for, and what it, or somebody else, may ask of us."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.server_messages import PlayAudio, read_message
from gateway.outbound import dial_order
from gateway.twilio import twiml
from gateway.twilio.rest import TwilioRest
from tests.fake_twilio_rest import AUTH_TOKEN as REST_TOKEN
from tests.fake_twilio_rest import FakeTwilioRest
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import PUBLIC_URL, Running, run, running
from tests.test_calls import heard, tone
from tests.web.test_media import CONNECTED, STREAM_SID, begun, closed_with, handshake, start
from tests.web.test_webhooks import FIELDS, FORM, post, signed
from voice_codecs import ModelToCaller

URL = "https://voice.example.com/twilio/x"
DOCUMENTS = {
    "connect_stream": twiml.connect_stream("wss://voice.example.com/x", "token", URL),
    "busy": twiml.busy(),
    "dial": twiml.dial("+15005550006", action_url=URL, timeout=20, caller_id="+15005550001"),
    "join_conference": twiml.join_conference("room"),
    "whisper": twiml.whisper("A caller.", URL),
    "redirect": twiml.redirect(URL, pause_seconds=3),
    "hang_up": twiml.hang_up(),
}
VOICEMAIL = """
[agents.desk]
instructions = "Sell."
greeting = "Hello, it is the desk."
{}
"""
BEHIND_PROXIES: list[dict[str, str]] = [
    {"Host": "10.0.0.7:8000"},
    {"Host": "10.0.0.7:8000", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "inner.example.com"},
    {"Host": "inner.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
    {"Host": "voice.example.com", "Forwarded": "for=203.0.113.9;host=inner.example.com;proto=http"},
]


def elements(document: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(document).iter(tag))


def test_every_document_that_we_can_write_is_looked_at_here() -> None:
    written = {
        name for name, each in inspect.getmembers(twiml, inspect.isfunction) if not name.startswith("_")
    }
    assert written == set(DOCUMENTS)


def test_answered_call_hears_our_stream_before_anything_else() -> None:
    """Fault 35."""
    assert [each.tag for each in ET.fromstring(DOCUMENTS["connect_stream"])] == ["Connect"]


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_streams_are_connected_so_that_the_caller_hears_us(document: str) -> None:
    """Fault 29."""
    assert len(elements(document, "Stream")) == len(ET.fromstring(document).findall("Connect/Stream"))
    assert elements(document, "Start") == []


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_no_document_asks_for_a_recording_that_a_connected_call_would_not_make(document: str) -> None:
    """Fault 30."""
    assert "record" not in document.lower()


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_streams_carry_the_track_of_the_caller_alone(document: str) -> None:
    """Fault 31. Audio of the other track would be refused: see the table."""
    assert [each.get("track", "inbound_track") for each in elements(document, "Stream")] in (
        [],
        ["inbound_track"],
    )


@pytest.mark.parametrize("headers", BEHIND_PROXIES, ids="+".join)
def test_webhooks_and_handshakes_are_accepted_behind_any_proxy_by_their_public_address(
    headers: dict[str, str],
) -> None:
    """Faults 23, 24."""

    async def scenario() -> tuple[int, str]:
        async with running() as at:
            address = f"http://127.0.0.1:{at.port}/twilio/voice"
            signature = signed("/twilio/voice", FIELDS)
            given = {**headers, "Content-Type": FORM, "X-Twilio-Signature": signature}
            async with (
                aiohttp.ClientSession() as http,
                http.post(address, data=urlencode(FIELDS).encode(), headers=given) as response,
            ):
                status = response.status
            forwarded = {name: value for name, value in headers.items() if name != "Host"}
            async with handshake(at, **forwarded) as websocket:
                return status, websocket.state.name

    assert run(scenario()) == (200, "OPEN")


def test_stranger_opens_no_session_of_the_model() -> None:
    """Fault 25."""

    async def scenario() -> tuple[int, int, int | None, int]:
        async with FakeRealtimeServer() as model, running(realtime_url=model.url) as at:
            webhook = (await post(at, "/twilio/voice", FIELDS, signature="AAAA"))[0]
            with pytest.raises(InvalidStatus) as refused:
                async with handshake(at, **{"X-Twilio-Signature": "AAAA"}):
                    pass
            async with handshake(at) as websocket:  # whoever has got hold of a signature has no token
                for message in (CONNECTED, start("guessed")):
                    await websocket.send(json.dumps(message))
                closed = await closed_with(websocket)
            return webhook, refused.value.response.status_code, closed, len(model.attempts)

    assert run(scenario()) == (403, 403, 1008, 0)


def token_in(document: str) -> str:
    (parameter,) = elements(document, "Parameter")
    return parameter.attrib["value"]


def test_what_the_model_says_before_the_stream_has_started_is_not_sent_without_a_stream() -> None:
    """Fault 36."""

    async def scenario() -> tuple[bytes, list[tuple[str, int]]]:
        async with FakeRealtimeServer() as model, running(realtime_url=model.url) as at:
            _, _, document = await post(at, "/twilio/voice", FIELDS)
            session = await model.session()
            await session.wait_for("session.update")
            async with handshake(at) as websocket:
                await websocket.send(json.dumps(CONNECTED))
                await session.say("item_0", tone(400), "Is anybody there?")
                await session.wait_for("conversation.item.truncate")
                began = asyncio.ensure_future(begun(at))
                await websocket.send(json.dumps(start(token_in(document))))
                await began
                await session.say("item_1", tone(400), "Hello.")
                payload = b""
                while len(payload) < 400 * 8:
                    message = read_message(await websocket.recv(), STREAM_SID)
                    payload += message.payload if isinstance(message, PlayAudio) else b""
                cuts = [each.event for each in session.events("conversation.item.truncate")]
            assert model.faults == []
            return payload, [(each["item_id"], each["audio_end_ms"]) for each in cuts]

    payload, cuts = run(scenario())
    chain = ModelToCaller()
    assert payload == chain.feed(tone(400)) + chain.flush()
    assert cuts == [("item_0", 0)]


async def answered_by(
    at: Running, model: FakeRealtimeServer, who: str, words: str
) -> tuple[FakeSession, RecordedCaller]:
    """Place a call that a machine or a person answers; the model says what it is asked to, as ``words``."""
    callers: list[RecordedCaller] = []

    def picks_up(identity: CallIdentity, url: str) -> RecordedCaller:
        callers.append(at.caller(2.0, identity=identity, voice_url=url))
        return callers[-1]

    order = dial_order("+15005550006", "desk", public_url=PUBLIC_URL, from_number="+15005550001")
    async with (
        FakeTwilioRest() as rest,
        TwilioRest(rest.account_sid, rest.account_sid, REST_TOKEN, url=rest.url) as twilio,
        at.company(rest, answers=picks_up),
    ):
        rest.answered_by[order.to] = who
        await twilio.dial(order)
        session = await model.session()
        await session.wait_for("input_audio_buffer.append")
        await session.speech_started(0)  # whoever it is says hello, or that nobody is there
        await session.speech_stopped(900, "Hello, this is Sam.")
        assert session.events("response.create") == []
        if words:
            await session.wait_for("response.create")
            await session.say("item_1", tone(600), words)
    assert rest.faults == []
    return session, callers[0]


@pytest.mark.parametrize(
    ("who", "voicemail", "asked"),
    [
        ("machine_end_beep", 'voicemail = "Please call the desk."', "Please call the desk."),
        ("machine_end_beep", "", ""),
        ("fax", 'voicemail = "Please call the desk."', ""),
        ("human", 'voicemail = "Please call the desk."', "Hello, it is the desk."),
    ],
)
def test_machine_that_answers_is_left_a_message_or_nothing_and_only_a_person_is_talked_to(
    who: str, voicemail: str, asked: str, tmp_path: Path
) -> None:
    """Fault 32."""
    path = tmp_path / "agents.toml"
    path.write_text(VOICEMAIL.format(voicemail))

    async def scenario() -> tuple[FakeSession, RecordedCaller]:
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url, agents_file=path) as at:
                called = await answered_by(at, model, who, asked)
            assert model.faults == []
            return called

    session, caller = run(scenario())
    wishes: list[Mapping[str, str]] = [each.event["response"] for each in session.events("response.create")]
    assert [asked in wish["instructions"] for wish in wishes] == ([True] if asked else [])
    assert len(heard(caller)) == (600 * 8 if asked else 0)
    assert caller.end is not None
    assert caller.end.reason == ("caller-hung-up" if who == "human" else "gateway-hung-up")
