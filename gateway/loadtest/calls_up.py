"""The calls that one process is making, by line."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.collector import percentile
from gateway.loadtest.failure import has_failed
from gateway.loadtest.fingerprint import Fingerprint
from gateway.loadtest.measuring import FinishedCall, Measuring, WavFile
from gateway.loadtest.messages import Begin, CallDone, CallOver, PlaceCall
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.recording import Recording
from gateway.loadtest.steady_clock import SteadyClock
from gateway.loadtest.steps import End, PauseStep

PARTING_TIME = 2.5
"""Seconds that a caller who hangs up waits for the server to close."""


class _Up:
    """One call that is going on."""

    def __init__(self, caller: RecordedCaller, patience: asyncio.Timeout) -> None:
        self.caller = caller
        self._patience = patience
        self._n_seen = 0

    def hang_up(self) -> None:
        """Have the caller hang up as soon as his driver looks: with his next frame, or in a pause at once."""
        self.caller.hang_up_after = 0.0
        if self._patience.when() is None:
            self._patience.reschedule(asyncio.get_running_loop().time() + PARTING_TIME)
        signalling = self.caller.signalling
        if isinstance(signalling.step, PauseStep) and signalling.on_change:
            signalling.on_change()

    def new_lateness(self) -> list[float]:
        """Take the lateness of the frames sent since the last time, in ms."""
        lateness = self.caller.timeline.frame_lateness_ms
        new = list(islice(lateness, self._n_seen, None))
        self._n_seen += len(new)
        return new


class CallsUp:
    """Places calls, each in a task of the group that it is given, and reports each when it is measured."""

    def __init__(
        self,
        begin: Begin,
        recordings: Sequence[Recording],
        measuring: Measuring,
        report: Callable[[CallOver | CallDone], None],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._options = begin.options
        self._auth_token = begin.auth_token
        self._recordings = recordings
        self._measuring = measuring
        self._report = report
        self._tasks = tasks
        self._up: dict[int, _Up] = {}
        self._to_come: dict[int, bool] = {}
        """Lines whose next caller is being made, and whether he is to hang up as soon as he is there."""
        self._running: set[asyncio.Task[None]] = set()
        self._n_wavs = 0
        self._clock = SteadyClock()

    def __len__(self) -> int:
        return len(self._up)

    def place(self, order: PlaceCall) -> None:
        """Place a line's next call."""
        self._to_come[order.line] = False
        task = self._tasks.create_task(self._carry(order), name=f"line-{order.line}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def hang_up(self, line: int) -> None:
        """End a line's call as a caller does; without a call there is nothing to end."""
        if up := self._up.get(line):
            up.hang_up()
        elif line in self._to_come:
            self._to_come[line] = True

    def hang_up_all(self) -> None:
        """End every call, also those whose callers are still being made."""
        for line in [*self._up, *self._to_come]:
            self.hang_up(line)

    async def end_all(self) -> None:
        """End every call, and wait until all are measured."""
        self.hang_up_all()
        while self._running:
            await asyncio.wait(self._running)

    def lateness_p99_ms(self) -> float | None:
        """Tell how late the frames since the last question were; None without any."""
        return percentile((ms for up in self._up.values() for ms in up.new_lateness()), 99, at_least=1)

    async def _carry(self, order: PlaceCall) -> None:
        line = order.line
        # The sums of a long recording would hold up the frames of the others.
        caller = await asyncio.to_thread(self._new_caller, order)
        started_at = self._clock.now()
        try:
            async with asyncio.timeout(None) as patience:
                self._up[line] = up = _Up(caller, patience)
                if self._to_come.pop(line):
                    up.hang_up()
                end = (await self._place(caller)).end
        except TimeoutError:
            caller.hang_up(asyncio.get_running_loop().time())
            end = caller.end or End("caller-hung-up")
        finally:
            del self._up[line]
        self._report(CallOver(line))
        own = None if caller.replay else order.fingerprint
        wav = self._wav(caller, failed=has_failed(caller, end))
        finished = FinishedCall(caller, end, started_at, time.monotonic(), own, self._options.observed, wav)
        self._report(await self._measuring.measure(finished))

    async def _place(self, caller: RecordedCaller) -> Outcome:
        options = self._options
        return await place_call(
            caller, connect_to=options.connect_to, loopback_only=not options.i_own_this_target
        )

    def _new_caller(self, order: PlaceCall) -> RecordedCaller:
        """Make the caller of a line's next call; a captured stream is replayed as it was, without a fingerprint."""
        options = self._options
        recording = self._recordings[(order.line + order.nth) % len(self._recordings)]
        is_captured = bool(recording.messages)
        if not is_captured:
            marked = Fingerprint(order.fingerprint).mixed(recording.payload)
            recording = msgspec.structs.replace(recording, payload=marked)
        return RecordedCaller(
            recording,
            options.public_url,
            self._auth_token,
            voice_url=options.voice_url,
            reactive=options.reactive and not is_captured,
            barge_in_at=options.barge_in_at,
            replay=is_captured,
        )

    def _wav(self, caller: RecordedCaller, *, failed: bool) -> WavFile | None:
        """Where the call is kept, if it is."""
        options = self._options
        wanted = failed if options.wavs == "failed" else options.wavs == "all"
        if options.wavs.isdigit():
            wanted = self._n_wavs < int(options.wavs)
        if options.wav_dir is None or not wanted:
            return None
        self._n_wavs += 1
        return WavFile(options.wav_dir, f"{caller.identity.call_sid}.wav")
