import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from openai.types.beta.realtime import ConversationItem as BetaItem
from openai.types.beta.realtime.response_create_event import Response as BetaResponse
from openai.types.beta.realtime.session_update_event import Session as BetaSession
from openai.types.realtime import RealtimeResponseCreateParams, RealtimeSessionCreateRequest
from pydantic import BaseModel

from gateway.errors import LocalProtocolError
from gateway.realtime import SemanticVad, ServerVad, SessionConfig, Transcription
from gateway.realtime.session_fields import ChosenFunction, CustomVoice
from tests.realtime.configs import CONFIGS, NAMES, known
from voice_codecs.formats import PCM16_16K, PCM16_24K

FUNCTION = {
    "type": "function",
    "name": "hang_up",
    "description": "Ends the call.",
    "parameters": {"type": "object"},
}
MCP = {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com"}
ASSISTANT = {
    "id": "i1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "hello"}],
    "phase": "final_answer",
}
AUDIO_PCMU = {"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}}


def unknown_fields(value: object, path: str = "") -> list[str]:
    """The keys that an official type has no field for; it keeps them as extras, a server refuses them."""
    if isinstance(value, BaseModel):
        extra = [f"{path}.{name}" for name in value.model_extra or {}]
        fields = [(name, getattr(value, name)) for name in type(value).model_fields]
        return extra + [found for name, inner in fields for found in unknown_fields(inner, f"{path}.{name}")]
    if isinstance(value, list):
        return [found for inner in value for found in unknown_fields(inner, f"{path}[]")]
    return []


def check(official: type[BaseModel], payload: dict[str, Any]) -> None:
    assert unknown_fields(official.model_validate(payload, strict=True)) == []


@given(CONFIGS)
def test_every_ga_session_is_one_of_the_official_type(config: SessionConfig) -> None:
    check(RealtimeSessionCreateRequest, known("openai").session(config))
    check(RealtimeSessionCreateRequest, known("azure", audio_format="pcmu").session(config, with_voice=False))


@given(CONFIGS)
def test_every_beta_session_is_one_of_the_official_type_or_refused(config: SessionConfig) -> None:
    with contextlib.suppress(LocalProtocolError):
        check(BetaSession, known("azure-preview").session(config))


@given(CONFIGS)
def test_no_provider_is_sent_a_key_that_it_does_not_know(config: SessionConfig) -> None:
    for name in NAMES:
        provider = known(name)
        with contextlib.suppress(LocalProtocolError):
            session = provider.session(config)
            top = {place.split(".")[0] for place in provider.dialect.session.values()}
            assert set(session) <= top | set(provider.dialect.fixed)
            assert msgspec.json.decode(msgspec.json.encode(session)) == session


def test_default_session_of_openai_is_complete() -> None:
    session = known("openai").session(SessionConfig(instructions="Be brief."))

    assert session == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
        },
        "tools": [],
    }


def test_session_of_the_beta_shape_is_flat() -> None:
    config = SessionConfig(
        instructions="",
        turn_detection=ServerVad(idle_timeout_ms=5000),
        transcription=Transcription("whisper", languages=("en",)),
        speed=1.2,
        max_output_tokens=100,
    )

    assert known("azure-preview", audio_format="pcmu").session(config, tools=[FUNCTION]) == {
        "modalities": ["text", "audio"],
        "instructions": "",
        "voice": "alloy",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "whisper"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "create_response": True,
            "interrupt_response": True,
        },
        "tools": [FUNCTION],
        "speed": 1.2,
        "max_response_output_tokens": 100,
    }


def test_session_of_xai_has_voice_and_turn_detection_at_the_top() -> None:
    session = known("xai").session(SessionConfig(instructions="Hi", voice="ara", turn_detection=None))

    assert session == {
        "instructions": "Hi",
        "voice": "ara",
        "turn_detection": None,
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24_000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
        },
        "tools": [],
    }


def test_session_of_qwen_hears_16_khz_and_nests_its_tools() -> None:
    session = known("qwen").session(SessionConfig(instructions="Hi"), tools=[FUNCTION])
    function = {name: value for name, value in FUNCTION.items() if name != "type"}

    assert known("qwen").input_format == PCM16_16K
    assert known("qwen").output_format == PCM16_24K
    assert (session["input_audio_format"], session["output_audio_format"]) == ("pcm", "pcm")
    assert session["tools"] == [{"type": "function", "function": function}]
    assert "voice" not in session


