"""The schemas of a media stream's messages can fail."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.loadtest.calls import IDENTITY
from tests.loadtest.schemas import FROM_SERVER, TO_SERVER, check_stream_to_server

_GONE = object()
_SIDS = {"accountSid": IDENTITY.account_sid, "callSid": IDENTITY.call_sid}
_STREAM = {"streamSid": IDENTITY.stream_sid}
_GOOD: dict[str, dict[str, Any]] = {
    "connected": {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    "start": {
        "event": "start",
        "sequenceNumber": "1",
        **_STREAM,
        "start": {
            **_SIDS,
            **_STREAM,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "one-time"},
        },
    },
    "media": {
        "event": "media",
        "sequenceNumber": "2",
        **_STREAM,
        "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "////"},
    },
    "dtmf": {
        "event": "dtmf",
        "sequenceNumber": "3",
        **_STREAM,
        "dtmf": {"track": "inbound_track", "digit": "#"},
    },
    "mark": {"event": "mark", "sequenceNumber": "4", **_STREAM, "mark": {"name": "m1"}},
    "stop": {"event": "stop", "sequenceNumber": "5", **_STREAM, "stop": _SIDS},
}
_GOOD_ANSWERS: dict[str, dict[str, Any]] = {
    "media": {"event": "media", **_STREAM, "media": {"payload": "/w=="}},
    "mark": {"event": "mark", **_STREAM, "mark": {"name": "m1"}},
    "clear": {"event": "clear", **_STREAM},
}
_BAD_VALUES: list[tuple[str, str, Any]] = [
    ("connected", "version", "1.0"),
    ("start", "sequenceNumber", 1),
    ("start", "sequenceNumber", "2"),
    ("start", "start.tracks", []),
    ("start", "start.tracks", ["inbound_track"]),
    ("start", "start.mediaFormat.sampleRate", "8000"),
    ("start", "start.mediaFormat.channels", True),
    ("start", "start.mediaFormat.encoding", "audio/x-alaw"),
    ("start", "start.customParameters.token", 5),
    ("start", "start.callSid", "CA123"),
    ("media", "streamSid", IDENTITY.call_sid),
    ("media", "streamSid", IDENTITY.stream_sid + "\n"),
    ("media", "sequenceNumber", 2),
    ("media", "media.track", "inbound_track"),
    ("media", "media.chunk", "0"),
    ("media", "media.chunk", 1),
    ("media", "media.timestamp", "00"),
    ("media", "media.timestamp", 20),
    ("media", "media.payload", ""),
    ("media", "media.payload", "///"),
    ("media", "media.payload", "//-_"),
    ("dtmf", "dtmf.track", "inbound"),
    ("dtmf", "dtmf.digit", 4),
    ("dtmf", "dtmf.digit", "44"),
    ("mark", "mark.name", 5),
    ("stop", "stop.accountSid", IDENTITY.call_sid),
    ("stop", "event", "closed"),
]
_BAD_ANSWERS: list[tuple[str, str, Any]] = [
    ("media", "media.payload", "/w="),
    ("media", "media.payload", None),
    ("media", "media.track", "outbound"),
    ("media", "sequenceNumber", "1"),
    ("mark", "mark.name", 5),
    ("mark", "mark", "m1"),
    ("clear", "streamSid", "MZ1"),
    ("clear", "clear", {}),
    ("clear", "event", "dtmf"),
]


def test_schemas_accept_the_messages_that_twilio_documents() -> None:
    for message in _GOOD.values():
        TO_SERVER.validate(message)
    for message in _GOOD_ANSWERS.values():
        FROM_SERVER.validate(message)


@pytest.mark.parametrize(("event", "path", "value"), _BAD_VALUES)
def test_schema_of_what_twilio_sends_refuses_a_wrong_value(event: str, path: str, value: Any) -> None:
    assert not TO_SERVER.is_valid(_changed(_GOOD[event], path, value))


@pytest.mark.parametrize(("event", "path", "value"), _BAD_ANSWERS)
def test_schema_of_what_a_server_may_send_refuses_a_wrong_value(event: str, path: str, value: Any) -> None:
    assert not FROM_SERVER.is_valid(_changed(_GOOD_ANSWERS[event], path, value))


@pytest.mark.parametrize("validator", [TO_SERVER, FROM_SERVER])
def test_schemas_refuse_a_message_that_lacks_any_field_or_has_one_more(
    validator: Draft202012Validator,
) -> None:
    good = _GOOD if validator is TO_SERVER else _GOOD_ANSWERS
    for message in good.values():
        for path in _paths(message):
            assert not validator.is_valid(_changed(message, path, _GONE)), path
            more = f"{path.rpartition('.')[0]}.more".removeprefix(".")
            assert not validator.is_valid(_changed(message, more, "")), more


@pytest.mark.parametrize(
    ("at", "path", "value"),
    [
        (2, "sequenceNumber", "3"),
        (2, "media.chunk", "2"),
        (2, "media.timestamp", "20"),
        (3, "streamSid", "MZ" + "3" * 32),
        (5, "stop.callSid", "CA" + "3" * 32),
    ],
)
def test_messages_that_do_not_follow_from_each_other_are_found(at: int, path: str, value: str) -> None:
    messages = list(_GOOD.values())
    check_stream_to_server(list(map(json.dumps, messages)))

    messages[at] = _changed(messages[at], path, value)

    assert TO_SERVER.is_valid(messages[at])
    with pytest.raises(AssertionError):
        check_stream_to_server(list(map(json.dumps, messages)))


@pytest.mark.parametrize(
    "order", [[1, 0, 2, 3, 4, 5], [0, 1, 2, 3, 5, 4], [0, 1, 2, 3, 4], [0, 1, 2, 4, 3, 5]]
)
def test_messages_out_of_order_are_found(order: list[int]) -> None:
    messages = list(_GOOD.values())
    with pytest.raises((AssertionError, KeyError)):
        check_stream_to_server([json.dumps(messages[n]) for n in order])


def _changed(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The message with another value at a dotted path, or without it."""
    changed = copy.deepcopy(message)
    *parents, name = path.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    if value is _GONE:
        del place[name]
    else:
        place[name] = value
    return changed


def _paths(message: dict[str, Any], parent: str = "") -> Iterator[str]:
    """The dotted paths of every field that must be there."""
    for name, value in message.items():
        yield parent + name
        if isinstance(value, dict) and name != "customParameters":
            yield from _paths(value, f"{parent}{name}.")
