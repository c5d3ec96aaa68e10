from typing import Any

import msgspec
import pytest

from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.formats import Pcm, Pcmu
from gateway.local_realtime.session_fields import SessionPatch


def updated(configuration: Configuration, *, voice_locked: bool = False, **fields: Any) -> Configuration:
    patch = msgspec.convert({"type": "realtime", **fields}, SessionPatch)
    return configuration.updated(patch, voice_locked=voice_locked)


def with_turns(configuration: Configuration, turn_detection: dict[str, Any] | None) -> Configuration:
    return updated(configuration, audio={"input": {"turn_detection": turn_detection}})


DEFAULT = Configuration.default("m")


def test_a_session_starts_with_the_documented_defaults() -> None:
    settings = DEFAULT.turn_settings
    assert settings is not None
    assert (settings.threshold, settings.prefix_padding_ms, settings.silence_duration_ms) == (0.5, 300, 500)
    assert settings.create_response
    assert settings.interrupt_response
    assert DEFAULT.input_format == DEFAULT.output_format == Pcm()
    assert not DEFAULT.transcribes


def test_what_an_update_leaves_out_stays() -> None:
    configuration = updated(
        DEFAULT, instructions="be brief", audio={"input": {"format": {"type": "audio/pcmu"}}}
    )
    configuration = updated(configuration, tools=[{"type": "function", "name": "f"}])
    configuration = with_turns(configuration, {"type": "server_vad", "threshold": 0.8})

    assert configuration.state["instructions"] == "be brief"
    assert configuration.input_format == Pcmu()
    assert configuration.output_format == Pcm()
    assert configuration.turn_settings is not None
    assert configuration.turn_settings.threshold == 0.8
    assert configuration.turn_settings.prefix_padding_ms == 300
    assert updated(configuration, tools=[]).state["tools"] == []
    assert DEFAULT.state["instructions"] == ""


def test_eagerness_chooses_how_long_a_silence_ends_a_turn() -> None:
    silences = []
    for eagerness in ("high", "auto", "low"):
        settings = with_turns(DEFAULT, {"type": "semantic_vad", "eagerness": eagerness}).turn_settings
        assert settings is not None
        silences.append(settings.silence_duration_ms)
    assert silences == sorted(set(silences))


def test_another_kind_of_turn_detection_starts_from_its_own_defaults() -> None:
    semantic = with_turns(DEFAULT, {"type": "semantic_vad"})
    assert "threshold" not in semantic.state["audio"]["input"]["turn_detection"]
    none = with_turns(semantic, None)
    assert none.turn_settings is None
    again = with_turns(none, {"type": "server_vad", "create_response": False})
    assert again.state["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


def test_noise_reduction_keeps_its_strength() -> None:
    first = updated(DEFAULT, audio={"input": {"noise_reduction": {"type": "near_field", "strength": 0.5}}})
    second = updated(first, audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert second.state["audio"]["input"]["noise_reduction"] == {"type": "near_field", "strength": 0.5}


def test_the_model_is_fixed() -> None:
    assert updated(DEFAULT, model="m").state["model"] == "m"
    with pytest.raises(ClientEventError, match="model"):
        updated(DEFAULT, model="other")


def test_a_model_that_was_not_named_when_connecting_may_be_named_once() -> None:
    unnamed = Configuration.default(None)
    assert unnamed.state["model"] == "local"
    named = updated(updated(unnamed, instructions="x"), model="m")
    assert named.state["model"] == "m"
    with pytest.raises(ClientEventError, match="model"):
        updated(named, model="other")


def test_a_voice_that_was_heard_stays() -> None:
    assert updated(DEFAULT, audio={"output": {"voice": "ash"}}).state["audio"]["output"]["voice"] == "ash"
    updated(DEFAULT, voice_locked=True, audio={"output": {"voice": "marin"}})
    with pytest.raises(ClientEventError) as caught:
        updated(DEFAULT, voice_locked=True, audio={"output": {"voice": "ash"}})
    assert caught.value.code == "cannot_update_voice"
