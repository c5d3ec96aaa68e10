import base64
import json
from typing import Any

import pytest

from gateway.errors import LocalProtocolError
from gateway.loadtest.steps import End, StreamStep, WebhookStep
from gateway.loadtest.timeline import MAX_DETAIL
from gateway.twilio.messages import Media
from gateway.twilio.stream import MediaStreamProtocol, State
from tests.loadtest.calls import (
    AUTH_TOKEN,
    CONNECT,
    HANG_UP,
    IDENTITY,
    STREAM_URL,
    clear,
    mark,
    media,
    new_caller,
    recording,
    run,
    silence,
    speech,
    streaming,
)

TAPE = recording((100, 200), duration_ms=300)


def of(kind: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in messages if each["event"] == kind]


def test_a_stream_begins_with_connected_and_start() -> None:
    caller = new_caller(TAPE)
    caller.webhook("/twilio/voice", 99.5)
    caller.take_twiml(200, "text/xml", CONNECT, 99.8)

    assert [json.loads(each) for each in caller.begin(100.0)] == [
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": IDENTITY.stream_sid,
            "start": {
                "accountSid": IDENTITY.account_sid,
                "streamSid": IDENTITY.stream_sid,
                "callSid": IDENTITY.call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "one-time"},
            },
        },
    ]


def test_a_frame_is_sent_every_20_ms_when_its_last_sample_has_been_said() -> None:
    caller = streaming(TAPE)

    assert caller.next_deadline() == 100.02
    assert caller.due(100.0199) == []
    assert [json.loads(each) for each in caller.due(100.02)] == [
        {
            "event": "media",
            "sequenceNumber": "2",
            "streamSid": IDENTITY.stream_sid,
            "media": {
                "track": "inbound",
                "chunk": "1",
                "timestamp": "0",
                "payload": base64.b64encode(silence(20)).decode(),
            },
        }
    ]
    assert caller.next_deadline() == 100.04


def test_the_recording_is_sent_whole_and_then_silence() -> None:
    caller = streaming(TAPE)
    frames = of("media", run(caller, until=100.5))

    audio = b"".join(base64.b64decode(each["media"]["payload"]) for each in frames)
    assert len(frames) == 25
    assert [each["media"]["timestamp"] for each in frames] == [str(20 * n) for n in range(25)]
    assert [each["sequenceNumber"] for each in frames] == [str(n) for n in range(2, 27)]
    assert audio == TAPE.payload + silence(200)


def test_a_late_driver_catches_up_in_one_go_and_its_lateness_is_kept() -> None:
    caller = streaming(TAPE)
    caller.due(100.021)

    assert len(caller.due(100.1)) == 4
    assert caller.next_deadline() == pytest.approx(100.12)
    assert list(caller.timeline.frame_lateness_ms) == pytest.approx([1, 60, 40, 20, 0], abs=1e-3)


def test_a_mark_comes_back_when_its_audio_has_sounded_to_the_millisecond() -> None:
    caller = streaming(TAPE)
    run(caller, until=100.035)
    caller.receive(media(speech(25)), 100.035)
    caller.receive(mark("a"), 100.035)

    assert caller.next_deadline() == 100.04
    assert of("mark", run(caller, start=100.035, until=100.059)) == []
    assert caller.next_deadline() == 100.06
    assert [json.loads(each)["event"] for each in caller.due(100.06)] == ["mark", "media"]


def test_an_echoed_mark_is_written_as_twilio_does() -> None:
    caller = streaming(TAPE)
    caller.receive(mark("g3:item:1840"), 100.01)

    assert caller.next_deadline() == 100.01
    assert [json.loads(each) for each in caller.due(100.01)] == [
        {
            "event": "mark",
            "sequenceNumber": "2",
            "streamSid": IDENTITY.stream_sid,
            "mark": {"name": "g3:item:1840"},
        }
    ]


def test_a_clear_stops_the_audio_and_returns_every_mark_at_once() -> None:
    caller = streaming(TAPE)
    for name in ("a", "b"):
        caller.receive(media(speech(1000)), 100.001)
        caller.receive(mark(name), 100.001)
    caller.receive(clear(), 100.011)

    assert [json.loads(each)["mark"]["name"] for each in caller.due(100.011)] == ["a", "b"]
    assert [(each.start, len(each.payload)) for each in caller.playback.runs] == [(100.001, 80)]
    kinds = [(each.kind, each.n_samples) for each in caller.timeline.events if each.at >= 100.001]
    assert kinds == [
        ("media-received", 8000),
        ("mark-received", 0),
        ("media-received", 8000),
        ("mark-received", 0),
        ("clear-received", 15_920),
        ("mark-echoed", 0),
        ("mark-echoed", 0),
    ]


