import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from gateway.errors import RemoteProtocolError
from gateway.twilio import messages
from gateway.twilio.messages import (
    Connected,
    Dtmf,
    MalformedMessage,
    Mark,
    Media,
    MediaFormat,
    Start,
    Stop,
    StreamMessage,
    Unknown,
    decode_message,
)

ACCOUNT_SID = "AC" + "0a" * 16
CALL_SID = "CA" + "1B" * 16
STREAM_SID = "MZ" + "2c" * 16
AUDIO = bytes(range(160))
SECRET = "tOkEn-of-the-stream"

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": ACCOUNT_SID,
        "streamSid": STREAM_SID,
        "callSid": CALL_SID,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": SECRET},
    },
    "streamSid": STREAM_SID,
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {
        "track": "inbound",
        "chunk": "3",
        "timestamp": "80",
        "payload": base64.b64encode(AUDIO).decode(),
    },
    "streamSid": STREAM_SID,
}
DTMF = {
    "event": "dtmf",
    "sequenceNumber": "5",
    "streamSid": STREAM_SID,
    "dtmf": {"track": "inbound_track", "digit": "7"},
}
MARK = {"event": "mark", "sequenceNumber": "6", "streamSid": STREAM_SID, "mark": {"name": "m3"}}
STOP = {
    "event": "stop",
    "sequenceNumber": "7",
    "streamSid": STREAM_SID,
    "stop": {"accountSid": ACCOUNT_SID, "callSid": CALL_SID},
}
EVERY_KIND = [CONNECTED, START, MEDIA, DTMF, MARK, STOP]


def changed(message: dict[str, Any], path: str, value: Any) -> str:
    """The message as text, with the field at a dotted path replaced."""
    copy = json.loads(json.dumps(message))
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = place[name]
    place[last] = value
    return json.dumps(copy)


def without(message: dict[str, Any], path: str) -> str:
    copy = json.loads(json.dumps(message))
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = place[name]
    del place[last]
    return json.dumps(copy)


def only_malformed(text: str | bytes) -> StreamMessage | None:
    """Decode; the one exception that may come out is MalformedMessage, with a text fit for a log line."""
    try:
        return decode_message(text)
    except MalformedMessage as error:
        brief = str(error)
    assert len(brief) <= 200
    assert brief.isascii()
    assert brief.isprintable()
    return None


def test_connected_is_read() -> None:
    assert decode_message(json.dumps(CONNECTED)) == Connected("Call", "1.0.0")


def test_start_names_the_call_its_format_and_our_parameters() -> None:
    message = decode_message(json.dumps(START))

    assert isinstance(message, Start)
    assert (message.sequence_number, message.stream_sid) == (1, STREAM_SID)
    assert (message.start.account_sid, message.start.call_sid) == (ACCOUNT_SID, CALL_SID)
    assert message.start.tracks == ("inbound",)
    assert message.start.media_format == MediaFormat("audio/x-mulaw", 8000, 1)
    assert message.start.custom_parameters == {"token": SECRET}


def test_a_start_without_parameters_has_none() -> None:
    message = decode_message(without(START, "start.customParameters"))

    assert isinstance(message, Start)
    assert message.start.custom_parameters == {}


@pytest.mark.parametrize("as_bytes", [False, True])
def test_media_has_numbers_and_decoded_audio(as_bytes: bool) -> None:
    text = json.dumps(MEDIA)
    message = decode_message(text.encode() if as_bytes else text)

    assert isinstance(message, Media)
    assert (message.sequence_number, message.stream_sid) == (4, STREAM_SID)
    assert (message.media.track, message.media.chunk, message.media.timestamp_ms) == ("inbound", 3, 80)
    assert message.media.payload == AUDIO


def test_dtmf_mark_and_stop_are_read() -> None:
    dtmf, mark, stop = (decode_message(json.dumps(each)) for each in (DTMF, MARK, STOP))

    assert isinstance(dtmf, Dtmf)
    assert dtmf.dtmf.digit == "7"
    assert isinstance(mark, Mark)
    assert mark.mark.name == "m3"
    assert stop == Stop(7, STREAM_SID)


def test_numbers_may_also_be_numbers() -> None:
    assert decode_message(changed(STOP, "sequenceNumber", 7)) == Stop(7, STREAM_SID)


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda message: str(message["event"]))
def test_fields_that_twilio_may_add_are_tolerated(message: dict[str, Any]) -> None:
    plain = decode_message(json.dumps(message))

    more = message | {"new": {"nested": [1, None, 1e300]}, "née": "é", "big": 10**400}
    assert decode_message(json.dumps(more, ensure_ascii=False).encode()) == plain


