"""What faulty servers do to the texts that pass them: each class commits one fault. No I/O and no clock."""

import base64
import json
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from gateway.twilio.messages import media
from tests.loadtest.relays import Unchanged
from voice_codecs import MULAW_SILENCE

EACH = 50
"""Of so many frames one is lost."""
TALKS_ON = 0.3
"""Seconds for which the agent is heard after it was to be silent."""
TOO_LATE_MS = 500
"""By which answers are truncated behind what was heard."""
_FRAME = 160
_BYTES_PER_SECOND = 8000


class LosesAgents(Unchanged):
    """Between caller and gateway: each 50th frame of what the agent says is cut out."""

    def __init__(self) -> None:
        self._n_bytes = 0

    def to_client(self, text: str, now: float) -> Iterable[str]:
        message = json.loads(text)
        if message["event"] != "media":
            return (text,)
        payload = np.frombuffer(_payload(message), np.uint8)
        places = self._n_bytes + np.arange(payload.size)
        self._n_bytes += payload.size
        kept = payload[places // _FRAME % EACH != EACH - 1]
        return (_agent_says(message, kept.tobytes()),) if kept.size else ()


class LosesCallers(Unchanged):
    """Between gateway and model: each 50th frame of what the caller says is lost.

    Before the gateway that would be another fault: it sees by Twilio's timestamps that a frame is missing, and fills the
    hole.
    """

    def __init__(self) -> None:
        self._n_frames = 0

    def to_server(self, text: str, now: float) -> Iterable[str]:
        if '"input_audio_buffer.append"' in text:
            self._n_frames += 1
            if self._n_frames % EACH == 0:
                return ()
        return (text,)


class TalksOn(Unchanged):
    """Between caller and gateway: after a clear the old answer goes on for a while."""

    def __init__(self) -> None:
        self._said = b""
        self._began_at = 0.0

    def to_client(self, text: str, now: float) -> Iterable[str]:
        message = json.loads(text)
        match message["event"]:
            case "media":
                if now >= self._began_at + len(self._said) / _BYTES_PER_SECOND:
                    self._said, self._began_at = b"", now
                self._said += _payload(message)
            case "clear":
                unheard = self._said[int((now - self._began_at) * _BYTES_PER_SECOND) :]
                self._said = b""
                return text, _agent_says(message, unheard[: int(TALKS_ON * _BYTES_PER_SECOND)])
        return (text,)


class TruncatesLate(Unchanged):
    """Between gateway and model: the model is told that half a second more was heard."""

    def to_server(self, text: str, now: float) -> Iterable[str]:
        if '"conversation.item.truncate"' not in text:
            return (text,)
        event = json.loads(text)
        event["audio_end_ms"] += TOO_LATE_MS
        return (json.dumps(event),)


class Exchange:
    """Between callers and gateway: of every two callers each one's voice is taken for the other's."""

    def __init__(self) -> None:
        self._alone: _Swapped | None = None

    def passage(self) -> "_Swapped":
        """Join the next caller to the one before, if that is alone."""
        new, self._alone = _Swapped(self._alone), None
        if new.other is None:
            self._alone = new
        else:
            new.other.other = new
        return new


class _Swapped(Unchanged):
    def __init__(self, other: "_Swapped | None") -> None:
        self.other = other
        self._said: deque[str] = deque()
        """What the other one is to say."""

    def to_server(self, text: str, now: float) -> Iterable[str]:
        message = json.loads(text)
        if message["event"] == "media" and self.other is not None:
            self._said.append(message["media"]["payload"])
            message["media"]["payload"] = self.other.next_payload()
        return (json.dumps(message),)

    def next_payload(self) -> str:
        """What is to be said instead of the other one's next frame: our oldest, or silence."""
        return self._said.popleft() if self._said else _SILENCE


_SILENCE = base64.b64encode(MULAW_SILENCE * _FRAME).decode()


def _payload(message: Any) -> bytes:
    return base64.b64decode(message["media"]["payload"])


def _agent_says(message: Any, payload: bytes) -> str:
    return media(message["streamSid"], payload).decode()
