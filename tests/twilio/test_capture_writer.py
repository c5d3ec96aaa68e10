import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.twilio import capture_writer
from gateway.twilio.capture_writer import CaptureWriter
from gateway.twilio.messages import Start, decode_message
from tests.loadtest.captures import (
    ACCOUNT_SID,
    CALL_SID,
    HEADER,
    STREAM_SID,
    begun,
    frame,
    key,
    lines,
    start,
    stop,
    twilio,
)


def test_a_capture_begins_with_its_format() -> None:
    assert CaptureWriter().header() == HEADER


def test_each_message_is_a_line_with_its_time_and_its_sender() -> None:
    writer = CaptureWriter()
    out = json.dumps({"event": "clear", "streamSid": STREAM_SID})

    assert writer.line("twilio", key("7"), 1000.0).endswith("\n")
    assert json.loads(writer.line("gateway", out, 1000.25)) == {"t": 0.25, "from": "gateway", "text": out}
    assert json.loads(writer.line("twilio", frame(20, b"\x01" * 160), 1000.27)) == {
        "t": 0.27,
        "from": "twilio",
        "text": frame(20, b"\x01" * 160),
    }


def test_a_clock_that_goes_back_does_not_take_the_capture_with_it() -> None:
    writer = CaptureWriter()
    at = [json.loads(writer.line("twilio", key("1"), now))["t"] for now in (10.0, 12.0, 11.0, 13.0)]

    assert at == [0.0, 2.0, 2.0, 3.0]


def test_secrets_and_sids_stay_out_and_all_else_stays_in() -> None:
    text = lines(
        *begun(
            (50.12, "twilio", frame(0, b"\x01" * 160)),
            (
                50.13,
                "twilio",
                twilio("later", {"callSid": CALL_SID, "customParameters": "whole", "n": [1, {}]}),
            ),
            (50.14, "twilio", stop()),
        )
    )

    messages = [json.loads(line)["text"] for line in text.splitlines()[1:]]
    began = decode_message(messages[1])
    assert not any(secret in text for secret in (ACCOUNT_SID, CALL_SID, "one-time", "whole"))
    assert isinstance(began, Start)
    assert (began.start.account_sid, began.start.call_sid) == ("AC" + "0" * 32, "CA" + "0" * 32)
    assert began.start.custom_parameters == {"token": "removed"}
    assert began.stream_sid == STREAM_SID
    assert messages[2] == frame(0, b"\x01" * 160)
    assert json.loads(messages[3])["later"]["n"] == [1, {}]
    assert len(messages) == 5


@pytest.mark.parametrize("text", ["", "{", '{"no":"event"}', "[1]", '{"event":"x","a":' + "[" * 100_000])
def test_what_cannot_be_read_and_so_not_cleaned_is_left_out(text: str) -> None:
    writer = CaptureWriter()

    assert (writer.line("twilio", text, 0.0), writer.n_left_out) == ("", 1)


def test_what_a_capture_may_not_hold_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_writer, "MAX_LINES", 4)
    writer = CaptureWriter()

    assert writer.line("twilio", start(), 0.0)
    assert not writer.line("gateway", frame(0, b"\x01" * 50_000), 0.1)
    assert not writer.line("twilio", key("1"), 4 * 3600 + 0.1)
    assert [bool(writer.line("twilio", key("1"), 1.0)) for _ in range(4)] == [True, True, False, False]
    assert writer.n_left_out == 4


@given(st.text(), st.sampled_from(["start", "dtmf", "media", "odd"]))
def test_no_text_whatever_breaks_a_line(name: str, event: str) -> None:
    line = CaptureWriter().line("gateway", json.dumps({"event": event, "x": {name: name}}), 0.0)

    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert json.loads(json.loads(line)["text"])["x"] in ({name: name}, {"customParameters": "removed"})