def test_session_of_glm_names_its_model_and_switches_detection_off_in_its_own_way() -> None:
    session = known("glm").session(SessionConfig(instructions="Hi", turn_detection=None))

    assert session == {
        "beta_fields": {"chat_mode": "audio", "tts_source": "e2e", "auto_search": False},
        "model": "glm-realtime-flash",
        "modalities": ["text", "audio"],
        "instructions": "Hi",
        "voice": "tongtong",
        "input_audio_format": "pcm24",
        "output_audio_format": "pcm",
        "turn_detection": {"type": "client_vad"},
        "tools": [],
    }


def test_idle_timeout_goes_to_ga_servers() -> None:
    session = known("openai").session(SessionConfig(turn_detection=ServerVad(idle_timeout_ms=5000)))

    assert session["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == 5000


def test_what_is_locked_once_the_model_has_spoken_is_left_out_on_demand() -> None:
    session = known("openai").session(SessionConfig(voice="cedar", tracing="auto"), with_voice=False)

    assert session["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24_000}}
    assert "tracing" not in session


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("xai", SessionConfig(turn_detection=SemanticVad()), "xai has no semantic_vad"),
        ("stepfun", SessionConfig(turn_detection=SemanticVad()), "stepfun has no semantic_vad"),
        (
            "glm",
            SessionConfig(turn_detection=ServerVad(create_response=False)),
            "create_response: glm cannot",
        ),
        (
            "xai",
            SessionConfig(turn_detection=ServerVad(threshold=0.95)),
            "threshold: xai takes 0.1 to 0.9, not 0.95",
        ),
        ("xai", SessionConfig(speed=0.5), "speed: xai takes 0.7 to 1.5"),
        ("qwen", SessionConfig(turn_detection=ServerVad(silence_duration_ms=100)), "qwen takes 200 to 6000"),
        ("stepfun", SessionConfig(output_modalities=("text",)), "stepfun always answers in speech"),
        ("azure-preview", SessionConfig(tools=(MCP,)), "does not call MCP"),
        ("azure-preview", SessionConfig(tool_choice=ChosenFunction("a")), "takes auto, none or required"),
        ("azure-preview", SessionConfig(voice=CustomVoice("voice_1")), "the name of a voice"),
    ],
)
def test_what_a_server_cannot_do_is_refused_in_one_line(name: str, config: SessionConfig, words: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        known(name).session(config)

    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_items_keep_their_ga_shape_for_ga_servers() -> None:
    item = known("openai").item(ASSISTANT)

    assert item == ASSISTANT
    assert item["content"] is not ASSISTANT["content"]


def test_items_of_the_beta_have_its_content_types_and_no_key_more() -> None:
    provider = known("azure-preview")

    assert provider.item(ASSISTANT) == {
        "id": "i1",
        "type": "message",
        "object": "realtime.item",
        "role": "assistant",
        "content": [{"type": "text", "text": "hello"}],
    }
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    for item in (ASSISTANT, call, user, {"type": "function_call_output", "call_id": "c", "output": "1"}):
        check(BetaItem, provider.item(item))
    assert provider.item(user)["content"] == user["content"]


PARAMS: dict[str, Any] = {
    "audio": AUDIO_PCMU,
    "conversation": "none",
    "input": [{"type": "item_reference", "id": "i0"}, ASSISTANT],
    "instructions": "Say hello.",
    "max_output_tokens": 50,
    "metadata": {"why": "greeting"},
    "output_modalities": ["audio"],
    "tool_choice": "none",
    "tools": [FUNCTION],
}


def test_response_keeps_its_ga_shape_for_ga_servers() -> None:
    ga = {
        **PARAMS,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    }

    assert known("openai").response(PARAMS) == PARAMS
    assert known("openai").response({}) == {}
    check(RealtimeResponseCreateParams, known("openai").response(ga))


def test_response_of_the_beta_is_flat() -> None:
    response = known("azure-preview").response(PARAMS)
    reference, item = response["input"]

    assert reference == {"type": "item_reference", "id": "i0"}
    assert item["content"] == [{"type": "text", "text": "hello"}]
    assert response == {
        "conversation": "none",
        "input": response["input"],
        "instructions": "Say hello.",
        "max_response_output_tokens": 50,
        "metadata": {"why": "greeting"},
        "modalities": ["text", "audio"],
        "output_audio_format": "g711_ulaw",
        "tool_choice": "none",
        "tools": [FUNCTION],
        "voice": "cedar",
    }
    check(BetaResponse, response)


def test_response_that_a_server_cannot_give_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"^modalities: there is no such parameter"):
        known("openai").response({"modalities": ["text"]})
    with pytest.raises(LocalProtocolError, match="qwen cannot answer outside of the conversation"):
        known("qwen").response({"conversation": "none"})
    with pytest.raises(LocalProtocolError, match="qwen does not speak"):
        known("qwen").response({"audio": AUDIO_PCMU})
    assert known("qwen").response({"instructions": "Hi", "metadata": {}}) == {"instructions": "Hi"}