def test_faults_of_the_server_are_counted_and_have_no_effect() -> None:
    caller = streaming(TAPE)
    caller.receive(media(speech(20)).encode(), 100.0)
    caller.receive(media(speech(20), "MZ" + "9" * 32), 100.0)
    caller.receive(media(b""), 100.0)
    caller.receive("{}", 100.0)
    caller.receive(media(silence(600_000)), 100.0)
    caller.receive(media(b"\xff"), 100.0)

    assert caller.timeline.faults == {"31950": 1, "31951": 2, "bad-audio": 1, "31931": 1}
    assert [len(each.payload) for each in caller.playback.runs] == [4_800_000]


def test_a_key_is_reported_on_the_inbound_track() -> None:
    caller = streaming(TAPE)

    assert [json.loads(each) for each in caller.press("#", 100.0)] == [
        {
            "event": "dtmf",
            "sequenceNumber": "2",
            "streamSid": IDENTITY.stream_sid,
            "dtmf": {"track": "inbound_track", "digit": "#"},
        }
    ]


def test_the_gateway_s_own_protocol_accepts_a_whole_stream() -> None:
    caller = new_caller(TAPE)
    caller.webhook("/twilio/voice", 0.0)
    caller.take_twiml(200, "text/xml", CONNECT, 0.0)
    protocol = MediaStreamProtocol()
    messages = [*caller.begin(0.0), *caller.due(0.1), *caller.press("1", 0.1)]
    caller.receive(mark("m"), 0.1)
    messages += [*caller.due(0.3), *caller.hang_up(0.3)]

    received = [protocol.receive_text(each) for each in messages]

    assert b"".join(each.media.payload for each in received if isinstance(each, Media)) == TAPE.payload
    assert (protocol.state, protocol.n_missing) == (State.STOPPED, 0)
    assert protocol.custom_parameters == {"token": "one-time"}


def test_the_caller_lingers_in_silence_after_the_recording_and_hangs_up() -> None:
    caller = streaming(TAPE, linger=2.0)

    assert not caller.wants_to_hang_up(102.299)
    assert caller.wants_to_hang_up(102.3)


def test_the_caller_hears_the_agent_out_before_it_lingers() -> None:
    caller = streaming(TAPE, linger=2.0)
    caller.receive(media(speech(5000) + silence(60_000)), 101.0)

    assert not caller.wants_to_hang_up(107.999)
    assert caller.wants_to_hang_up(108.0)


def test_an_agent_that_talks_for_ever_is_hung_up_on() -> None:
    caller = streaming(TAPE, linger=2.0, give_up_after=10.0)
    caller.receive(media(speech(60_000)), 101.0)

    assert not caller.wants_to_hang_up(110.299)
    assert caller.wants_to_hang_up(110.3)


def test_a_caller_in_a_hurry_hangs_up_in_the_middle() -> None:
    caller = streaming(TAPE, hang_up_after=0.015)

    assert caller.next_deadline() == 100.015
    assert caller.wants_to_hang_up(100.015)


def test_what_was_said_before_hanging_up_is_still_sent() -> None:
    messages = streaming(TAPE).hang_up(100.05)

    assert [json.loads(each)["event"] for each in messages] == ["media", "media", "stop"]


def test_hanging_up_sends_stop_and_ends_everything() -> None:
    caller = streaming(TAPE)
    caller.receive(media(speech(1000)), 100.0)
    caller.receive(mark("a"), 100.0)

    assert [json.loads(each) for each in caller.hang_up(100.01)] == [
        {
            "event": "stop",
            "sequenceNumber": "2",
            "streamSid": IDENTITY.stream_sid,
            "stop": {"accountSid": IDENTITY.account_sid, "callSid": IDENTITY.call_sid},
        }
    ]
    caller.receive(media(speech(1000)), 100.02)
    assert (caller.due(200.0), caller.next_deadline(), caller.press("1", 200.0)) == ([], None, [])
    assert [(len(each.payload), each.cut_by) for each in caller.playback.runs] == [(80, "stream-end")]
    assert caller.end == caller.stream_closed(1005, 100.03) == End("caller-hung-up")
    assert not End("caller-hung-up").failed


@pytest.mark.parametrize("reason", ["caller-reset", "caller-closed"])
def test_a_caller_whose_line_breaks_sends_no_stop(reason: str) -> None:
    caller = streaming(TAPE)

    assert [json.loads(each)["event"] for each in caller.hang_up(100.05, reason=reason)] == ["media", "media"]
    assert caller.end == End(reason)


def test_long_name_of_a_mark_is_echoed_whole_but_not_kept() -> None:
    caller = streaming()
    caller.receive(mark("m" * 1_000_000), 100.001)

    (echo,) = [each for each in caller.due(100.002) if '"mark"' in each]

    assert "m" * 1_000_000 in echo
    assert max(len(each.detail) for each in caller.timeline.events) == MAX_DETAIL


