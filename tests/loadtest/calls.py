"""Recordings, callers and server messages that the tests of the recorded caller share."""

import base64
import json
from typing import Any

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.recording import Recording, Utterance
from voice_codecs import mulaw_encode, sine

PUBLIC_URL = "https://voice.example.com"
STREAM_URL = "wss://voice.example.com/twilio/media"
AUTH_TOKEN = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
IDENTITY = CallIdentity("AC" + "0" * 32, "CA" + "1" * 32, "MZ" + "2" * 32)
CONNECT = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Connect action="/twilio/after">'
    f'<Stream url="{STREAM_URL}"><Parameter name="token" value="one-time"/></Stream></Connect></Response>'
).encode()
HANG_UP = b"<Response><Hangup/></Response>"


def speech(duration_ms: int) -> bytes:
    """PCMU that is loud throughout."""
    return mulaw_encode(sine(1000, duration_ms, 8000))


def silence(duration_ms: int) -> bytes:
    return b"\xff" * (duration_ms * 8)


def recording(*utterances: tuple[int, int], duration_ms: int) -> Recording:
    """Speech at the given times, silence elsewhere."""
    audio = bytearray(silence(duration_ms))
    for start_ms, end_ms in utterances:
        audio[start_ms * 8 : end_ms * 8] = speech(end_ms - start_ms)
    return Recording(bytes(audio), "made.wav", tuple(Utterance(*each) for each in utterances))


def new_caller(tape: Recording | None = None, **settings: Any) -> RecordedCaller:
    return RecordedCaller(
        tape or recording(duration_ms=1000), PUBLIC_URL, AUTH_TOKEN, **{"identity": IDENTITY, **settings}
    )


def streaming(tape: Recording | None = None, *, at: float = 100.0, **settings: Any) -> RecordedCaller:
    """A caller whose first stream begins at ``at``; its webhook was sent half a second before."""
    caller = new_caller(tape, **settings)
    caller.webhook("/twilio/voice", at - 0.5)
    caller.take_twiml(200, "application/xml", CONNECT, at - 0.2)
    caller.begin(at)
    return caller


def media(payload: bytes, stream_sid: str = IDENTITY.stream_sid) -> str:
    body = {"payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "streamSid": stream_sid, "media": body})


def mark(name: str, stream_sid: str = IDENTITY.stream_sid) -> str:
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: str = IDENTITY.stream_sid) -> str:
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def says(caller: RecordedCaller, at_ms: int, payload: bytes) -> None:
    """Have the server send audio at a time of the call's clock, whose stream began at 100 s."""
    caller.receive(media(payload), 100.0 + at_ms / 1000)


def clears(caller: RecordedCaller, at_ms: int) -> None:
    caller.receive(clear(), 100.0 + at_ms / 1000)


def run(caller: RecordedCaller, *, until: float, start: float = 100.0) -> list[dict[str, Any]]:
    """Let time pass in steps of 1 ms; return the messages due meanwhile."""
    messages: list[dict[str, Any]] = []
    for ms in range(round((until - start) * 1000) + 1):
        messages += map(json.loads, caller.due(start + ms / 1000))
    return messages