def test_the_event_may_stand_anywhere_in_the_message() -> None:
    assert decode_message(json.dumps(dict(reversed(STOP.items())))) == Stop(7, STREAM_SID)


def test_a_new_kind_of_message_is_unknown() -> None:
    assert decode_message('{"event": "hold", "hold": {"by": "agent"}}') == Unknown("hold")
    assert decode_message('{"event": "MEDIA"}') == Unknown("MEDIA")


@pytest.mark.parametrize("number", [0, "0", "4294967295"])
def test_counters_reach_from_nought_to_32_bits(number: object) -> None:
    message = decode_message(changed(MEDIA, "media.timestamp", number))

    assert isinstance(message, Media)
    assert message.media.timestamp_ms == int(str(number))


NO_NUMBERS: list[object] = [
    "\u0661\u0662", " 12 ", "12 ", "12\n", "1_000", "+12", "012", "0x10", "", "-1", -1, "4294967296", 2**32, 2**64,
    "9" * 4000, True, False, "true", None, "null", 1.5, "1.5", "NaN", "Infinity", [1], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("path", ["sequenceNumber", "media.chunk", "media.timestamp"])
@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda number: ascii(number)[:20])
def test_what_is_no_plain_counter_is_malformed(path: str, number: object) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(changed(MEDIA, path, number))


@pytest.mark.parametrize("number", ["12.0", "12e0", 12.0, "120e-1"])
def test_other_spellings_that_json_has_for_a_whole_number_give_that_number(number: object) -> None:
    assert decode_message(changed(STOP, "sequenceNumber", number)) == Stop(12, STREAM_SID)


NO_AUDIO: list[object] = [
    "", "AA", "A", "AAA", "AAAA=", "AA=A", "AA==AA==", "A A=", "AAAA\n", "AA-_", "!!!!", "====", "\u00e9AAA", "\u0000AAA",
    None, 1, True, [0xFF], {"bytes": "AAAA"}, base64.b64encode(bytes(16_001)).decode(),
]  # fmt: skip


@pytest.mark.parametrize("payload", NO_AUDIO, ids=lambda payload: ascii(payload)[:20])
def test_what_is_no_base64_of_1_to_16000_bytes_is_malformed(payload: object) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(changed(MEDIA, "media.payload", payload))


@pytest.mark.parametrize("n_bytes", [1, 2, 160, 16_000])
def test_audio_of_any_length_up_to_the_limit_is_read(n_bytes: int) -> None:
    message = decode_message(changed(MEDIA, "media.payload", base64.b64encode(bytes(n_bytes)).decode()))

    assert isinstance(message, Media)
    assert message.media.payload == bytes(n_bytes)


NO_SIDS: list[object] = [
    "", "CA", "CA" + "0" * 31, "CA" + "0" * 33, "ca" + "0" * 32, "CA" + "g" * 32, CALL_SID + "\n", "\n" + CALL_SID,
    "CA../../../../../../../../etc/passwd", "CA" + "\u0661" * 32, None, 5, [CALL_SID],
]  # fmt: skip


@pytest.mark.parametrize("sid", NO_SIDS, ids=lambda sid: ascii(sid)[:20])
@pytest.mark.parametrize(
    ("message", "path", "prefix"),
    [
        (START, "start.accountSid", "AC"),
        (START, "start.callSid", "CA"),
        (START, "streamSid", "MZ"),
        (DTMF, "streamSid", "MZ"),
        (MARK, "streamSid", "MZ"),
        (STOP, "streamSid", "MZ"),
    ],
)
def test_what_does_not_look_like_a_sid_is_malformed(
    message: dict[str, Any], path: str, prefix: str, sid: object
) -> None:
    spelled = sid.replace("CA", prefix) if isinstance(sid, str) else sid

    with pytest.raises(MalformedMessage):
        decode_message(changed(message, path, spelled))


