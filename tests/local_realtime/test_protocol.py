import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.local_realtime import protocol
from gateway.local_realtime.errors import ClientEventError

Fields = dict[str, Any]


def refused(text: str | bytes) -> ClientEventError:
    with pytest.raises(ClientEventError) as caught:
        protocol.decode_client_event(text)
    return caught.value


def session(**fields: Any) -> Fields:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def audio_input(**fields: Any) -> Fields:
    return session(audio={"input": fields})


TRUNCATE = {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": "session.updat"}, "invalid_value", "type"),
        ({"type": 3}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_value", "session.type"),
        (session(temperature=0.8), "unknown_parameter", "session.temperature"),
        (session(modalities=["text"]), "unknown_parameter", "session.modalities"),
        (session(output_modalities=["audio", "text"]), "invalid_value", "session.output_modalities"),
        (session(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
        (session(max_output_tokens=9999), "integer_above_max_value", "session.max_output_tokens"),
        (audio_input(format={"type": "audio/pcma"}), "invalid_value", "session.audio.input.format.type"),
        (audio_input(format="pcm16"), "invalid_value", "session.audio.input.format"),
        (
            audio_input(format={"type": "audio/pcm", "rate": 8000}),
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            audio_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            audio_input(turn_detection={"type": "server_vad", "threshold": 2}),
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "&&&"}, "invalid_value", "audio"),
        ({**TRUNCATE, "audio_end_ms": -1}, "integer_below_min_value", "audio_end_ms"),
        ({**TRUNCATE, "audio_end_ms": 1.5}, "invalid_value", "audio_end_ms"),
        ({**TRUNCATE, "content_index": 1}, "integer_above_max_value", "content_index"),
        ({"type": "response.create", "response": {"temperature": 1}}, "unknown_parameter", "response.temperature"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_code_and_place(event: Fields, code: str, param: str) -> None:
    error = refused(json.dumps({"event_id": "mine", **event}))

    assert (error.code, error.param, error.event_id) == (code, param, "mine")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '"x"', "NaN", b"\xff\xfe", "[" * 100_000, '{"event_id": 7}']
)
def test_what_is_no_event_is_refused_without_an_event_id(text: str | bytes) -> None:
    assert refused(text).event_id is None


@pytest.mark.parametrize("text", ['{"event_id": "mine", "type": ', b'{"type": "x\xff", "event_id" : "mine"}'])
def test_the_event_id_is_found_in_broken_json(text: str | bytes) -> None:
    assert refused(text).event_id == "mine"


def test_an_unknown_type_is_answered_with_the_legal_ones() -> None:
    assert "conversation.item.truncate" in str(refused('{"type": "session.close"}'))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_random_input_is_refused_and_nothing_else_happens(text: bytes | str) -> None:
    refused(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(protocol.LEGAL_TYPES), JSON, JSON, JSON)
def test_random_fields_lead_to_an_event_or_a_refusal(kind: str, one: Any, two: Any, three: Any) -> None:
    event = {"type": kind, "session": one, "item": two, "response": three}
    names = {
        "session.update": ["session"],
        "conversation.item.create": ["item"],
        "response.create": ["response"],
    }
    kept = {name: event[name] for name in names.get(kind, ["session"])}
    with contextlib.suppress(ClientEventError):
        assert protocol.decode_client_event(json.dumps({"type": kind, **kept})).event_id is None
