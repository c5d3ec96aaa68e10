"""Whether interrupted answers end where they were heard: ``python -m tests.benchmarks.interruptions``. Asserts nothing.

A real gateway between a strict realtime server and recorded callers, all on real sockets and one clock. Answers of one
to three responses of one to three items are interrupted at random; what the caller's playback had played when the clear
arrived is the truth. Then calls that the model ends: how long after its last sample the line is closed.
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from gateway.loadtest.timeline import Event
from tests.benchmarks.call_figures import percentile
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from voice_codecs import sine

DELTA_MS = 200
DELTA_SPACING = 0.025
"""Seconds between deltas: eight times real time."""
TOLERANCE_MS = 40
PUNCTUAL_MS = 5
"""A caller whose frames are later than that echoes its marks as late."""
CLEAR_TIMEOUT = 0.5
SETTLING = 0.1
"""Seconds in which what a barge-in leads to has arrived."""
PER_MS = 48
"""Bytes at 24 kHz."""
PATIENT = {"linger": 3600.0, "give_up_after": 3600.0}
"""A caller who hums for a second and never hangs up."""
SOUND = sine(440.0, 3000, 24_000).tobytes()


@dataclass
class Figures:
    """What all calls together came to. Milliseconds."""

    errors: list[float] = field(default_factory=list)
    """Of the item that was sounding, or was the next to sound, in each interruption; signed: above 0 is too much."""
    reactions: list[float] = field(default_factory=list)
    """From speech_started sent to clear received."""
    n_items: int = 0
    """Items with unheard audio."""
    n_wrong: int = 0
    n_early: int = 0
    """Interruptions after everything had been heard."""
    n_without_clear: int = 0
    n_late_samples: int = 0
    """Sent after the clear."""
    goodbyes: list[float] = field(default_factory=list)
    """From the last sample's end to the close of the stream."""
    lateness: list[float] = field(default_factory=list)
    """Of the callers' frames."""
    faults: list[str] = field(default_factory=list)


@dataclass
class Item:
    """One spoken item of an answer."""

    item_id: str
    planned_ms: int
    said_ms: int = 0


class Conversation:
    """One call, in which the caller lets no answer end."""

    def __init__(
        self, caller: RecordedCaller, session: FakeSession, rng: random.Random, figures: Figures
    ) -> None:
        self._caller, self._session, self._rng, self._figures = caller, session, rng, figures
        self._numbers = itertools.count(1)
        self._cleared = asyncio.Event()
        self._cleared_at = 0.0
        self._played_at_clear = 0
        caller.timeline.on_event = self._take

    async def interrupted_answer(self) -> None:
        """Answer, be interrupted and see what comes of it."""
        plan = [self._response() for _ in range(self._rng.randint(1, 3))]
        items = [item for response in plan for item in response]
        whole = sum(item.planned_ms for item in items) / 1000
        self._cleared.clear()
        played, n_cuts = self._played(), len(self._session.events("conversation.item.truncate"))
        await self._speak(plan, time.monotonic() + self._rng.uniform(0.02, whole - 0.02))
        number = next(self._numbers)
        started_at = time.monotonic()
        await self._session.speech_started(number, item_id=f"caller_{number}")
        was_cleared = await self._is_cleared()
        await asyncio.sleep(SETTLING)
        cuts = [each.event for each in self._session.events("conversation.item.truncate")[n_cuts:]]
        heard = self._played_at_clear if was_cleared else self._played()
        unheard = self._judge(items, (heard - played) / 8, cuts)
        if was_cleared:
            self._figures.reactions.append((self._cleared_at - started_at) * 1000)
        elif unheard:
            self._figures.n_without_clear += 1
        else:
            self._figures.n_early += 1
        await self._session.speech_stopped(number + 1, "Yes, but", item_id=f"caller_{number}")

    def _response(self) -> list[Item]:
        ids = [f"item_{next(self._numbers)}" for _ in range(self._rng.randint(1, 3))]
        return [Item(item_id, self._rng.randint(300, 1500)) for item_id in ids]

    def _judge(self, items: list[Item], heard_ms: float, cuts: list[dict[str, Any]]) -> bool:
        """Hold what the model was told against what was heard; tell whether anything was left unheard."""
        ends = {cut["item_id"]: cut["audio_end_ms"] for cut in cuts}
        figures, is_first = self._figures, True
        for item in items:
            true_ms = min(max(heard_ms, 0.0), item.said_ms)
            heard_ms -= item.said_ms
            error = ends.get(item.item_id, item.said_ms) - true_ms
            unheard = true_ms < item.said_ms
            figures.n_items += unheard
            figures.n_wrong += abs(error) > TOLERANCE_MS
            if unheard and is_first:
                figures.errors.append(error)
                is_first = False
        figures.n_wrong += len(cuts) - len(ends.keys() & {item.item_id for item in items})
        return not is_first

    async def _speak(self, plan: list[list[Item]], until: float) -> None:
        """Make the answer, faster than it is heard, up to its interruption."""
        for response in plan:
            await self._session.open_response(f"resp_{next(self._numbers)}")
            for item in response:
                await begin_item(self._session, item.item_id)
                while item.said_ms < item.planned_ms:
                    if time.monotonic() >= until:
                        return
                    ms = min(DELTA_MS, item.planned_ms - item.said_ms)
                    start = item.said_ms * PER_MS
                    await self._session.speak(item.item_id, SOUND[start : start + ms * PER_MS])
                    item.said_ms += ms
                    await asyncio.sleep(min(DELTA_SPACING, max(0.0, until - time.monotonic())))
                await self._session.finish_item(item.item_id, "some words")
            await self._session.close_response()
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _is_cleared(self) -> bool:
        try:
            async with asyncio.timeout(CLEAR_TIMEOUT):
                await self._cleared.wait()
        except TimeoutError:
            return False
        return True

    def _played(self) -> int:
        return sum(len(each.payload) for each in self._caller.playback.runs)

    def _take(self, event: Event) -> None:
        if event.kind == "clear-received":
            self._cleared_at = time.monotonic()
            self._played_at_clear = self._played()
            self._cleared.set()
        elif event.kind == "media-received" and self._cleared.is_set():
            self._figures.n_late_samples += event.n_samples