WRONG = [
    (START, "start", None),
    (START, "start", []),
    (START, "start.tracks", "inbound"),
    (START, "start.tracks", ["inbound"] * 9),
    (START, "start.mediaFormat", None),
    (START, "start.mediaFormat.sampleRate", -8000),
    (START, "start.mediaFormat.encoding", "x" * 101),
    (START, "start.customParameters", None),
    (START, "start.customParameters", [["token", "x"]]),
    (START, "start.customParameters", {"token": 5}),
    (START, "start.customParameters", {"token": None}),
    (START, "start.customParameters", {"token": {"$ne": ""}}),
    (START, "start.customParameters", {"token": "x" * 501}),
    (START, "start.customParameters", {"x" * 501: "token"}),
    (START, "start.customParameters", {str(n): "" for n in range(101)}),
    (MEDIA, "media", "AAAA"),
    (MEDIA, "media.track", "sideways"),
    (MEDIA, "media.track", ""),
    (MEDIA, "streamSid", "MZ"),
    (MEDIA, "streamSid", None),
    (DTMF, "dtmf.digit", ""),
    (DTMF, "dtmf.digit", "12"),
    (DTMF, "dtmf.digit", "1\n"),
    (DTMF, "dtmf.digit", "E"),
    (DTMF, "dtmf.digit", "\u0661"),
    (DTMF, "dtmf.digit", 1),
    (MARK, "mark", None),
    (MARK, "mark.name", ""),
    (MARK, "mark.name", "m" * 201),
    (MARK, "mark.name", 3),
    (CONNECTED, "protocol", 1),
    (CONNECTED, "version", "1" * 501),
    (STOP, "event", None),
    (STOP, "event", 5),
    (STOP, "event", ["stop"]),
    (STOP, "event", ""),
    (STOP, "event", "e" * 101),
]


@pytest.mark.parametrize(("message", "path", "value"), WRONG)
def test_a_field_of_the_wrong_kind_or_size_is_malformed(
    message: dict[str, Any], path: str, value: object
) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(changed(message, path, value))


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (STOP, "event"), (STOP, "sequenceNumber"), (STOP, "streamSid"), (START, "start"), (START, "start.callSid"),
        (START, "start.accountSid"), (START, "start.mediaFormat"), (START, "start.mediaFormat.channels"),
        (MEDIA, "media"), (MEDIA, "media.payload"), (MEDIA, "media.track"), (DTMF, "dtmf.digit"), (MARK, "mark"),
        (MARK, "mark.name"),
    ],
)  # fmt: skip
def test_a_missing_field_is_malformed(message: dict[str, Any], path: str) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(without(message, path))


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key_of_a_phone_is_a_digit(digit: str) -> None:
    message = decode_message(changed(DTMF, "dtmf.digit", digit))

    assert isinstance(message, Dtmf)
    assert message.dtmf.digit == digit


STOP_TEXT = json.dumps(STOP)
HOSTILE: list[str | bytes] = [
    "", " ", "\x00", "x", "{", "}", '"', "null", "true", "1", '"media"', "[]", "{}", "[{}]", f"[{STOP_TEXT}]",
    f"{STOP_TEXT}{STOP_TEXT}", f"{STOP_TEXT} x", f"\ufeff{STOP_TEXT}", STOP_TEXT[:-1], STOP_TEXT.replace('"', "'"),
    "[" * 30_000, "[" * 30_000 + "]" * 30_000, '{"event":' * 6_000, '{"event":"new","x":' + "[" * 60_000,
    '{"event":"new","x":' + "[" * 30_000 + "]" * 30_000 + "}", '{"event":"stop","x":' + '{"a":' * 10_000,
    '{"event":"stop","sequenceNumber":' + "9" * 5_000 + "}", "9" * 60_000, '{"event":"stop","sequenceNumber":NaN}',
    '{"event":"new","x":NaN}', '{"event":"new","x":Infinity}', '{"event":"new","x":-Infinity}', '{"event":"new",}',
    '{"event":"new","x":01}', '{"event":"new","x":"\x1b[31m"}', '{"event":"new","x":"\\ud800"}',
    '{"event":"\\ud800"}', '{"event":"\ud800"}', '{"event":"new","x":"\ud800"}', "\ud800",
    '{"event":"media","event":"stop"}', '{"event":"\\u001b[31m","event":"media"}',
    b"\xff", b"\x00\x01\x02", b'{"event":"\xff"}', b'{"event":"new","x":"\xff"}', b'{"event":"new","x":"\xc0\xaf"}',
    b'{"event":"new","x":"\xed\xa0\x80"}', STOP_TEXT.encode("utf-16"), STOP_TEXT.encode()[:-1] + b',"x":"\xfe"}',
    STOP_TEXT.encode().replace(b'"stop"', b'"stop\xff"'),
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_hostile_message_is_malformed_and_nothing_else(text: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_message(text)
    assert only_malformed(text) is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["inbound", STREAM_SID, CALL_SID, "AAAA"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
PATHS = [(STOP, "event"), (STOP, "sequenceNumber"), *{(id(m), p): (m, p) for m, p, _ in WRONG}.values()]


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"\x80")
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    assert only_malformed(data) is None


@settings(deadline=None)
@given(st.text(max_size=300))
def test_random_text_never_raises_anything_else(text: str) -> None:
    assert only_malformed(text) is None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(PATHS), json_values)
def test_any_value_in_any_field_never_raises_anything_else(
    place: tuple[dict[str, Any], str], value: object
) -> None:
    message = only_malformed(changed(*place, value))

    assert message is None or isinstance(message, StreamMessage)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(EVERY_KIND), st.integers(0), st.integers(0, 4), st.binary(max_size=4))
