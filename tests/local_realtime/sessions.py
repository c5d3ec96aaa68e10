"""Drives a LocalSession for tests, and holds every event against the official types and our own reader."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter

from gateway.local_realtime import Answer, LocalSession, Persona, RecordedPersona, RecordedVoice, Turn, Voice
from gateway.local_realtime.response import Pace
from gateway.local_realtime.session import SESSION_LIMIT
from gateway.realtime.events import Unknown, decode_event
from voice_codecs import mulaw_encode, sine

Event = dict[str, Any]

SHORT_TURNS = Path(__file__).parents[1] / "recordings" / "calls" / "short_turns.wav"

_official: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
_NOT_READ_BY_THE_GATEWAY = {
    "rate_limits.updated",
    "response.content_part.added",
    "response.content_part.done",
    "conversation.item.retrieved",
    "input_audio_buffer.cleared",
    "response.function_call_arguments.done",
}
_DOCUMENTED_BUT_NOT_TYPED = {".session.id", ".session.object", ".session.expires_at"}
PROMPTS = {
    "hello": ("Hello there caller", 1000),
    "answer_1": ("This is the first answer you get", 1250),
    "answer_2": ("And the second", 500),
    "text": ("I have read it", 300),
}


def make_voice(folder: Path) -> RecordedVoice:
    """Record a small prompt set of tones."""
    listed = []
    for name, (text, duration_ms) in PROMPTS.items():
        soundfile.write(folder / f"{name}.flac", sine(440.0, duration_ms, 24_000), 24_000)
        listed.append({"file": f"{name}.flac", "text": text, "duration_ms": duration_ms})
    (folder / "prompts.json").write_text(json.dumps(listed))
    return RecordedVoice(folder)


def recorded_call() -> bytes:
    """A caller of short turns, mu-law at 8 kHz."""
    samples, _ = soundfile.read(SHORT_TURNS, dtype="int16")
    return mulaw_encode(np.asarray(samples, np.int16))


def utterances() -> list[Event]:
    """What that caller says, and when."""
    listed: list[Event] = json.loads(SHORT_TURNS.with_suffix(".json").read_text())
    return listed


def unknown_fields(value: Any, where: str = "") -> list[str]:
    """The fields of an official object that its types do not know, by their place."""
    if isinstance(value, BaseModel):
        unknown = [f"{where}.{name}" for name in value.model_extra or ()]
        return unknown + [field for name, part in value for field in unknown_fields(part, f"{where}.{name}")]
    if isinstance(value, list):
        return [field for part in value for field in unknown_fields(part, where)]
    return []


def parse(text: str | bytes) -> Event:
    """Read an event as the official client and the gateway do, and give it as a dict."""
    event: Event = json.loads(text)
    official = _official.validate_json(text, strict=True)
    assert official.type == event["type"]
    assert set(unknown_fields(official)) <= _DOCUMENTED_BUT_NOT_TYPED
    known = not isinstance(decode_event(text), Unknown)
    assert known or event["type"] in _NOT_READ_BY_THE_GATEWAY
    return event


def types(events: list[Event]) -> list[str]:
    """The events' types, deltas of a kind told once."""
    told: list[str] = []
    for event in events:
        if not (event["type"].endswith(".delta") and event["type"] in told[-2:]):
            told.append(event["type"])
    return told


def typed(text: str) -> Event:
    """A user item of typed words."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def function(name: str) -> Event:
    """A function tool."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "name": name, "description": f"The {name}", "parameters": parameters}


def of_type(events: list[Event], kind: str) -> list[Event]:
    """The events of one type."""
    return [event for event in events if event["type"] == kind]


class ScriptedPersona:
    """Gives its answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: Answer | str) -> None:
        self._answers = iter(answers)
        self.turns: list[Turn] = []

    def answer(self, turn: Turn) -> Answer | str:
        """Give the next answer; there must be one."""
        self.turns.append(turn)
        return next(self._answers)


def spoken(voice: Voice, piece: str, speed: float = 1.0) -> bytes:
    """Have a voice speak that waits for nothing."""
    speech = voice.speak(piece, speed=speed)
    try:
        speech.send(None)
    except StopIteration as done:
        sound: bytes = done.value
        return sound
    raise AssertionError("this voice waits")


class Talk:
    """A client and its session on a clock of their own; what it gives back has been parsed.

    ``speaks`` has the voice speak at once; without it the test does that.
    """

    def __init__(
        self,
        voice: Voice,
        *,
        persona: Persona | None = None,
        pcmu: bool = True,
        recognises: bool = False,
        session_limit: float = SESSION_LIMIT,
        speaks: bool = True,
    ) -> None:
        self.now = 1000.0
        self.voice = voice
        self.speaks = speaks
        self.session = LocalSession(
            voice=voice,
            persona=persona or RecordedPersona(getattr(voice, "texts", {})),
            token="abcdef",
            opened_at=1_700_000_000.0,
            model="m",
            pace=Pace(first_delta_delay=0.2, speed=8.0),
            recognises=recognises,
            session_limit=session_limit,
        )
        self.greeting = self.parsed(self.session.start(self.now))
        if pcmu:
            audio_format = {"format": {"type": "audio/pcmu"}}
            self.update(audio={"input": audio_format, "output": audio_format})

    def parsed(self, events: list[Event]) -> list[Event]:
        return [parse(msgspec.json.encode(event)) for event in events]

    def taken(self, events: list[Event]) -> list[Event]:
        """Give the events, after having everything spoken that came up with them."""
        parsed = self.parsed(events)
        if self.speaks:
            for speaking in self.session.take_speaking():
                for piece in speaking.pieces:
                    parsed += self.speak(speaking.response_id, piece, speaking.speed)
        return parsed

    def speak(self, response_id: str, piece: str, speed: float = 1.0) -> list[Event]:
        """Bring the sound of a piece; give what comes of it at once."""
        try:
            sound = spoken(self.voice, piece, speed)
        except LookupError as exc:
            return self.parsed(self.session.not_spoken(response_id, str(exc)))
        return self.parsed(self.session.spoken(response_id, sound, self.now))

    def send(self, kind: str, **fields: Any) -> list[Event]:
        """Send an event; give what comes of it at once."""
        return self.taken(self.session.receive(json.dumps({"type": kind, **fields}), self.now))

    def update(self, **session: Any) -> list[Event]:
        """Send a session update."""
        return self.send("session.update", session={"type": "realtime", **session})

    def turn_detection(self, settings: Event | None) -> list[Event]:
        """Send an update of the turn detection."""
        return self.update(audio={"input": {"turn_detection": settings}})

    def say(self, payload: bytes, *, chunk_bytes: int = 160) -> list[Event]:
        """Append audio in chunks, at the speed at which it sounds."""
        events: list[Event] = []
        for start in range(0, len(payload), chunk_bytes):
            chunk = payload[start : start + chunk_bytes]
            events += self.wait(len(chunk) / 8000)
            events += self.append(chunk)
        return events

    def append(self, chunk: bytes) -> list[Event]:
        """Append audio in one event."""
        return self.send("input_audio_buffer.append", audio=base64.b64encode(chunk).decode())

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass, waking the session when it asks for it."""
        end = self.now + seconds
        events: list[Event] = []
        while (deadline := self.session.next_deadline()) <= end:
            self.now = max(self.now, deadline)
            events += self.taken(self.session.due(self.now))
            if self.session.expired:
                break
        self.now = end
        return events
