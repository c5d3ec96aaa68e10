import contextlib
import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import realtime as official

from gateway.errors import RemoteProtocolError
from gateway.realtime import events
from gateway.realtime.events import (
    ArgumentsDone,
    AudioDelta,
    AudioDone,
    BetaAudioDelta,
    CachedTokens,
    CallerTranscript,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    ContentPart,
    ContentPartAdded,
    ContentPartDone,
    ErrorDetail,
    InputCleared,
    InputTimedOut,
    InputTokens,
    ItemAdded,
    ItemCreated,
    ItemDeleted,
    ItemRetrieved,
    ItemState,
    McpListToolsFailed,
    OutputTokens,
    RateLimit,
    RateLimitsUpdated,
    RecognitionUsage,
    ResponseDone,
    ResponseState,
    ServerEvent,
    SessionUpdated,
    SpeechStarted,
    StatusDetails,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
    Usage,
    convert_event,
    decode_event,
    ga_type,
    wire_type,
)

SAMPLES: dict[str, dict[str, Any]] = {
    "response.output_audio.delta": {"item_id": "i", "response_id": "r", "delta": "AAAA"},
    "response.audio.delta": {"item_id": "i", "delta": "AAAA"},
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


OLDER_NAMES: dict[str, tuple[type, str]] = {
    "response.audio.delta": (AudioDelta, "response.output_audio.delta"),
    "response.audio.done": (AudioDone, "response.output_audio.done"),
    "response.audio_transcript.delta": (TranscriptDelta, "response.output_audio_transcript.delta"),
    "response.audio_transcript.done": (TranscriptDone, "response.output_audio_transcript.done"),
    "response.text.delta": (TextDelta, "response.output_text.delta"),
    "response.text.done": (TextDone, "response.output_text.done"),
    "conversation.item.created": (ItemAdded, "conversation.item.added"),
}


@pytest.mark.parametrize("name", OLDER_NAMES)
def test_older_name_is_the_same_event_and_keeps_both_names(name: str) -> None:
    kind, current_name = OLDER_NAMES[name]
    event = decode_event(text(name, item={"id": "i"}, item_id="i"))

    assert isinstance(event, kind)
    assert (wire_type(event), ga_type(event)) == (name, current_name)


def test_current_and_unknown_names_are_their_own_ga_names() -> None:
    for event in (SpeechStarted(), Unknown("weather.changed"), CallerTranscriptUpdated()):
        assert wire_type(event) == ga_type(event)
    assert wire_type(Unknown("weather.changed")) == "weather.changed"
    assert isinstance(decode_event(text("conversation.item.created", item={})), ItemCreated)


def test_beta_audio_matches_as_audio_and_shows_none_of_it() -> None:
    event = decode_event(text("response.audio.delta", item_id="i", delta="AAAA", content_index=1))

    match event:
        case AudioDelta(item_id="i", delta=audio, content_index=1):
            assert audio == b"\0\0\0"
        case _:
            pytest.fail("beta audio is not an AudioDelta")
    assert isinstance(event, BetaAudioDelta)
    assert repr(event) == "BetaAudioDelta i, 3 bytes"


def test_every_event_we_read_is_published_or_an_older_or_a_providers_name() -> None:
    known = {wire: kind for kind in typing.get_args(ServerEvent) for wire in [kind.__struct_config__.tag]}
    published = {
        member.model_fields["type"].annotation.__args__[0]
        for member in typing.get_args(typing.get_args(official.RealtimeServerEvent)[0])
    }

    xai = {"conversation.item.input_audio_transcription.updated"}
    assert known.keys() - published == (OLDER_NAMES.keys() - {"conversation.item.created"}) | xai
    assert {current for _, current in OLDER_NAMES.values()} <= published


def test_everything_an_event_is_made_of_can_be_imported_beside_it() -> None:
    assert set(events.__all__) >= {kind.__name__ for kind in typing.get_args(ServerEvent)}
    for name in events.__all__:
        assert hasattr(events, name)


def test_usage_is_read_with_all_details_and_with_nulls() -> None:
    event = decode_event(
        text(
            "response.done",
            response={
                "id": "r",
                "status": "cancelled",
                "conversation_id": None,
                "metadata": {"why": "check"},
                "status_details": {"type": "cancelled", "reason": "turn_detected", "error": None},
                "output": [{"id": "i", "type": "message", "content": None}],
                "usage": {
                    "total_tokens": None,
                    "input_tokens": 9,
                    "input_token_details": {
                        "text_tokens": 4,
                        "audio_tokens": 5,
                        "image_tokens": None,
                        "cached_tokens": 3,
                        "cached_tokens_details": {"text_tokens": 1, "audio_tokens": 2},
                    },
                    "output_token_details": {"text_tokens": 0, "audio_tokens": None},
                },
            },
        )
    )

    cached = CachedTokens(text_tokens=1, audio_tokens=2)
    usage = Usage(None, 9, 0, InputTokens(4, 5, None, 3, cached), OutputTokens(0, None))
    details = StatusDetails("turn_detected", None, "cancelled")
    output = [ItemState("i", content=None)]
    assert event == ResponseDone(
        ResponseState("r", "cancelled", details, usage, None, {"why": "check"}, output)
    )


def test_response_outside_the_conversation_differs_from_one_of_which_nothing_is_said() -> None:
    outside = decode_event(text("response.done", response={"id": "r", "conversation_id": None}))
    unsaid = decode_event(text("response.done", response={"id": "r"}))

    assert isinstance(outside, ResponseDone)
    assert isinstance(unsaid, ResponseDone)
    assert outside.response.conversation_id is None
    assert unsaid.response.conversation_id is not None


MORE: list[tuple[str, dict[str, Any], object]] = [
    (
        "input_audio_buffer.timeout_triggered",
        {"item_id": "i", "audio_start_ms": 5, "audio_end_ms": 9},
        InputTimedOut("i", 5, 9),
    ),
    ("input_audio_buffer.cleared", {}, InputCleared()),
    ("conversation.item.retrieved", {"item": {"id": "i"}}, ItemRetrieved(ItemState("i"))),
    ("conversation.item.deleted", {"item_id": ""}, ItemDeleted("")),
    (
        "rate_limits.updated",
        {"rate_limits": [{"name": "tokens", "limit": 9, "remaining": 5, "reset_seconds": 1.5}]},
        RateLimitsUpdated((RateLimit("tokens", 9, 5, 1.5),)),
    ),
    (
        "response.function_call_arguments.done",
        {"item_id": "i", "call_id": "c", "arguments": "{}", "name": "hang_up", "response_id": "r"},
        ArgumentsDone("i", "c", "{}", "hang_up", "r"),
    ),
    (
        "response.content_part.added",
        {"item_id": "i", "content_index": 1, "part": {"type": "audio", "transcript": ""}},
        ContentPartAdded("i", ContentPart("audio", None, ""), "", 1),
    ),
    (
        "response.content_part.done",
        {"item_id": "i", "part": {"type": "text", "text": "Hi"}},
        ContentPartDone("i", ContentPart("text", "Hi")),
    ),
    ("mcp_list_tools.failed", {"item_id": "i"}, McpListToolsFailed("i")),
    (
        "conversation.item.input_audio_transcription.updated",
        {"item_id": "i", "transcript": "Good"},
        CallerTranscriptUpdated("i", "Good"),
    ),
    (
        "conversation.item.input_audio_transcription.failed",
        {"item_id": "i", "error": {"code": "audio_unintelligible", "message": "no"}},
        CallerTranscriptFailed("i", ErrorDetail("no", code="audio_unintelligible")),
    ),
    (
        "conversation.item.input_audio_transcription.completed",
        {"item_id": "i", "transcript": "Hi", "usage": {"type": "duration", "seconds": 2}},
        CallerTranscript("i", "Hi", 0, RecognitionUsage("duration", seconds=2.0)),
    ),
]


@pytest.mark.parametrize(("kind", "fields", "expected"), MORE)
def test_event_is_read_with_its_fields(kind: str, fields: dict[str, Any], expected: object) -> None:
    assert decode_event(text(kind, **fields)) == expected


def test_flat_sessions_of_other_servers_are_understood() -> None:
    event = decode_event(
        text(
            "session.updated",
            session={
                "model": "step-audio-2",
                "voice": "linjiajiejie",
                "input_audio_format": "pcm16",
                "output_audio_format": {"type": "audio/pcm"},
                "turn_detection": {"type": "server_vad"},
            },
        )
    )

    assert isinstance(event, SessionUpdated)
    session = event.session
    assert (session.model, session.voice, session.input_audio_format) == (
        "step-audio-2",
        "linjiajiejie",
        "pcm16",
    )
    assert session.output_audio_format == {"type": "audio/pcm"}
    assert session.turn_detection == {"type": "server_vad"}


@pytest.mark.parametrize("ms", ["100", "100.0", "100.5", '"100"'])
def test_milliseconds_may_be_written_as_integers_or_not(ms: str) -> None:
    event = decode_event(f'{{"type": "input_audio_buffer.speech_started", "audio_start_ms": {ms}}}')

    assert isinstance(event, SpeechStarted)
    assert event.audio_start_ms in {100, 100.5}


def test_whole_numbers_may_be_written_with_a_point() -> None:
    event = decode_event(b'{"type": "response.output_audio.delta", "item_id": "i", "content_index": 2.0}')

    assert event == AudioDelta("i", content_index=2)


def test_item_without_an_id_is_still_an_event() -> None:
    assert decode_event(text("conversation.item.added", item={"type": "message"})) == ItemAdded(ItemState())
