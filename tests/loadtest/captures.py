"""Captured media streams that the tests of captures share."""

import base64
import json
from pathlib import Path
from typing import Any

from gateway.twilio.capture_writer import CaptureWriter, Sender

ACCOUNT_SID, CALL_SID, STREAM_SID = "AC" + "a1" * 16, "CA" + "b2" * 16, "MZ" + "c3" * 16
HEADER = '{"format":"media-stream-capture","version":1}\n'
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'

Timed = tuple[float, Sender, str]
"""When, from whom, what."""


def twilio(event: str, body: dict[str, Any], n: int = 2) -> str:
    return json.dumps({"event": event, "sequenceNumber": str(n), event: body, "streamSid": STREAM_SID})


def start(**parameters: str) -> str:
    form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    return twilio(
        "start",
        {
            "accountSid": ACCOUNT_SID,
            "streamSid": STREAM_SID,
            "callSid": CALL_SID,
            "tracks": ["inbound"],
            "mediaFormat": form,
            "customParameters": parameters,
        },
        1,
    )


def frame(timestamp_ms: int, payload: bytes, track: str = "inbound") -> str:
    audio = base64.b64encode(payload).decode()
    return twilio("media", {"track": track, "chunk": "1", "timestamp": str(timestamp_ms), "payload": audio})


def key(digit: str) -> str:
    return twilio("dtmf", {"track": "inbound_track", "digit": digit})


def stop() -> str:
    return twilio("stop", {"accountSid": ACCOUNT_SID, "callSid": CALL_SID})


def begun(*messages: Timed) -> list[Timed]:
    """A stream whose start message came at 50.1 s on its server's clock."""
    return [(50.0, "twilio", CONNECTED), (50.1, "twilio", start(token="one-time")), *messages]


def lines(*messages: Timed) -> str:
    """The capture that our writer makes of these messages."""
    writer = CaptureWriter()
    return writer.header() + "".join(writer.line(sender, text, at) for at, sender, text in messages)


def written(path: Path, *messages: Timed) -> Path:
    path.write_text(lines(*messages))
    return path