def test_a_stream_closed_by_the_server_goes_on_at_the_action_url() -> None:
    caller = streaming(TAPE)
    caller.receive(media(speech(1000)), 100.1)

    assert caller.stream_closed(1000, 100.3) == WebhookStep("https://voice.example.com/twilio/after")
    request = caller.webhook("/twilio/after", 100.3)
    assert b"CallStatus=in-progress" in request.body
    assert caller.take_twiml(200, "text/xml", HANG_UP, 100.4) == End("gateway-hung-up", "hangup")
    assert caller.timeline.faults == {}
    assert [(len(each.payload), each.cut_by) for each in caller.playback.runs] == [(1600, "stream-end")]


def test_without_an_action_url_the_document_goes_on() -> None:
    caller = new_caller(TAPE)
    caller.webhook("/twilio/voice", 99.0)
    body = f"<Response><Connect><Stream url='{STREAM_URL}'/></Connect><Say>Bye</Say></Response>"
    caller.take_twiml(200, "text/xml", body.encode(), 99.5)
    caller.begin(100.0)

    assert caller.stream_closed(1000, 101.0) == End("gateway-hung-up", "end of document")
    assert [each.detail for each in caller.timeline.events if each.kind == "verb-skipped"] == ["Say Bye"]


@pytest.mark.parametrize("code", [1006, None])
def test_a_connection_that_breaks_is_a_fault_and_the_call_goes_on(code: int | None) -> None:
    caller = streaming(TAPE)

    assert isinstance(caller.stream_closed(code, 100.3), WebhookStep)
    assert caller.timeline.faults == {"31903": 1}


def test_a_second_stream_finds_the_caller_where_time_has_brought_him() -> None:
    caller = streaming(recording((0, 1000), duration_ms=1000))
    run(caller, until=100.1)
    caller.stream_closed(1006, 100.11)
    caller.webhook("/twilio/after", 100.11)
    step = caller.take_twiml(200, "text/xml", CONNECT, 100.2)
    assert isinstance(step, StreamStep)

    _, start = map(json.loads, caller.begin(100.205))

    assert start["sequenceNumber"] == "1"
    assert start["streamSid"] != IDENTITY.stream_sid
    assert start["streamSid"] == start["start"]["streamSid"]
    (first,) = map(json.loads, caller.due(100.24))
    assert (first["media"]["chunk"], first["media"]["timestamp"]) == ("1", "0")
    assert base64.b64decode(first["media"]["payload"]) == caller.recording.frame(11)
    assert [(each.first_frame, each.n_frames) for each in caller.timeline.said] == [(0, 5), (11, 1)]


def test_in_an_open_loop_utterances_are_said_when_the_recording_says_them() -> None:
    caller = streaming(recording((100, 200), (300, 900), (1200, 1300), duration_ms=2000))
    assert caller.said_utterances == ()

    caller.receive(media(speech(5000)), 100.05)
    run(caller, until=100.5)

    assert caller.said_utterances == caller.recording.utterances[:2]
    assert [(each.first_frame, each.source_ms, each.n_frames) for each in caller.timeline.said] == [
        (0, 0, 25)
    ]


def test_a_stream_on_the_grid_loses_no_frame_to_rounding() -> None:
    caller = streaming(recording((0, 1000), duration_ms=1000), at=3.3)
    caller.stream_closed(1000, 3.3 + 0.28)
    caller.webhook("/twilio/after", 3.58)
    caller.take_twiml(200, "text/xml", CONNECT, 3.58)
    caller.begin(3.3 + 14 * 0.02)

    assert caller.timeline.said[1].first_frame == 14


def test_a_stream_is_opened_only_when_the_twiml_asks_for_one() -> None:
    with pytest.raises(LocalProtocolError):
        new_caller().begin(0.0)
    with pytest.raises(LocalProtocolError):
        new_caller().stream_closed(1000, 0.0)


def test_a_flood_of_messages_does_not_fill_the_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.loadtest.timeline.MAX_EVENTS", 10)
    caller = streaming(TAPE)
    n_before = len(caller.timeline.events)
    for _ in range(20):
        caller.receive("x", 100.0)

    assert (len(caller.timeline.events), caller.timeline.n_events_lost) == (10, 10 + n_before)
    assert caller.timeline.faults == {"31951": 20}


def test_every_event_is_told_as_it_happens() -> None:
    caller = streaming(TAPE)
    told: list[str] = []
    caller.timeline.on_event = lambda event: told.append(event.kind)
    caller.receive(mark("a"), 100.0)
    caller.due(100.0)
    caller.hang_up(100.0)

    assert told == ["mark-received", "mark-echoed", "stop-sent", "ended"]


def test_secrets_do_not_show_in_the_timeline() -> None:
    caller = streaming(TAPE)
    caller.press("7", 100.0)

    assert AUTH_TOKEN not in repr(caller.timeline)
    assert "one-time" not in repr(caller.timeline)
