"""What the processes of a load test tell each other: one JSON object a line. Pure."""

from collections.abc import Mapping

import msgspec

from gateway.loadtest.options import LoadOptions
from gateway.loadtest.results import CallAudio, CallResult, RunResult


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """To a process of calls, first of all: what it needs."""

    options: LoadOptions
    auth_token: str


class Serve(msgspec.Struct, frozen=True, tag="serve"):
    """To a server of our own, on standard input, where no other user reads along."""

    auth_token: str
    max_calls: int


class PlaceCall(msgspec.Struct, frozen=True, tag="place-call"):
    """To a process of calls: place the next call of a line."""

    line: int
    """Lines are numbered from 0; each takes the recordings in turn, beginning with the one of its number."""
    nth: int
    """Calls of this line before."""
    fingerprint: int
    """Of the caller, by which his voice is known; see `fingerprint.Fingerprint`."""


class HangUp(msgspec.Struct, frozen=True, tag="hang-up"):
    """To a process of calls: end a line's call, or all, as a caller does who hangs up."""

    line: int | None = None


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From a process of calls: the recordings are read."""


class Unusable(msgspec.Struct, frozen=True, tag="unusable"):
    """From a process of calls: it cannot begin, and why, for people."""

    reason: str


class CallOver(msgspec.Struct, frozen=True, tag="call-over"):
    """From a process of calls: a line is free again; what the call was like comes later."""

    line: int


class CallDone(msgspec.Struct, frozen=True, tag="call-done"):
    """From a process of calls: a call is measured."""

    result: CallResult
    audio: CallAudio | None = None
    """Where this was the process's best or worst call so far."""


class Pulse(msgspec.Struct, frozen=True, tag="pulse"):
    """From a process of calls, every second."""

    n_up: int
    """Calls that are going on."""
    busy: float
    """Share of one core that it used in the last 5 s, 0 to 1."""
    lateness_p99_ms: float | None
    """Of the frames sent since the last pulse; None without any."""


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """From Locust to the command, every second: how the test stands."""

    seconds: float
    """Since its start."""
    n_up: int
    n_wanted: int
    n_done: int
    failures: Mapping[str, int]
    """Calls by the reason why they failed."""
    turn_p95_ms: float | None
    """Of the latest turns, as is the next of the latest calls; None below n = 20."""
    setup_p95_ms: float | None
    lateness_p99_ms: float | None
    """Of the worst worker in the last second."""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """From Locust to the command: the test is over."""

    run: RunResult


Order = Begin | PlaceCall | HangUp
Report = Ready | Unusable | CallOver | CallDone | Pulse
Message = Order | Report | Progress | Finished

order_decoder = msgspec.json.Decoder(Order)
report_decoder = msgspec.json.Decoder(Report)
engine_decoder = msgspec.json.Decoder(Progress | Finished | Unusable)


def line_of(message: Message) -> bytes:
    """Write a message as a line."""
    return msgspec.json.encode(message) + b"\n"
