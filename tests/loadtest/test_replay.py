"""A captured media stream, sent again message for message."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.capture import read_capture
from gateway.loadtest.recording import Recording
from gateway.loadtest.steps import End
from tests.loadtest.calls import CONNECT, IDENTITY, mark, media, new_caller, run, speech, streaming
from tests.loadtest.captures import Timed, begun, frame, key, stop, twilio, written
from tests.loadtest.fake_gateway import FakeGateway, call

A, B, C, D = (bytes([code]) * 160 for code in (1, 2, 3, 4))
JITTERY: list[Timed] = [
    (50.12, "twilio", frame(0, A)),
    (50.15, "twilio", frame(20, B + B[:40])),
    (50.2, "twilio", twilio("mark", {"name": "theirs"})),
    (50.25, "twilio", key("5")),
    (50.3, "twilio", frame(100, C)),
    (50.3, "twilio", frame(120, D)),
]


@pytest.fixture
def captured(tmp_path: Path) -> Recording:
    return read_capture(
        written(tmp_path / "call.jsonl", *begun(*JITTERY, (50.5, "twilio", stop())))
    ).recording()


@pytest.fixture
def unstopped(tmp_path: Path) -> Recording:
    return read_capture(written(tmp_path / "call.jsonl", *begun(*JITTERY))).recording()


def replaying(recording: Recording, **settings: Any) -> RecordedCaller:
    return streaming(recording, replay=True, **settings)


def bodies(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    shown: list[tuple[Any, ...]] = []
    for each in messages:
        body = each[each["event"]]
        if each["event"] == "media":
            shown.append((body["chunk"], body["timestamp"], base64.b64decode(body["payload"])))
        else:
            shown.append((each["event"], body.get("digit") or body.get("name")))
    return shown


def test_messages_come_again_at_their_times(captured: Recording) -> None:
    caller = replaying(captured)

    assert caller.next_deadline() == pytest.approx(100.02)
    assert bodies(run(caller, until=100.021)) == [("1", "0", A)]
    assert caller.next_deadline() == pytest.approx(100.05)
    assert bodies(run(caller, start=100.022, until=100.199)) == [("2", "20", B + B[:40]), ("dtmf", "5")]
    assert bodies(run(caller, start=100.2, until=100.4)) == [("3", "100", C), ("4", "120", D)]
    assert max(caller.timeline.frame_lateness_ms) <= 1.001
    assert len(caller.timeline.frame_lateness_ms) == 4


def test_identifiers_and_counters_are_those_of_this_call_and_marks_are_its_own(captured: Recording) -> None:
    caller = replaying(captured)
    caller.receive(media(speech(100)), 100.0)
    caller.receive(mark("ours"), 100.0)

    messages = run(caller, until=100.4)

    assert {each["streamSid"] for each in messages} == {IDENTITY.stream_sid}
    assert [each["sequenceNumber"] for each in messages] == ["2", "3", "4", "5", "6", "7"]
    assert [each["mark"]["name"] for each in messages if each["event"] == "mark"] == ["ours"]


def test_the_caller_hangs_up_when_the_captured_one_did(captured: Recording) -> None:
    caller = replaying(captured, linger=60.0)
    caller.receive(media(speech(10_000)), 100.1)
    run(caller, until=100.39)

    assert caller.parting(100.399) is None
    assert caller.next_deadline() == pytest.approx(100.4)
    assert caller.parting(100.401) == "hang-up"
    assert [json.loads(each)["event"] for each in caller.hang_up(100.401)] == ["stop"]


def test_a_caller_in_a_hurry_hangs_up_before_the_captured_one_did(captured: Recording) -> None:
    caller = replaying(captured, hang_up_after=0.1)

    assert caller.parting(100.1) == "hang-up"


def test_a_capture_that_broke_off_ends_as_a_recording_does(unstopped: Recording) -> None:
    caller = replaying(unstopped, linger=1.0)
    run(caller, until=100.3)

    assert caller.next_deadline() == pytest.approx(101.2)
    assert caller.parting(101.201) == "hang-up"


def test_a_later_stream_goes_on_where_time_has_brought_the_capture(captured: Recording) -> None:
    caller = replaying(captured)
    run(caller, until=100.021)
    caller.stream_closed(1006, 100.03)
    caller.webhook("/twilio/after", 100.03)
    caller.take_twiml(200, "text/xml", CONNECT, 100.06)
    caller.begin(100.06)

    messages = run(caller, start=100.06, until=100.3)

    assert bodies(messages) == [("dtmf", "5"), ("1", "40", C), ("2", "60", D)]
    assert [each["sequenceNumber"] for each in messages] == ["2", "3", "4"]


def test_what_was_said_is_known_on_the_call_s_clock(unstopped: Recording) -> None:
    caller = replaying(unstopped)
    run(caller, until=100.3)

    (said,) = caller.timeline.said
    assert unstopped.excerpt(said.source_ms, said.n_frames) == unstopped.payload
    assert (said.first_frame, said.source_ms) == (0, 0)
    assert caller.said_utterances == ()


def test_a_capture_is_replayed_over_a_socket(captured: Recording) -> None:
    gateway = FakeGateway()

    outcome = call(gateway, new_caller(captured, replay=True))

    assert gateway.heard == [A, B + B[:40], C, D]
    assert outcome.end == End("caller-hung-up")
    assert (outcome.n_frames_sent, outcome.faults) == (4, {})
    assert gateway.protocols[0].n_missing == 0
