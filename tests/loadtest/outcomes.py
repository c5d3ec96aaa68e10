"""Finished calls, as the tests of the load tester need them."""

from gateway.loadtest.options import LoadOptions
from gateway.loadtest.results import CallResult, Delivery, Quality, Setup, Turn

OPTIONS = LoadOptions(recordings=("a.wav",), target="http://127.0.0.1:1", calls=10, ramp=10.0, duration=60.0)


def outcome(
    *,
    at: float = 1000.0,
    failed: bool = False,
    turn_ms: int | None = 500,
    setup_ms: float = 20.0,
    lateness_ms: float = 0.5,
    sid: str = "CA" + "1" * 32,
) -> CallResult:
    """A call placed at a time."""
    return CallResult(
        call_sid=sid,
        recording="a.wav",
        started_at=at,
        duration_ms=1000,
        outcome="webhook-status" if failed else "caller-hung-up",
        detail="",
        failed=failed,
        setup=Setup() if failed else Setup(setup_ms / 2, setup_ms / 2),
        turns=(Turn(100, turn_ms),),
        barge_ins=(),
        delivery=Delivery(),
        quality=Quality(),
        crosstalk=None,
        faults={},
        lateness_ms=(0.1, lateness_ms),
        n_frames=2,
    )
