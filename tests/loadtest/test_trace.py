import numpy as np
import pytest

from gateway.loadtest.analysis import stereo
from gateway.loadtest.trace import MAX_EVENTS, MAX_STEPS, STEP_MS, trace
from tests.loadtest.calls import clears, new_caller, recording, says, speech, streaming


def test_waveforms_show_who_was_loud_when() -> None:
    caller = streaming(recording((400, 800), duration_ms=2000))
    caller.due(101.0)
    says(caller, 1000, speech(400))
    caller.due(102.0)

    drawn = trace(caller.timeline, stereo(caller))

    said, heard = (np.frombuffer(each, np.uint8) for each in (drawn.said, drawn.heard))
    assert drawn.step_ms == STEP_MS
    assert [int(np.flatnonzero(each)[0]) * STEP_MS for each in (said, heard)] == [400, 1000]
    assert [np.count_nonzero(each) * STEP_MS for each in (said, heard)] == [400, 400]
    assert said.max() == pytest.approx(255 * np.sqrt(np.abs(stereo(caller)[:, 0]).max() / 32768), abs=1)


def test_long_call_has_longer_steps() -> None:
    samples = np.ones((8000 * 3600, 2), np.int16)

    drawn = trace(new_caller().timeline, samples)

    assert len(drawn.said) <= MAX_STEPS
    assert len(drawn.said) * drawn.step_ms == pytest.approx(3_600_000, rel=0.001)


def test_full_scale_is_the_most_there_is() -> None:
    samples = np.full((320, 2), -32768, np.int16)

    assert trace(new_caller().timeline, samples).said == b"\xff"


def test_events_are_on_the_calls_clock_and_those_that_come_by_the_hundred_are_left_out() -> None:
    caller = streaming()
    says(caller, 200, speech(1000))
    clears(caller, 700)

    events = trace(caller.timeline, stereo(caller)).events

    assert [(each.at_ms, each.kind) for each in events] == [
        (-500, "webhook-sent"),
        (-200, "twiml-taken"),
        (0, "stream-started"),
        (700, "clear-received"),
    ]
    assert events[-1].detail == "500 ms thrown away"


def test_call_without_a_stream_has_events_alone() -> None:
    caller = new_caller()
    caller.webhook("/twilio/voice", 50.0)
    caller.fail("webhook-timeout", "", 65.0)

    drawn = trace(caller.timeline, stereo(caller))

    assert (drawn.said, drawn.heard) == (b"", b"")
    assert [(each.at_ms, each.kind) for each in drawn.events] == [(0, "webhook-sent"), (15_000, "ended")]


def test_of_too_many_events_the_last_are_kept() -> None:
    caller = streaming()
    for number in range(MAX_EVENTS):
        caller.timeline.record(101.0 + number, "clear-received")
    caller.fail("stream-timeout", "at last", 2000.0)

    events = trace(caller.timeline, stereo(caller)).events

    assert len(events) == MAX_EVENTS
    assert (events[-1].kind, events[-1].detail) == ("ended", "stream-timeout (at last)")
