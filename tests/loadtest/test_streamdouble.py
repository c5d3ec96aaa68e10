"""A caller's side of Media Streams that others wrote gets through calls with our gateway.

streamdouble has no webhook and signs no handshake. So a test asks for the TwiML itself, signed by Twilio's own library,
and a relay puts the signature into the handshake; all the rest of what reaches the gateway is streamdouble's.
"""

import asyncio
import urllib.request
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from streamdouble.protocol import StreamIdentity
from streamdouble.scenario import Dtmf, Hangup, Say, Scenario, Step, Wait, WaitFor
from streamdouble.session import Session, SessionConfig, SessionResult
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types
from websockets.exceptions import InvalidStatus

from gateway.loadtest.line import Address
from gateway.loadtest.recording import Recording
from gateway.local_realtime import LocalRealtimeServer, RecordedVoice
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running
from tests.guarded_calls import agents_file
from tests.loadtest.schemas import check_stream_from_server, check_stream_to_server
from tests.loadtest.wiretap import Tapped, wiretap
from tests.local_realtime.sessions import SHORT_TURNS, spoken
from tests.test_calls import ended_by
from voice_codecs import ModelToCaller

_VALIDATOR = RequestValidator(AUTH_TOKEN)
_STREAM_URL = "wss://voice.example.com/twilio/media"
_TEXTS = RecordedVoice().texts


@dataclass
class Doubled:
    """A call that streamdouble has made."""

    result: SessionResult
    stream: Tapped
    endings: list[str]
    """By the gateway's count."""

    def check_messages(self, *, is_broken: bool = False) -> list[dict[str, Any]]:
        """Hold both directions against our schemas, and theirs against what they make of it; return what they sent."""
        sent = check_stream_to_server(self.stream.texts_sent(), is_broken=is_broken)
        answered = check_stream_from_server(self.stream.texts_answered(), sent[1]["streamSid"])
        assert (self.result.violations, self.result.unknown_events) == ([], [])
        assert self.result.media_frames_received == sum(each["event"] == "media" for each in answered)
        return sent


def call(
    steps: list[Step], agents: Path, *, signed_for: str = _STREAM_URL, token: str | None = None
) -> Doubled:
    """Call an agent that the embedded realtime server speaks for, with recorded prompts for its voice.

    With a ``token`` it stands in for the TwiML's.
    """

    async def whole() -> Doubled:
        async with (
            LocalRealtimeServer() as model,
            running(realtime_url=model.url, agents_file=agents) as at,
        ):
            return await _call(at, steps, signed_for, token)

    return run(whole())


async def _call(at: Running, steps: list[Step], signed_for: str, token: str | None) -> Doubled:
    identity = StreamIdentity()
    url, parameters = await asyncio.to_thread(_ask_for_twiml, at.address, identity)
    assert (url, list(parameters)) == (_STREAM_URL, ["token"])
    if token:
        parameters["token"] = token
    signature = _VALIDATOR.compute_signature(signed_for, {})
    async with wiretap(at.address, handshake_headers=f"X-Twilio-Signature: {signature}\r\n") as tap:
        host, port = tap.address
        config = SessionConfig(custom_parameters=parameters, quiet_period_s=0.5)
        session = Session(
            f"ws://{host}:{port}/twilio/media",
            scenario=Scenario("a call", steps),
            config=config,
            identity=identity,
        )
        result = await session.run()
    await at.gateway.active_calls.wait_empty()
    (stream,) = tap.connections
    return Doubled(result, stream, ended_by(at))


def _ask_for_twiml(at: Address, identity: StreamIdentity) -> tuple[str, dict[str, str]]:
    """Where the stream shall go, and its parameters."""
    form = {
        "AccountSid": identity.account_sid,
        "CallSid": identity.call_sid,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": "+15005550001",
        "FromCity": "",
        "To": "+15005550006",
    }
    signature = _VALIDATOR.compute_signature(f"{PUBLIC_URL}/twilio/voice", form)
    request = urllib.request.Request(
        f"http://{at[0]}:{at[1]}/twilio/voice", urlencode(form).encode(), {"X-Twilio-Signature": signature}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        stream = ET.fromstring(answer.read()).find("Connect/Stream")
    assert stream is not None
    return stream.attrib["url"], {each.attrib["name"]: each.attrib["value"] for each in stream}


def first_words(path: Path) -> Say:
    """Say what the caller of a recording says first."""
    recording = Recording.read(path)
    last = -(-recording.utterances[0].end_ms // 20)
    return Say(path, [recording.frame(n) for n in range(last)])


def greeting(folder: Path) -> Path:
    """An agent that greets with the shortest prompt there is."""
    return agents_file(folder, agent=f'greeting = "{_TEXTS["text"]}"')


def said(prompt: str) -> bytes:
    """What a recorded prompt is on the phone, PCMU."""
    converter = ModelToCaller()
    return converter.feed(spoken(RecordedVoice(), _TEXTS[prompt])) + converter.flush()


def test_greeting_is_heard_to_the_last_sample_and_every_mark_comes_back(tmp_path: Path) -> None:
    done = call([WaitFor("audio")], greeting(tmp_path))

    done.check_messages()
    assert done.result.audio_received == said("text")
    assert done.result.marks_echoed == done.result.marks_received != []
    assert done.endings == ["hangup"]


def test_keys_are_heard_and_answered(tmp_path: Path) -> None:
    done = call([WaitFor("audio"), WaitFor("quiet"), Dtmf("4#"), Wait(1.5)], greeting(tmp_path))

    sent = done.check_messages()
    assert [each["dtmf"]["digit"] for each in sent if each["event"] == "dtmf"] == ["4", "#"]
    assert done.result.audio_received == said("text") * 2
    assert done.endings == ["hangup"]


def test_caller_is_answered_may_interrupt_and_is_missed_when_his_line_breaks(tmp_path: Path) -> None:
    words = first_words(SHORT_TURNS)
    steps = [words, WaitFor("audio"), WaitFor("mark"), words, WaitFor("clear"), Hangup()]

    done = call(steps, agents_file(tmp_path))

    done.check_messages(is_broken=True)
    assert done.result.frames_sent > 2 * len(words.frames)
    assert done.result.clears_received == 1
    assert done.result.audio_received.startswith(said("answer_1")[:8000])
    assert done.endings == ["stream-lost"]


def test_handshake_that_is_signed_for_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidStatus, match="HTTP 403"):
        call([WaitFor("audio")], agents_file(tmp_path), signed_for="wss://voice.example.com/")


def test_stream_with_another_token_than_the_twimls_is_hung_up_on(tmp_path: Path) -> None:
    done = call([WaitFor("audio", timeout_s=5.0)], greeting(tmp_path), token="guessed")

    assert (done.result.closed_by, done.result.audio_received) == ("agent", b"")
    assert done.endings == ["bad-token"]
