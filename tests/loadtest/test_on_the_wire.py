"""The caller's every word on the wire, held against schemas of Twilio's messages and Twilio's own validator."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types

from gateway.loadtest.identity import new_identity
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.timeline import Event, EventKind
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, run, running
from tests.guarded_calls import KeyingCaller, agents_file
from tests.loadtest.schemas import check_stream_from_server, check_stream_to_server
from tests.loadtest.wiretap import HttpMessage, Wiretap, wiretap
from tests.test_calls import tone

_PLACES = {
    party + place
    for party in ("From", "To", "Caller", "Called")
    for place in ("City", "State", "Zip", "Country")
}
_VALIDATOR = RequestValidator(AUTH_TOKEN)


@dataclass
class TappedCall:
    """A call that is over, and what passed on its wires."""

    outcome: Outcome
    caller: KeyingCaller
    tap: Wiretap
    to_server: list[list[dict[str, Any]]]
    """By stream."""
    from_server: list[list[dict[str, Any]]]


@pytest.fixture(scope="module")
def tapped_call(tmp_path_factory: pytest.TempPathFactory) -> TappedCall:
    """A call with everything in it: a barge-in, keys, a line that breaks, and a second stream to its end."""
    return run(_tapped_call(agents_file(tmp_path_factory.mktemp("agents"), agent='greeting = "Hello."')))


async def _tapped_call(agents: Path) -> TappedCall:
    async with (
        FakeRealtimeServer() as model,
        running(realtime_url=model.url, agents_file=agents) as at,
        wiretap(at.address) as tap,
    ):
        caller = KeyingCaller(humming(30.0), PUBLIC_URL, AUTH_TOKEN, identity=new_identity())
        seen = _Seen(caller)
        async with asyncio.TaskGroup() as tasks:
            placed = tasks.create_task(
                place_call(caller, connect_to=tap.address, on_event=seen, status_url="/twilio/status")
            )
            await _converse(await model.session(), caller, seen)
        outcome = placed.result()
    assert model.faults == []
    first, second = tap.streams()
    to_server = [
        check_stream_to_server(first.texts_sent(), is_broken=True),
        check_stream_to_server(second.texts_sent()),
    ]
    from_server = [
        check_stream_from_server(stream.texts_answered(), sent[1]["streamSid"])
        for stream, sent in zip((first, second), to_server, strict=True)
    ]
    return TappedCall(outcome, caller, tap, to_server, from_server)


class _Seen:
    """Called with what happens to a caller, and waits for it."""

    def __init__(self, caller: KeyingCaller) -> None:
        self._caller = caller
        self._more = asyncio.Event()

    def __call__(self, _: Event) -> None:
        self._more.set()

    def n(self, kind: EventKind) -> int:
        """How often that has happened."""
        return sum(event.kind == kind for event in self._caller.timeline.events)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until what has happened makes that true."""
        while not is_so():
            self._more.clear()
            await self._more.wait()

    async def some_heard(self, n_before: int) -> None:
        """Wait until two more marks are echoed than were before."""
        await self.until(lambda: self.n("mark-echoed") >= n_before + 2)

    async def all_heard(self, n_before: int) -> None:
        """Wait until more marks have come than had before, and all are echoed."""
        await self.until(lambda: n_before < self.n("mark-received") == self.n("mark-echoed"))


async def _converse(session: FakeSession, caller: KeyingCaller, seen: _Seen) -> None:
    await session.wait_for("response.create")
    await session.say("item_1", tone(200), "Hello.")
    await seen.all_heard(0)
    n = seen.n("mark-echoed")
    await session.say("item_2", tone(5000), "one two three four five six seven eight nine ten")
    await seen.some_heard(n)
    await session.speech_started(1000)
    await seen.until(lambda: seen.n("clear-received") == 1)
    await seen.all_heard(n)
    await session.speech_stopped(1500, "Stop.")
    n = seen.n("mark-received")
    await session.say("item_3", tone(300), "All right.")
    await seen.all_heard(n)
    caller.keys = ["4", "#"]
    await session.wait_for("response.create")
    n = seen.n("mark-echoed")
    await session.say("item_4", tone(5000), "You pressed four five six seven eight nine ten")
    await seen.some_heard(n)
    assert caller.timeline.started_at is not None
    caller.breaks_at = (asyncio.get_running_loop().time() - caller.timeline.started_at,)
    await session.wait_for("response.create")
    n = seen.n("mark-echoed")
    await session.say("item_5", tone(300), "and so on")
    await seen.some_heard(n)
    caller.hang_up_after = 0.0


def test_every_message_of_a_whole_call_is_one_that_twilio_sends(tapped_call: TappedCall) -> None:
    first, second = ({message["event"] for message in each} for each in tapped_call.to_server)
    assert first == {"connected", "start", "media", "mark", "dtmf"}
    assert second == {"connected", "start", "media", "mark", "stop"}
    pressed = [each["dtmf"]["digit"] for each in tapped_call.to_server[0] if each["event"] == "dtmf"]
    assert pressed == ["4", "#"]
    assert tapped_call.outcome.end.reason == "caller-hung-up"
    assert tapped_call.outcome.faults == {"31903": 1}


