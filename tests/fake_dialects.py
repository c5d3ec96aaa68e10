"""The dialects of the fake realtime server: OpenAI's GA protocol, its beta, and xAI's hybrid. No I/O, no clock.

What comes in is held against OpenAI's own types; what goes out is written as GA and translated last.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pydantic
from openai.types import realtime as ga
from openai.types.beta import realtime as beta

from tests.fake_behaviour import Event

Shapes = Mapping[str, type[pydantic.BaseModel]]
PCM16_24K = {"type": "audio/pcm", "rate": 24_000}
CONTENT_FIELDS = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "input_audio": "audio",
    "input_image": "image_url",
}
"""What each type of content holds."""
SERVER_VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200}


class Dialect:
    """The GA protocol. The others override what they do differently. One instance per session."""

    shapes: ClassVar[Shapes] = {
        "session.update": ga.SessionUpdateEvent,
        "input_audio_buffer.append": ga.InputAudioBufferAppendEvent,
        "input_audio_buffer.commit": ga.InputAudioBufferCommitEvent,
        "input_audio_buffer.clear": ga.InputAudioBufferClearEvent,
        "conversation.item.create": ga.ConversationItemCreateEvent,
        "conversation.item.truncate": ga.ConversationItemTruncateEvent,
        "conversation.item.delete": ga.ConversationItemDeleteEvent,
        "response.create": ga.ResponseCreateEvent,
        "response.cancel": ga.ResponseCancelEvent,
    }
    """The client events that are legal over a WebSocket, with their official shape."""
    content_types: ClassVar[Mapping[str, frozenset[str]]] = {
        "user": frozenset({"input_text", "input_audio", "input_image"}),
        "assistant": frozenset({"output_text"}),
        "system": frozenset({"input_text"}),
    }
    """What a message that a client creates may hold."""

    def __init__(self, pcm16_input_rate: int = 24_000) -> None:
        self._pcm16_input_rate = pcm16_input_rate

    def unknown_fields(self, event: Event) -> list[str]:
        """The fields that an event's type does not have, at any depth, as dotted paths.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: it is no client event of this dialect.
        """
        shape = self.shapes[event["type"]]
        self._check_content(event.get("item"))
        model = shape.model_validate(self._as_official(copy.deepcopy(event)), strict=True)
        return list(_extras(model))

    def defaults(self, session_id: str, expires_at: int) -> Event:
        """The session as the server makes it."""
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": "gpt-realtime-2.1",
            "expires_at": expires_at,
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": PCM16_24K, "transcription": None, "turn_detection": SERVER_VAD},
                "output": {"format": PCM16_24K, "voice": "alloy"},
            },
        }

    def greetings(self, session: Event) -> list[Event]:
        """The events that open a session."""
        return [{"type": "session.created", "session": session}]

    def sound(self, session: Event, direction: str) -> Event:
        """The audio format of input or output, in GA's terms with its rate."""
        kind: Event = session["audio"][direction]["format"]
        return kind

    def set_output_format(self, session: Event, kind: Event | str) -> None:
        """Change the format of the output, given as this dialect writes it."""
        session["audio"]["output"]["format"] = kind

    def voice(self, session: Event) -> Any:
        """The voice in a session, None if it has none."""
        return session.get("audio", {}).get("output", {}).get("voice")

    def turn_detection(self, session: Event) -> Event:
        """The turn detection in a session, empty if it has none."""
        return session.get("audio", {}).get("input", {}).get("turn_detection") or {}

    def on_wire(self, event: Event) -> list[Event]:
        """The events to send for an event of the GA protocol."""
        return [event]

    def _as_official(self, event: Event) -> Event:
        """An event that OpenAI's types can be held against; it may be changed in place."""
        return event

    def _check_content(self, item: Event | None) -> None:
        if item is not None and item.get("type") == "message":
            legal = self.content_types[item["role"]]
            for part in item["content"]:
                if part["type"] not in legal:
                    raise ValueError(f"{item['role']} content may be {sorted(legal)}, not {part['type']}")
                if not isinstance(part.get(CONTENT_FIELDS[part["type"]]), str):
                    raise TypeError(f"{part['type']} content without its {CONTENT_FIELDS[part['type']]}")


