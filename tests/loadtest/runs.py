"""Results of calls and of whole runs that the tests of the figures share. Nothing in them was measured."""

from collections.abc import Iterable
from typing import Any

from gateway.loadtest.results import (
    SCHEMA_VERSION,
    CallResult,
    Delivery,
    Quality,
    RunResult,
    Setup,
    Turn,
)


def call(**changes: Any) -> CallResult:
    """One call of ten seconds that went well; a rig that is 1 ms late."""
    values: dict[str, Any] = {
        "call_sid": "CA" + "1" * 32,
        "recording": "made.wav",
        "started_at": 1000.0,
        "duration_ms": 10_000,
        "outcome": "caller-hung-up",
        "detail": "",
        "failed": False,
        "setup": Setup(100.0, 50.0, 300.0),
        "turns": (Turn(2000, 600),),
        "barge_ins": (),
        "delivery": Delivery(sent_ms=5000, heard_ms=5000),
        "quality": Quality(level_dbfs=-20.0, bandwidth_hz=3400.0),
        "crosstalk": None,
        "faults": {},
        "lateness_ms": (1.0,),
        "n_frames": 500,
    }
    return CallResult(**{**values, **changes})


def run(calls: Iterable[CallResult], **changes: Any) -> RunResult:
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "started_at": 1000.0,
        "ended_at": 1100.0,
        "command": "gateway loadtest made.wav",
        "target": "http://127.0.0.1:8000",
        "mode": "steady",
        "stages": (),
        "calls": tuple(calls),
        "server": (),
        "rig_busy": 0.2,
    }
    return RunResult(**{**values, **changes})


def with_turns(latencies_ms: Iterable[int], **changes: Any) -> RunResult:
    """A run of one call with one turn for each latency."""
    return run([call(turns=(Turn(2000, each),)) for each in latencies_ms], **changes)