def test_a_valid_message_with_bytes_cut_out_and_put_in_never_raises_anything_else(
    message: dict[str, Any], place: int, n_cut: int, inserted: bytes
) -> None:
    data = json.dumps(message).encode()
    place %= len(data)

    result = only_malformed(data[:place] + inserted + data[place + n_cut :])

    assert result is None or isinstance(result, StreamMessage)


@pytest.mark.parametrize(
    ("message", "brief"),
    [
        (MEDIA, "Media #4 +80 ms, 160 bytes"),
        (START, f"Start #1, call {CALL_SID}, 'audio/x-mulaw' 8000 Hz x 1, 1 parameters"),
        (DTMF, "Dtmf #5"),
        (MARK, "Mark #6 'm3'"),
        (STOP, "Stop #7"),
        ({"event": "\x1b[31m\u202e"}, r"Unknown '\x1b[31m\u202e'"),
    ],
    ids=lambda value: str(value)[:10],
)
def test_messages_print_themselves_briefly(message: dict[str, Any], brief: str) -> None:
    decoded = decode_message(json.dumps(message))

    assert str(decoded) == repr(decoded) == brief
    assert brief in pretty_repr(decoded, max_width=500).replace(r"\\", "\\")


def test_no_way_of_printing_a_message_shows_audio_digits_or_the_token() -> None:
    start, media, dtmf = (decode_message(json.dumps(each)) for each in (START, MEDIA, DTMF))
    assert isinstance(start, Start)
    assert isinstance(media, Media)
    assert isinstance(dtmf, Dtmf)

    for each in (start, start.start):
        assert SECRET not in f"{each} {each!r} {pretty_repr(each)}"
    for part in (media, media.media):
        assert r"\x00" not in f"{part} {part!r} {pretty_repr(part)}"
    for digit in (dtmf, dtmf.dtmf):
        assert "7" not in f"{digit} {digit!r} {pretty_repr(digit)}"


@pytest.mark.parametrize(
    ("message", "path", "value"),
    [
        (START, "start.customParameters", {"token": SECRET, SECRET: 5}),
        (START, "start.customParameters", {SECRET: {"x": SECRET}}),
        (START, "start.callSid", SECRET),
        (MEDIA, "media.payload", f"{SECRET}!"),
        (DTMF, "dtmf.digit", SECRET),
        (MARK, "mark.name", SECRET * 20),
    ],
)
def test_the_text_of_an_error_quotes_no_secret(message: dict[str, Any], path: str, value: object) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode_message(changed(message, path, value))

    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert str(message["event"]) in str(caught.value)


def test_messages_cannot_be_changed() -> None:
    message = decode_message(STOP_TEXT)

    with pytest.raises(AttributeError):
        message.sequence_number = 8  # type: ignore[union-attr, misc]


def test_outbound_messages_have_exactly_the_documented_fields() -> None:
    assert json.loads(messages.media(STREAM_SID, AUDIO)) == {
        "event": "media",
        "streamSid": STREAM_SID,
        "media": {"payload": base64.b64encode(AUDIO).decode()},
    }
    assert json.loads(messages.mark(STREAM_SID, "g1:é\n")) == {
        "event": "mark",
        "streamSid": STREAM_SID,
        "mark": {"name": "g1:é\n"},
    }
    assert json.loads(messages.clear(STREAM_SID)) == {"event": "clear", "streamSid": STREAM_SID}


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=2000))
def test_outbound_audio_survives_its_base64(payload: bytes) -> None:
    class Payload(msgspec.Struct):
        payload: str

    class Message(msgspec.Struct):
        media: Payload

    text = msgspec.json.decode(messages.media(STREAM_SID, payload), type=Message)

    assert base64.b64decode(text.media.payload, validate=True) == payload