def test_every_frame_is_20_ms_and_all_of_the_recording_is_sent(tapped_call: TappedCall) -> None:
    media = [message["media"] for each in tapped_call.to_server for message in each if "media" in message]
    payloads = [base64.b64decode(each["payload"]) for each in media]
    assert {len(payload) for payload in payloads} == {160}
    assert len(payloads) == tapped_call.outcome.n_frames_sent
    (first, second) = tapped_call.caller.timeline.said
    frames = [run.first_frame + n for run in (first, second) for n in range(run.n_frames)]
    assert payloads == [tapped_call.caller.recording.frame(n) for n in frames]


def test_streams_of_one_call_have_its_sid_and_each_its_own(tapped_call: TappedCall) -> None:
    first, second = (messages[1]["start"] for messages in tapped_call.to_server)
    assert first["callSid"] == second["callSid"] == tapped_call.caller.identity.call_sid
    assert first["accountSid"] == second["accountSid"]
    assert first["streamSid"] != second["streamSid"]
    assert first["customParameters"].keys() == {"token"}
    assert first["customParameters"] != second["customParameters"]


def test_every_message_of_the_gateway_is_one_that_twilio_takes(tapped_call: TappedCall) -> None:
    first, second = ({message["event"] for message in each} for each in tapped_call.from_server)
    assert first == {"media", "mark", "clear"}
    assert second == {"media", "mark"}


def test_marks_come_back_in_the_order_in_which_they_were_set(tapped_call: TappedCall) -> None:
    for sent, answered in zip(tapped_call.to_server, tapped_call.from_server, strict=True):
        set_by_server = [message["mark"]["name"] for message in answered if message["event"] == "mark"]
        echoed = [message["mark"]["name"] for message in sent if message["event"] == "mark"]
        assert len(set(set_by_server)) == len(set_by_server)
        assert len(echoed) > 0
        assert echoed == set_by_server[: len(echoed)]


def test_handshake_is_twilios_and_offers_nothing(tapped_call: TappedCall) -> None:
    for stream in tapped_call.tap.streams():
        (handshake,) = stream.requests()
        headers = dict(handshake.headers)
        assert len(headers) == len(handshake.headers)
        assert len(base64.b64decode(headers.pop("sec-websocket-key"))) == 16
        signature = headers.pop("x-twilio-signature")
        assert _VALIDATOR.validate("wss://voice.example.com/twilio/media", {}, signature)
        assert handshake.first_line == "GET /twilio/media HTTP/1.1"
        assert headers == {
            "host": "voice.example.com",
            "user-agent": "Twilio.TmeWs/1.0",
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "accept-encoding": "gzip",
        }


def test_stream_that_is_stopped_is_closed_without_a_status_and_a_broken_one_not_at_all(
    tapped_call: TappedCall,
) -> None:
    first, second = tapped_call.tap.streams()
    assert first.close_sent() is None
    assert second.close_sent() == b""


def test_webhooks_are_forms_that_twilios_own_validator_accepts(tapped_call: TappedCall) -> None:
    requests = tapped_call.tap.requests()
    assert [each.first_line for each in requests] == [
        "POST /twilio/voice HTTP/1.1",
        "POST /twilio/after HTTP/1.1",
        "POST /twilio/status HTTP/1.1",
    ]
    for request in requests:
        headers = dict(request.headers)
        fields = _form(request)
        url = PUBLIC_URL + request.first_line.split()[1]
        signature = headers.pop("x-twilio-signature")
        assert _VALIDATOR.validate(url, fields, signature)
        assert not _VALIDATOR.validate(url, {k: v for k, v in fields.items() if v}, signature)
        assert headers == {
            "host": "voice.example.com",
            "user-agent": "TwilioProxy/1.1",
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "content-length": str(len(request.body)),
            "accept": "*/*",
            "accept-encoding": "gzip",
            "x-home-region": "us1",
        }


def test_webhooks_tell_all_that_twilio_tells_of_a_call(tapped_call: TappedCall) -> None:
    voice, after, status = map(_form, tapped_call.tap.requests())
    identity = tapped_call.caller.identity
    assert voice == {
        "AccountSid": identity.account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": identity.call_sid,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": "+15005550001",
        "Caller": "+15005550001",
        "To": "+15005550006",
        "Called": "+15005550006",
        **{name: "US" if name.endswith("Country") else "" for name in _PLACES},
    }
    assert after == {**voice, "CallStatus": "in-progress"}
    assert {name for name in status if name not in voice} == {
        "CallDuration", "Duration", "CallbackSource", "SequenceNumber", "Timestamp",
    }  # fmt: skip
    assert (status["CallStatus"], status["Duration"]) == ("completed", "1")


def _form(request: HttpMessage) -> dict[str, str]:
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
