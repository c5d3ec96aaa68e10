import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.loadtest.server_messages import BadMessage, ClearAudio, EchoMark, PlayAudio, read_message
from gateway.twilio import messages

SID = "MZ" + "2" * 32
MEDIA = {"event": "media", "streamSid": SID, "media": {"payload": "////"}}
MARK = {"event": "mark", "streamSid": SID, "mark": {"name": "g0:1"}}
CLEAR = {"event": "clear", "streamSid": SID}


def fault(message: Any) -> str:
    text = message if isinstance(message, str | bytes) else json.dumps(message)
    with pytest.raises(BadMessage) as caught:
        read_message(text, SID)
    return caught.value.fault


def test_the_three_messages_are_understood() -> None:
    assert read_message(json.dumps(MEDIA), SID) == PlayAudio(b"\xff\xff\xff")
    assert read_message(json.dumps(MARK), SID) == EchoMark("g0:1")
    assert read_message(json.dumps(CLEAR), SID) == ClearAudio()


def test_what_the_gateway_writes_is_what_twilio_reads() -> None:
    assert read_message(messages.media(SID, b"\x00\x01").decode(), SID) == PlayAudio(b"\x00\x01")
    assert read_message(messages.mark(SID, "m").decode(), SID) == EchoMark("m")
    assert read_message(messages.clear(SID).decode(), SID) == ClearAudio()


def test_a_binary_frame_is_31950_whatever_is_in_it() -> None:
    assert fault(json.dumps(MEDIA).encode()) == "31950"
    assert fault(b"\xff" * 160) == "31950"


@pytest.mark.parametrize("message", [MEDIA, MARK, CLEAR])
def test_every_missing_field_is_31951(message: dict[str, Any]) -> None:
    for name in message:
        assert fault({key: value for key, value in message.items() if key != name}) == "31951"


@pytest.mark.parametrize("message", [MEDIA, MARK, CLEAR])
def test_every_extra_field_is_31951(message: dict[str, Any]) -> None:
    for name in ("sequenceNumber", "track", "media", "mark", "clear", "id", ""):
        if name not in message:
            assert fault({**message, name: {}}) == "31951"


@pytest.mark.parametrize("message", [MEDIA, MARK, CLEAR])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, "x"])
def test_every_field_of_a_wrong_type_or_another_stream_is_31951(
    message: dict[str, Any], value: object
) -> None:
    for name in message:
        assert fault({**message, name: value}) == "31951"


@pytest.mark.parametrize(
    "message",
    [
        {**MEDIA, "media": {"payload": "////", "track": "outbound"}},
        {**MEDIA, "media": {"payload": 1}},
        {**MARK, "mark": {"name": "a", "x": 1}},
        {**MARK, "mark": {"name": 1}},
        {**MARK, "mark": {"name": ""}},
        {**MARK, "mark": {}},
        {**MEDIA, "event": "mark"},
        {**CLEAR, "event": "stop"},
        {**CLEAR, "event": "start"},
        [CLEAR],
        "",
        "{",
        "null",
        "[" * 200_000,
        '{"event":"clear"} x',
    ],
)
def test_every_other_shape_is_31951(message: object) -> None:
    assert fault(message) == "31951"


@pytest.mark.parametrize("payload", ["", "/", "///", "//==/", "!///", " ////", "////\n", "_-__", "é///"])
def test_audio_that_is_not_base64_is_bad(payload: str) -> None:
    assert fault({**MEDIA, "media": {"payload": payload}}) == "bad-audio"


def test_a_complaint_quotes_no_more_than_the_beginning() -> None:
    with pytest.raises(BadMessage) as caught:
        read_message(json.dumps({**MEDIA, "x": base64.b64encode(b"\x01" * 9000).decode()}), SID)

    assert len(str(caught.value)) < 250


@given(st.text() | st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_nothing_but_a_bad_message_comes_out_of_nonsense(message: str | bytes) -> None:
    with pytest.raises(BadMessage):
        read_message(message, SID)
