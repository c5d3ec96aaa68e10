"""Sessions, responses and items in the shape that a dialect wants. GA goes in; what goes in is never changed."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import LocalProtocolError
from gateway.realtime.dialects import GA, Dialect, FormatNames
from voice_codecs.formats import AudioFormat

_FLAT_CONTENT = {"output_text": "text", "output_audio": "audio"}
_FLAT_ITEM = ("id", "type", "status", "role", "content", "call_id", "name", "arguments", "output")
_NOT_EXPRESSED_BY_DEFAULT = ("create_response", "interrupt_response")


def write_session(dialect: Dialect, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write the ``session`` of a session.update.

    Args:
        dialect: how to write it.
        settings: by GA name, and ``input_format`` and ``output_format`` as AudioFormat.

    Raises:
        LocalProtocolError: the server cannot do what a setting asks for.
    """
    return copy.deepcopy(dict(dialect.fixed)) | _placed(dialect, dialect.session, settings)


def write_response(dialect: Dialect, params: Mapping[str, Any]) -> dict[str, Any]:
    """Write the ``response`` of a response.create.

    Raises:
        LocalProtocolError: there is no such parameter, or the server cannot do what it asks for.
    """
    settings = {name: value for name, value in params.items() if name != "audio"}
    output = dict(params.get("audio", {}).get("output", {}))
    if "format" in output:
        settings["output_format"] = _known_format(dialect, output.pop("format"))
    settings |= output
    for name in settings:
        if name not in GA.response:
            raise LocalProtocolError(f"{name}: there is no such parameter of a response")
    if settings.get("conversation") == "none" and "conversation" not in dialect.response:
        raise LocalProtocolError(f"conversation: {dialect.name} cannot answer outside of the conversation")
    return _placed(dialect, dialect.response, settings)


def write_item(dialect: Dialect, item: Mapping[str, Any]) -> dict[str, Any]:
    """Write the ``item`` of a conversation.item.create."""
    written = copy.deepcopy(dict(item))
    if not dialect.is_flat or written.get("type") == "item_reference":
        return written
    flat = {name: written[name] for name in _FLAT_ITEM if name in written} | {"object": "realtime.item"}
    if "content" in flat:
        flat["content"] = [
            {**part, "type": _FLAT_CONTENT.get(part["type"], part["type"])} for part in flat["content"]
        ]
    return flat


def _placed(dialect: Dialect, places: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    if settings.get("output_modalities") == ["text"] and not dialect.has_text_answers:
        raise LocalProtocolError(f"output_modalities: {dialect.name} always answers in speech")
    placed: dict[str, Any] = {}
    for name, value in settings.items():
        if name in places:
            *parents, last = places[name].split(".")
            inner = placed
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = _WRITERS.get(name, _as_it_is)(dialect, value)
    return placed


def _as_it_is(_: Dialect, value: Any) -> Any:
    return copy.deepcopy(value)


def _input_format(dialect: Dialect, audio_format: AudioFormat) -> Any:
    return _format(dialect, dialect.input_formats, audio_format)


def _output_format(dialect: Dialect, audio_format: AudioFormat) -> Any:
    return _format(dialect, dialect.output_formats, audio_format)


def _format(dialect: Dialect, names: FormatNames, audio_format: AudioFormat) -> Any:
    return names[audio_format][0] if dialect.is_flat else ga_format_of(audio_format)


def ga_format_of(audio_format: AudioFormat) -> dict[str, Any]:
    """Write a format as GA does; G.711 has no rate."""
    if audio_format.encoding == "pcmu":
        return {"type": "audio/pcmu"}
    return {"type": "audio/pcm", "rate": audio_format.sample_rate}


def _known_format(dialect: Dialect, ga_format: Mapping[str, Any]) -> AudioFormat:
    for audio_format in dialect.output_formats:
        if ga_format == ga_format_of(audio_format):
            return audio_format
    raise LocalProtocolError(f"format: {dialect.name} does not speak {ga_format}")


def _modalities(dialect: Dialect, modalities: list[str]) -> list[str]:
    return ["text", "audio"] if dialect.is_flat and modalities == ["audio"] else list(modalities)


def _turn_detection(dialect: Dialect, detection: Mapping[str, Any] | None) -> Any:
    if detection is None:
        return copy.copy(dialect.no_detection)
    if detection["type"] == "semantic_vad" and "eagerness" not in dialect.vad:
        raise LocalProtocolError(f"turn_detection: {dialect.name} has no semantic_vad")
    for name in _NOT_EXPRESSED_BY_DEFAULT:
        if name not in dialect.vad and not detection[name]:
            raise LocalProtocolError(f"turn_detection.{name}: {dialect.name} cannot switch it off")
    return {name: _within(dialect, name, value) for name, value in detection.items() if name in dialect.vad}


def _within(dialect: Dialect, name: str, value: Any) -> Any:
    low, high = dialect.limits.get(name, (None, None))
    if low is not None and high is not None and not low <= value <= high:
        raise LocalProtocolError(f"{name}: {dialect.name} takes {low} to {high}, not {value}")
    return value


def _transcription(dialect: Dialect, transcription: Mapping[str, Any] | None) -> Any:
    if transcription is None:
        return None
    return {name: value for name, value in transcription.items() if name in dialect.transcription}


def _noise_reduction(dialect: Dialect, reduction: Mapping[str, Any] | None) -> Any:
    if reduction is None or not dialect.is_flat:
        return copy.copy(reduction)
    return {"type": reduction["type"]}


def _voice(dialect: Dialect, voice: Any) -> Any:
    if isinstance(voice, Mapping) and dialect is not GA:
        raise LocalProtocolError(f"voice: {dialect.name} takes the name of a voice")
    return copy.copy(voice)


def _tools(dialect: Dialect, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_tool(dialect, tool) for tool in tools]


def _tool(dialect: Dialect, tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool["type"] == "mcp" and not dialect.has_mcp:
        raise LocalProtocolError(f"tools: {dialect.name} does not call MCP servers")
    written = copy.deepcopy(dict(tool))
    if dialect.nests_tools:
        return {"type": written.pop("type"), "function": written}
    return written


def _tool_choice(dialect: Dialect, choice: Any) -> Any:
    if dialect.is_flat and not isinstance(choice, str):
        raise LocalProtocolError(f"tool_choice: {dialect.name} takes auto, none or required")
    return copy.copy(choice)


def _items(dialect: Dialect, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [write_item(dialect, item) for item in items]


_WRITERS: Mapping[str, Callable[[Dialect, Any], Any]] = {
    "input_format": _input_format,
    "output_format": _output_format,
    "output_modalities": _modalities,
    "turn_detection": _turn_detection,
    "transcription": _transcription,
    "noise_reduction": _noise_reduction,
    "voice": _voice,
    "speed": lambda dialect, speed: _within(dialect, "speed", speed),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "input": _items,
}
