"""What a load test has found out: plain values, written as JSON and read again. Times in ms, counts in whole numbers.

A worker makes one `CallResult` of every call; `RunResult` is the file that ``--json`` writes.
"""

from collections.abc import Mapping

import msgspec

SCHEMA_VERSION = 1


class Setup(msgspec.Struct, frozen=True):
    """From the first webhook on; None where the call did not get so far."""

    webhook_ms: float | None = None
    """Until the answer to the first webhook had come."""
    handshake_ms: float | None = None
    """From that answer until the media stream was open."""
    first_audio_ms: float | None = None
    """From the stream's start message until the first audible sample sounded."""


class Turn(msgspec.Struct, frozen=True):
    """An utterance of the caller, and the agent's reply."""

    at_ms: int
    """Where the utterance's last voiced sample was, on the call's clock."""
    turn_ms: int | None
    """From there until the agent's first audible sample sounded; None if the caller has waited three seconds in vain."""


class BargeIn(msgspec.Struct, frozen=True):
    """An utterance that began while the agent was heard to speak."""

    at_ms: int
    """The utterance's first voiced sample, on the call's clock."""
    clear_ms: float | None
    """From there until the server's clear came; None if none did before the utterance was over."""
    stop_ms: int | None
    """From there until the agent was silent; None if it went on."""
    thrown_ms: int
    """Audio that the clear threw away."""


class Delivery(msgspec.Struct, frozen=True):
    """What became of the agent's audio."""

    sent_ms: int = 0
    heard_ms: int = 0
    n_under_runs: int = 0
    under_run_ms: int = 0
    after_clear_ms: int = 0
    """Audio of the old answer that came within 500 ms after a clear of the server's own."""
    n_marks_unreturned: int = 0
    """Marks that the call's end kept from being echoed."""


class Quality(msgspec.Struct, frozen=True):
    """How the agent's voice sounded."""

    level_dbfs: float | None = None
    """RMS of its voiced parts."""
    bandwidth_hz: float | None = None
    """Below which 99.5% of its power lies."""
    snr_db: float | None = None
    """Of what was heard against the clean reference; None without one."""
    pesq: float | None = None
    """MOS-LQO, narrowband; None without a reference, or without the package ``pesq``."""


class Embedded(msgspec.Struct, frozen=True):
    """What only the embedded realtime server can tell, whose clock is the caller's."""

    truncation_errors_ms: tuple[float, ...] = ()
    """Told to the model, less really heard; positive: the model believes the caller heard more."""
    added_up_ms: tuple[float, ...] = ()
    """From a frame's sending until the model had it."""
    added_down_ms: tuple[float, ...] = ()
    """From the model's sending audio until the caller had it."""
    missing_up_ms: tuple[float, ...] = ()
    """Of each of the caller's utterances: what was said less what the model got; negative: it got more."""
    missing_down_ms: tuple[float, ...] = ()
    """Of each answer that nobody interrupted: what the model sent less what the caller got."""


class Event(msgspec.Struct, frozen=True):
    """Something that happened in a call."""

    at_ms: int
    """On the call's clock; below 0 before the media stream."""
    kind: str
    """As in `timeline.EventKind`."""
    detail: str = ""


class Trace(msgspec.Struct, frozen=True):
    """What a call looked like: waveforms and events."""

    step_ms: int
    """Time that one value of a waveform stands for."""
    said: bytes
    """The loudest sample of each step, from the stream's start: 255 times the square root of its share of full scale."""
    heard: bytes
    """The same of what the caller heard."""
    events: tuple[Event, ...]
    """In order of time."""


class CallResult(msgspec.Struct, frozen=True):
    """One call."""

    call_sid: str
    recording: str
    started_at: float
    """Of the first webhook, seconds since 1970."""
    duration_ms: int
    outcome: str
    """A reason of ``steps.REASONS`` or ``failure.REASONS``."""
    detail: str
    failed: bool
    setup: Setup
    turns: tuple[Turn, ...]
    barge_ins: tuple[BargeIn, ...]
    delivery: Delivery
    quality: Quality
    crosstalk: bool | None
    """Whether another caller's fingerprint was heard; None where the server gives no echo to tell by."""
    faults: Mapping[str, int]
    """What the server did wrong, by Twilio's warning code."""
    lateness_ms: tuple[float, ...]
    """Of this caller's frames: sorted sample, at most 200 values, the largest among them."""
    n_frames: int
    embedded: Embedded | None = None
    wav: str | None = None
    """File with both sides, where one was kept."""
    trace: Trace | None = None


class CallAudio(msgspec.Struct, frozen=True):
    """A call to listen to."""

    call_sid: str
    flac: bytes
    """FLAC, 8 kHz, stereo: left what was said, right what was heard."""


class ServerSample(msgspec.Struct, frozen=True):
    """The server at one moment, where its process or its ``/metrics`` can be read."""

    at: float
    """Seconds since 1970."""
    cpu_seconds: float
    """Used so far by the process and its children."""
    memory_mb: float


class Stage(msgspec.Struct, frozen=True):
    """A stretch of the test with so many calls wanted at once."""

    n_calls: int
    started_at: float
    ended_at: float
    rig_busy: float = 0.0
    """Largest share of one core that a worker has used in it, 0 to 1, over any 5 s."""


class RunResult(msgspec.Struct, frozen=True):
    """A whole load test."""

    schema_version: int
    started_at: float
    ended_at: float
    command: str
    """How it was asked for, without secrets."""
    target: str
    mode: str
    stages: tuple[Stage, ...]
    calls: tuple[CallResult, ...]
    server: tuple[ServerSample, ...]
    rig_busy: float
    """Largest share of one core that a worker has used, 0 to 1, over any 5 s."""
    holds: int | None = None
    """Of a ladder: the largest number of calls at which every threshold was kept."""
    broke: str | None = None
    """Of a ladder: how many calls did not hold, and why, like "34 calls: failed > 1: broken: 3 %"; None if all did."""
    audio: tuple[CallAudio, ...] = ()
    """The best and the worst call, by `ranking.badness`."""
