"""A server that parrots its callers, with one fault at most, and a carrier that joins both on a clock of its own."""

import base64
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.measures import measure
from gateway.loadtest.recording import Recording
from gateway.loadtest.results import CallResult, Embedded
from tests.loadtest.calls import clear, media, new_caller
from voice_codecs import mulaw_decode, mulaw_encode, sweep

FRAME = 0.02
LOUD = 800
GREETING = sweep(300, 3000, 8000, 8000)
"""Eight seconds, so that the recording's first words interrupt it."""


@dataclass(frozen=True)
class Fault:
    """What the server does wrong."""

    added: float = 0.0
    """Seconds by which every answer is late."""
    loses_each: int = 0
    """Every so many frames one is not sent; 0: all are."""
    talks_on: float = 0.0
    """Seconds for which it goes on after a clear."""
    truncates_late_ms: int = 0
    """By so much it tells the model that more was heard than was."""


@dataclass
class ScriptedServer:
    """Greets at once, is silent when interrupted, and says after its caller what he has said."""

    fault: Fault
    parrots: Recording
    """Whose frames it takes for those that come."""
    chance: random.Random
    told_ms: list[int] = field(default_factory=list)
    """What it told the model was heard, at every truncation."""
    _frames: list[bytes] = field(default_factory=list)
    _next_at: float = math.inf
    _silent_at: float = math.inf
    _heard: list[bytes] = field(default_factory=list)
    _n_loud: int = 0
    _n_quiet: int = 0
    _n_heard: int = 0
    _n_sent: int = 0
    _n_played: int = 0

    def take(self, message: str, now: float) -> list[str]:
        """Hear the caller; return what to send at once."""
        event = json.loads(message)
        if event["event"] == "start":
            self._say(mulaw_encode(GREETING), now + 0.2 + self.chance.uniform(0, 0.05))
        if event["event"] != "media":
            return []
        self._n_heard += 1
        frame = base64.b64decode(event["media"]["payload"])
        if np.abs(mulaw_decode(frame).astype(np.int32)).max() >= LOUD:
            self._n_loud, self._n_quiet = self._n_loud + 1, 0
        else:
            self._n_quiet += 1
        if self._n_loud:
            self._heard.append(self.parrots.frame(self._n_heard - 1))
        return self._react(now)

    def due(self, now: float) -> list[str]:
        """Send the frames whose time has come."""
        messages = []
        if self._silent_at <= now:
            self._frames.clear()
            self._silent_at = math.inf
        while self._frames and self._next_at <= now:
            frame = self._frames.pop(0)
            self._next_at += FRAME
            self._n_sent += 1
            self._n_played += 1
            if not self.fault.loses_each or self._n_sent % self.fault.loses_each:
                messages.append(media(frame))
        return messages

    def next_deadline(self) -> float:
        return self._next_at if self._frames else math.inf

    def _react(self, now: float) -> list[str]:
        if self._n_loud == 8 and self._n_quiet == 0 and self._next_at < now + FRAME and self._frames:
            self.told_ms.append(self._n_played * 20 + self.fault.truncates_late_ms)
            self._silent_at = now + self.fault.talks_on
            return [clear()]
        if self._n_loud and self._n_quiet == 30:
            heard, self._heard, self._n_loud = self._heard, [], 0
            self._say(b"".join(heard), now + 0.1 + self.fault.added + self.chance.uniform(0, 0.05))
        return []

    def _say(self, payload: bytes, at: float) -> None:
        self._frames = [payload[start : start + 160] for start in range(0, len(payload), 160)]
        self._next_at, self._n_played = at, 0


def carry(caller: RecordedCaller, server: ScriptedServer, now: float) -> float:
    """Carry one call to its end; return when that is."""
    for message in caller.begin(now):
        server.take(message, now)
    while caller.parting(now) is None:
        now = min(caller.next_deadline() or math.inf, server.next_deadline())
        for message in caller.due(now):
            for answer in server.take(message, now):
                caller.receive(answer, now)
        for message in server.due(now):
            caller.receive(message, now)
    caller.hang_up(now)
    return now


def place(
    recordings: list[Recording], fault: Fault, *, parrots: Callable[[int], int] = lambda caller: caller
) -> list[CallResult]:
    """Have everybody call in turn and be measured; ``parrots`` tells whose words each one is answered with."""
    results = []
    for index, tape in enumerate(recordings):
        caller = new_caller(tape)
        caller.webhook("/twilio/voice", 99.0)
        caller.take_twiml(200, "text/xml", _CONNECT, 99.08)
        server = ScriptedServer(fault, recordings[parrots(index)], random.Random(index))
        carry(caller, server, 99.1)
        assert caller.end is not None
        results.append(
            measure(
                caller,
                caller.end,
                started_at=1000.0 + index,
                reference=GREETING,
                fingerprints=(index, range(len(recordings))),
                embedded=Embedded(truncation_errors_ms=(server.told_ms[0] - _first_run_ms(caller),)),
            )
        )
    return results


def _first_run_ms(caller: RecordedCaller) -> float:
    """How much of the greeting really sounded before it was cut."""
    cut = next(index for index, run in enumerate(caller.playback.runs) if run.cut_by == "clear")
    runs = caller.playback.runs[: cut + 1]
    return (runs[-1].end - runs[0].start) * 1000


_CONNECT = b'<Response><Connect><Stream url="wss://voice.example.com/twilio/media"/></Connect></Response>'
