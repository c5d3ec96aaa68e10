"""Places a recorded caller's call over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from websockets.asyncio.client import ClientConnection

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.line import Address, Line, new_http
from gateway.loadtest.live_stream import HangUp, LiveStream
from gateway.loadtest.playback import UnderRun
from gateway.loadtest.steps import End, PauseStep, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import Event, Timeline

Answer = TypeVar("Answer")


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
    loopback_only: bool = False,
    on_event: Callable[[Event], None] | None = None,
    status_url: str | None = None,
    end: HangUp = "stop",
    answered_by: tuple[float, str] | None = None,
    answered_by_url: str = "/twilio/answered-by",
) -> Outcome:
    """Make one call and stay until it is over. Times are those of the running loop's clock.

    Args:
        caller: a new one; afterwards it holds what was heard.
        connect_to: the TCP address that stands in for every host, without TLS; URLs, Host headers and signatures
            stay those of the public URL.
        loopback_only: whether the call ends where the gateway sends it to another machine.
        on_event: called with every event of the timeline as it happens.
        status_url: where the end of the call is reported: a path below the public URL, or a whole URL.
        end: what the caller does when he hangs up.
        answered_by: what machine detection finds, one of Twilio's ``AnsweredBy``, and how many seconds after the start
            of the first stream it does; a call that is over by then says nothing.
        answered_by_url: where that is told.
    """
    caller.timeline.on_event = on_event
    async with new_http() as http, AsyncExitStack() as half_open, asyncio.TaskGroup() as tasks:
        line = Line(caller.signalling, http, connect_to, loopback_only=loopback_only)
        placed = _Placed(caller, line, end, half_open)
        detecting = None
        if answered_by:
            detecting = tasks.create_task(
                _detect(placed, answered_by, answered_by_url), name="machine-detection"
            )
        step = await placed.carry()
        if detecting:
            detecting.cancel()
        if status_url:
            await line.report(status_url)
    return _outcome(caller, step)


def _outcome(caller: RecordedCaller, end: End) -> Outcome:
    timeline = caller.timeline
    return Outcome(
        end=end,
        n_frames_sent=len(timeline.frame_lateness_ms),
        faults=dict(timeline.faults),
        under_runs=tuple(caller.playback.under_runs),
        timeline=timeline,
    )


class _Placed:
    """One call that is being made; connections that Twilio has given up stay open as long as ``half_open``."""

    def __init__(self, caller: RecordedCaller, line: Line, end: HangUp, half_open: AsyncExitStack) -> None:
        self.line = line
        self.has_stream = asyncio.Event()
        self._caller = caller
        self._end = end
        self._half_open = half_open
        self._now = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._patience: asyncio.Timeout | None = None
        caller.signalling.on_change = self._wake

    async def carry(self) -> End:
        """Follow the steps to the end."""
        step: Step = self._caller.first_step()
        while not isinstance(step, End):
            step = await self._follow(step)
            if self._caller.signalling.is_changed:
                step = self._caller.signalling.go_on(self._now())
        return step

    async def _follow(self, step: WebhookStep | PauseStep | StreamStep) -> Step:
        match step:
            case WebhookStep():
                return await self._unless_changed(self.line.ask(step))
            case PauseStep():
                return await self._pause(step)
            case StreamStep():
                return await self._stream(step)

    def _wake(self) -> None:
        self._changed.set()
        if self._patience is not None:
            self._patience.reschedule(self._now())

    async def _unless_changed(self, asked: Awaitable[Answer]) -> Answer | Step:
        """Wait for the gateway, but no longer than the call goes on as it was."""
        try:
            async with asyncio.timeout(None) as self._patience:
                return await asked
        except TimeoutError:
            return self._caller.signalling.go_on(self._now())
        finally:
            self._patience = None

    async def _pause(self, step: PauseStep) -> Step:
        self._changed.clear()
        try:
            async with asyncio.timeout_at(self._caller.pause_deadline(step, self._now())):
                await self._changed.wait()
        except TimeoutError:
            pass
        return self._caller.pause_over(self._now())

    async def _stream(self, step: StreamStep) -> Step:
        """Open a media stream and carry it until one side ends it."""
        opened = await self._unless_changed(self.line.open(step))
        if not isinstance(opened, ClientConnection):
            return opened
        stream = LiveStream(self._caller, opened, self._end, self._changed)
        self.has_stream.set()
        try:
            return await stream.carry()
        finally:
            if stream.is_half_open:
                self._half_open.push_async_callback(opened.wait_closed)
                self._half_open.callback(opened.transport.abort)
            else:
                await opened.close()


async def _detect(placed: _Placed, answered_by: tuple[float, str], url: str) -> None:
    seconds, who = answered_by
    await placed.has_stream.wait()
    await asyncio.sleep(seconds)
    await placed.line.tell_answered_by(url, who, seconds)
