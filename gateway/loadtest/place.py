"""Places a recorded caller's call over real sockets."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.line import Address, Line, new_http
from gateway.loadtest.live_stream import HangUp, LiveStream
from gateway.loadtest.playback import UnderRun
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import Event, Timeline


@dataclass(frozen=True)
class Outcome:
    """What became of one call."""

    end: End
    n_frames_sent: int
    faults: dict[str, int]
    """What the server did wrong on the media stream, by Twilio's warning code."""
    under_runs: tuple[UnderRun, ...]
    timeline: Timeline
    """With the lateness of every frame sent."""


async def place_call(
    caller: RecordedCaller,
    *,
    connect_to: Address | None = None,
    on_event: Callable[[Event], None] | None = None,
    status_url: str | None = None,
    end: HangUp = "stop",
) -> Outcome:
    """Make one call and stay until it is over. Times are those of the running loop's clock.

    Args:
        caller: a new one; afterwards it holds what was heard.
        connect_to: the TCP address that stands in for every host, without TLS; URLs, Host headers and signatures
            stay those of the public URL.
        on_event: called with every event of the timeline as it happens.
        status_url: where the end of the call is reported: a path below the public URL, or a whole URL.
        end: what the caller does when he hangs up.
    """
    caller.timeline.on_event = on_event
    async with new_http() as http:
        line = Line(caller.signalling, http, connect_to)
        step: Step = caller.first_step()
        while not isinstance(step, End):
            step = await (
                line.ask(step) if isinstance(step, WebhookStep) else _stream(line, step, caller, end)
            )
        if status_url:
            await line.report(status_url)
    timeline = caller.timeline
    return Outcome(
        end=step,
        n_frames_sent=len(timeline.frame_lateness_ms),
        faults=dict(timeline.faults),
        under_runs=tuple(caller.playback.under_runs),
        timeline=timeline,
    )


async def _stream(line: Line, step: StreamStep, caller: RecordedCaller, end: HangUp) -> Step:
    """Open a media stream and carry it until one side ends it."""
    opened = await line.open(step)
    if isinstance(opened, End):
        return opened
    async with opened as websocket:
        return await LiveStream(caller, websocket, end).carry()
