import contextlib
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import realtime as official

from gateway.errors import RemoteProtocolError
from gateway.realtime.events import (
    AudioDelta,
    ResponseDone,
    ServerEvent,
    SessionUpdated,
    Unknown,
    convert_event,
    decode_event,
)

SAMPLES: dict[str, dict[str, Any]] = {
    "response.output_audio.delta": {"item_id": "i", "response_id": "r", "delta": "AAAA"},
    "response.done": {"response": {"id": "r", "status": "completed", "usage": {"total_tokens": 7}}},
    "session.updated": {"session": {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}},
    "error": {"error": {"message": "no", "code": "invalid_value"}},
    "input_audio_buffer.speech_started": {"item_id": "i", "audio_start_ms": 5},
}


def text(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, "event_id": "e", **fields}).encode()


def test_audio_is_decoded_from_base64() -> None:
    event = decode_event(text("response.output_audio.delta", **SAMPLES["response.output_audio.delta"]))

    assert event == AudioDelta("i", b"\0\0\0", "r")


def test_nested_parts_are_typed() -> None:
    done = decode_event(text("response.done", **SAMPLES["response.done"]))
    updated = decode_event(text("session.updated", **SAMPLES["session.updated"]))

    assert isinstance(done, ResponseDone)
    assert done.response.usage is not None
    assert done.response.usage.total_tokens == 7
    assert isinstance(updated, SessionUpdated)
    assert updated.session.audio is not None
    assert updated.session.audio.input is not None
    assert updated.session.audio.input.format is not None
    assert updated.session.audio.input.format.rate == 24_000


def test_event_of_an_unknown_kind_is_unknown() -> None:
    assert decode_event(text("weather.changed", sunny=True)) == Unknown("weather.changed")
    assert convert_event({"type": "weather.changed"}) == Unknown("weather.changed")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"type": 5}',
        b'{"type": "error"}',
        b'{"type": "response.output_audio.delta", "item_id": "i", "delta": "*"}',
        b'{"type": "response.output_audio.delta", "item_id": 5, "delta": "AAAA"}',
        b'{"type": "error", "error": {"message": NaN}}',
        b'{"type": "session.created", "session": ' + b"[" * 100_000,
        b'{"type": "response.done", "response": {"id": "r", "usage": {"total_tokens": '
        + b"9" * 5000
        + b"}}}",
        b'{"type": "' + b"x" * 300 + b'"}',
    ],
)
def test_broken_event_is_a_protocol_error_that_quotes_nothing(broken: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_event(broken)

    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@given(st.binary())
def test_random_bytes_give_an_event_or_a_protocol_error(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode_event(data)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_mutated_events_give_an_event_or_a_protocol_error(kind: str, data: st.DataObject) -> None:
    whole = bytearray(text(kind, **SAMPLES[kind]))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RemoteProtocolError):
        decode_event(bytes(whole))


def test_event_that_is_a_dict_already_is_read_in_the_same_way() -> None:
    for kind, fields in SAMPLES.items():
        assert convert_event({"type": kind, **fields}) == decode_event(text(kind, **fields))
    with pytest.raises(RemoteProtocolError):
        convert_event({"type": "error"})


def test_audio_does_not_show_when_an_event_is_printed() -> None:
    assert repr(AudioDelta("i", b"secret")) == "AudioDelta i, 6 bytes"


def test_every_event_we_read_is_one_of_the_official_types() -> None:
    known = {kind.__struct_config__.tag for kind in typing.get_args(ServerEvent)}
    published = {
        member.model_fields["type"].annotation.__args__[0]
        for member in typing.get_args(typing.get_args(official.RealtimeServerEvent)[0])
    }

    assert known <= published