class BetaDialect(Dialect):
    """The retired shape, as clones still speak it: a flat session and other event names."""

    shapes: ClassVar[Shapes] = {
        "session.update": beta.SessionUpdateEvent,
        "input_audio_buffer.append": beta.InputAudioBufferAppendEvent,
        "input_audio_buffer.commit": beta.InputAudioBufferCommitEvent,
        "input_audio_buffer.clear": beta.InputAudioBufferClearEvent,
        "conversation.item.create": beta.ConversationItemCreateEvent,
        "conversation.item.truncate": beta.ConversationItemTruncateEvent,
        "conversation.item.delete": beta.ConversationItemDeleteEvent,
        "response.create": beta.ResponseCreateEvent,
        "response.cancel": beta.ResponseCancelEvent,
    }
    content_types: ClassVar[Mapping[str, frozenset[str]]] = {
        "user": frozenset({"input_text", "input_audio"}),
        "assistant": frozenset({"text"}),
        "system": frozenset({"input_text"}),
    }

    def defaults(self, session_id: str, expires_at: int) -> Event:
        return {
            "object": "realtime.session",
            "id": session_id,
            "model": "gpt-4o-realtime-preview",
            "expires_at": expires_at,
            "modalities": ["text", "audio"],
            "voice": "alloy",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_transcription": None,
            "turn_detection": SERVER_VAD,
            "tools": [],
            "tool_choice": "auto",
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
        }

    def sound(self, session: Event, direction: str) -> Event:
        name = session[f"{direction}_audio_format"]
        if name == "pcm16":
            rate = self._pcm16_input_rate if direction == "input" else 24_000
            return {"type": "audio/pcm", "rate": rate}
        return {"type": {"g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}[name]}

    def set_output_format(self, session: Event, kind: Event | str) -> None:
        session["output_audio_format"] = kind

    def voice(self, session: Event) -> Any:
        return session.get("voice")

    def turn_detection(self, session: Event) -> Event:
        return session.get("turn_detection") or {}

    def on_wire(self, event: Event) -> list[Event]:
        kind: str = event["type"]
        if kind == "conversation.item.done":
            return []
        if kind == "conversation.item.added":
            kind = "conversation.item.created"
        event = {**event, "type": kind.replace("response.output_audio", "response.audio")}
        if kind == "response.function_call_arguments.done":
            del event["name"]
        if "item" in event:
            event["item"] = _with_beta_content(event["item"])
        if "response" in event:
            output = [_with_beta_content(item) for item in event["response"]["output"]]
            event["response"] = {**event["response"], "output": output}
        return [event]


class XaiDialect(Dialect):
    """GA's names with voice and turn detection at the top of the session, more rates, and loose habits.

    The first spoken item of the caller, and every second one after it, is added without its id.
    A transcript comes word for word at first, then completed twice.
    """

    rates: ClassVar[frozenset[int]] = frozenset({8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})

    def __init__(self, pcm16_input_rate: int = 24_000) -> None:
        super().__init__(pcm16_input_rate)
        self._hides_next_id = True

    def defaults(self, session_id: str, expires_at: int) -> Event:
        audio = {"input": {"format": PCM16_24K}, "output": {"format": PCM16_24K}}
        session = super().defaults(session_id, expires_at)
        return {**session, "audio": audio, "voice": "ara", "turn_detection": SERVER_VAD}

    def greetings(self, session: Event) -> list[Event]:
        conversation = {"id": "conv_1", "object": "realtime.conversation"}
        opened = {"type": "conversation.created", "conversation": conversation}
        return [opened, *super().greetings(session)]

    def voice(self, session: Event) -> Any:
        return session.get("voice")

    def turn_detection(self, session: Event) -> Event:
        return session.get("turn_detection") or {}

    def on_wire(self, event: Event) -> list[Event]:
        if event["type"] == "conversation.item.input_audio_transcription.completed":
            words = event["transcript"].split()
            said = [" ".join(words[:n]) for n in range(1, len(words) + 1)]
            updated = {"type": event["type"].replace("completed", "updated"), "item_id": event["item_id"]}
            updates = [{**updated, "content_index": 0, "transcript": text} for text in said]
            return [*updates, event, event]
        if event["type"] == "conversation.item.added" and _is_spoken_by_caller(event["item"]):
            self._hides_next_id = not self._hides_next_id
            if not self._hides_next_id:
                item = {name: value for name, value in event["item"].items() if name != "id"}
                return [{**event, "item": item}]
        return [event]

    def _as_official(self, event: Event) -> Event:
        if event["type"] != "session.update":
            return event
        session = event["session"]
        session.setdefault("type", "realtime")
        for direction, name in (("input", "turn_detection"), ("output", "voice")):
            place = session.setdefault("audio", {}).setdefault(direction, {})
            if name in place:
                place[f"{name} (its place is the top of the session)"] = place.pop(name)
            if name in session:
                place[name] = session.pop(name)
            if place.get("format", {}).get("rate") in self.rates:
                place["format"]["rate"] = 24_000
        return event


DIALECTS: Mapping[str, type[Dialect]] = {"ga": Dialect, "beta": BetaDialect, "xai": XaiDialect}


def sample_bytes(kind: Event) -> int:
    """Bytes per sample of an audio format: 1 for G.711, 2 for PCM16."""
    return 2 if kind["type"] == "audio/pcm" else 1


def bytes_per_ms(kind: Event) -> float:
    """Bytes per millisecond of an audio format: 8 for G.711, 48 for PCM16 at 24 kHz."""
    return (
        sample_bytes(kind) * float(kind.get("rate", 24_000 if kind["type"] == "audio/pcm" else 8000)) / 1000
    )


def merged(session: Event, update: Event) -> Event:
    """A session after an update: what is left out stays, objects of another type are replaced whole."""
    result = {**session, **update}
    for name, new in update.items():
        old = session.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and old.get("type") == new.get("type"):
            result[name] = merged(old, new)
    return result


def _extras(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _extras(each, f"{path}{index}.")
    elif isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            yield path + name
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), f"{path}{name}.")


def _with_beta_content(item: Event) -> Event:
    if "content" not in item:
        return item
    names = {"output_audio": "audio", "output_text": "text"}
    return {
        **item,
        "content": [{**part, "type": names.get(part["type"], part["type"])} for part in item["content"]],
    }


def _is_spoken_by_caller(item: Event) -> bool:
    return item.get("role") == "user" and all(part["type"] == "input_audio" for part in item["content"])
