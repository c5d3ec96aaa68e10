"""The settings of one session: the server's defaults, and what updates make of them."""

from collections.abc import Mapping
from typing import Any, Self, cast

import msgspec

from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.formats import AudioFormat
from gateway.local_realtime.session_fields import SessionPatch
from gateway.local_realtime.tools import offered_tools
from gateway.local_realtime.turns import TurnSettings

_SERVER_VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_DEFAULTS = {"server_vad": _SERVER_VAD, "semantic_vad": _SEMANTIC_VAD}
_SILENCE_MS = {"low": 1500, "medium": 800, "auto": 800, "high": 400}
"""Nothing here understands sentences, so eagerness can only choose how long a silence ends a turn."""
_PATCHED_WITHIN = ("turn_detection", "noise_reduction")
"""Objects whose own fields stay when left out, as long as their type stays."""


def _default_state(model: str) -> dict[str, Any]:
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "noise_reduction": None,
                "transcription": None,
                "turn_detection": _SERVER_VAD,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin", "speed": 1.0},
        },
    }


class Configuration:
    """The effective settings of a session. A value: an update makes a new one, or fails and changes nothing."""

    def __init__(self, state: dict[str, Any], *, names_model: bool = True) -> None:
        self.state = state
        """As the server shows it."""
        self._names_model = names_model
        self.input_format = msgspec.convert(state["audio"]["input"]["format"], cast("Any", AudioFormat))
        self.output_format = msgspec.convert(state["audio"]["output"]["format"], cast("Any", AudioFormat))
        self.turn_settings = _turn_settings(state["audio"]["input"]["turn_detection"])
        """None when the client ends turns itself."""

    @classmethod
    def default(cls, model: str | None) -> Self:
        """Make the settings a session starts with; a model that was not named when connecting may be named once."""
        return cls(_default_state(model or "local"), names_model=model is not None)

    @property
    def transcribes(self) -> bool:
        """Whether the client asked for the caller's words."""
        return self.state["audio"]["input"]["transcription"] is not None

    def updated(self, patch: SessionPatch, *, voice_locked: bool) -> "Configuration":
        """Make the settings with this change.

        Raises:
            ClientEventError: the model, or a voice that has been heard, cannot be changed; or the tool choice
                demands a tool that is not there.
        """
        state = _merged(self.state, msgspec.to_builtins(patch))
        changes_model = state["model"] != self.state["model"]
        if changes_model and self._names_model:
            raise ClientEventError("The model of a session cannot be changed.", param="session.model")
        if voice_locked and state["audio"]["output"]["voice"] != self.state["audio"]["output"]["voice"]:
            raise ClientEventError(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param="session.audio.output.voice",
            )
        # Checked now: a response that the caller's speech begins has nobody to be refused to.
        offered_tools(state["tools"], state["tool_choice"], where="session")
        return Configuration(state, names_model=self._names_model or changes_model)


def _merged(state: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Put the patch over the state: what it leaves out stays, values and lists are replaced."""
    merged = dict(state)
    for name, value in patch.items():
        if name in ("audio", "input", "output"):
            merged[name] = _merged(state[name], value)
        elif name in _PATCHED_WITHIN and value is not None:
            merged[name] = _merged_object(state[name], value)
        else:
            merged[name] = value
    return merged


def _merged_object(state: Mapping[str, Any] | None, patch: Mapping[str, Any]) -> dict[str, Any]:
    same_type = state is not None and state["type"] == patch["type"]
    base = state if state is not None and same_type else _DEFAULTS.get(patch["type"], {})
    return {**base, **patch}


def _turn_settings(state: Mapping[str, Any] | None) -> TurnSettings | None:
    if state is None:
        return None
    if state["type"] == "semantic_vad":
        state = {**_SERVER_VAD, **state, "silence_duration_ms": _SILENCE_MS[state["eagerness"]]}
    return TurnSettings(
        threshold=state["threshold"],
        prefix_padding_ms=state["prefix_padding_ms"],
        silence_duration_ms=state["silence_duration_ms"],
        create_response=state["create_response"],
        interrupt_response=state["interrupt_response"],
        idle_timeout_ms=state["idle_timeout_ms"],
    )