async def begin_item(session: FakeSession, item_id: str) -> None:
    """Begin a spoken item in the response that is open: there may be several."""
    reply = session._reply
    assert reply is not None
    item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
    await session._begin_item(reply, {**item, "status": "in_progress", "content": []})
    reply.open_item = item_id
    part = {"type": "audio", "transcript": ""}
    await session._about(item_id, "response.content_part.added", part=part)


class Rig:
    """A gateway and a model, and what is measured between them."""

    def __init__(self, at: Running, model: FakeRealtimeServer, figures: Figures) -> None:
        self._at, self._model, self._figures = at, model, figures
        self._dialling = asyncio.Lock()

    async def hold_call(self, rng: random.Random, interruptions: Iterator[int]) -> None:
        """Interrupt answers in one call for as long as there are interruptions to be had."""
        async with self._call() as (caller, session):
            conversation = Conversation(caller, session, rng, self._figures)
            for _ in interruptions:
                await conversation.interrupted_answer()
            await session.call_tool("item_bye", "call_bye", "hang_up", "{}")

    async def say_goodbye(self, rng: random.Random) -> None:
        """Have the model end a call with its last words, and measure when the line closes."""
        ends: list[float] = []

        def take(event: Event) -> None:
            if event.kind == "mark-received":
                ends.append(caller.playback.runs[-1].end)
            elif event.kind == "stream-closed":
                self._figures.goodbyes.append((event.at - max(ends)) * 1000)

        async with self._call() as (caller, session):
            caller.timeline.on_event = take
            await session.begin("item_1")
            await session.speak("item_1", SOUND[: rng.randint(300, 3000) * PER_MS])
            await session.finish_item("item_1", "Goodbye")
            await session.call_tool("item_2", "call_1", "hang_up", "{}")
            await session.close_response()

    @contextlib.asynccontextmanager
    async def _call(self) -> AsyncIterator[tuple[RecordedCaller, FakeSession]]:
        """A call that has begun, and the model's session; it is awaited to its end."""
        caller, figures = self._at.caller(**PATIENT), self._figures
        async with asyncio.TaskGroup() as tasks:
            async with self._dialling:  # so that this session is this caller's
                placed = tasks.create_task(place_call(caller, connect_to=self._at.address))
                session = await self._model.session()
            await session.wait_for("input_audio_buffer.append")
            yield caller, session
        if (reason := placed.result().end.reason) != "gateway-hung-up":
            figures.faults.append(f"the call ended with {reason}")
        figures.lateness += caller.timeline.frame_lateness_ms
        figures.faults += [f"Twilio warns {fault}" for fault in caller.timeline.faults.elements()]


async def measure(n_interruptions: int, n_calls: int, n_goodbyes: int, seed: int) -> Figures:
    """Hold all the calls."""
    figures, rng = Figures(), random.Random(seed)
    async with FakeRealtimeServer() as model, running(realtime_url=model.url) as at:
        rig, interruptions = Rig(at, model, figures), iter(range(n_interruptions))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(n_calls):
                tasks.create_task(rig.hold_call(random.Random(rng.random()), interruptions))
        for start in range(0, n_goodbyes, n_calls):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(start, min(start + n_calls, n_goodbyes)):
                    tasks.create_task(rig.say_goodbye(random.Random(rng.random())))
        figures.faults += model.faults
    return figures


def show(figures: Figures) -> None:
    """Print the figures."""
    off, reactions, goodbyes = [abs(each) for each in figures.errors], figures.reactions, figures.goodbyes
    print(
        f"interruptions                        {len(reactions)}, and {figures.n_early} after all had been heard"
    )
    print(f"without a clear                      {figures.n_without_clear}")
    print(
        "heard-position error, ms             "
        f"p50 {percentile(off, 50):.1f}  p99 {percentile(off, 99):.1f}  max {max(off):.1f}"
    )
    print(
        "speech_started to clear, ms          "
        f"p50 {percentile(reactions, 50):.1f}  p95 {percentile(reactions, 95):.1f}"
        f"  p99 {percentile(reactions, 99):.1f}"
    )
    print(f"items truncated wrongly              {figures.n_wrong} of {figures.n_items} with unheard audio")
    print(f"audio sent after the clear, ms       {figures.n_late_samples / 8:.0f}")
    print(
        f"goodbye, ms after its last sample    min {min(goodbyes):.0f}  median {percentile(goodbyes, 50):.0f}"
        f"  max {max(goodbyes):.0f}  ({len(goodbyes)} calls)"
    )
    late_ms = percentile(figures.lateness, 99)
    doubt = f", more than {PUNCTUAL_MS}: this machine was busy, do not believe the rest" * (
        late_ms > PUNCTUAL_MS
    )
    print(f"callers' frames late, ms             p99 {late_ms:.1f}{doubt}")
    for fault, n in Counter(figures.faults).items():
        print(f"{n} times: {fault[:200]}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interruptions", type=int, default=200)
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--goodbyes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    work = measure(options.interruptions, options.calls, options.goodbyes, options.seed)
    show(run(work, seconds=60.0 + 10.0 * (options.interruptions + options.goodbyes)))


if __name__ == "__main__":
    main()
