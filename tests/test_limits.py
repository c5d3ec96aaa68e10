"""How many calls one caller may have, through the front door: whoever is beyond it hears a busy tone, unanswered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import Direction, new_identity
from gateway.loadtest.place import Outcome, place_call
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run, running
from tests.guarded_calls import agents_file

ANN, BEN = "+15005550001", "+15005550002"
FALLBACK = "+15005550009"


@contextlib.asynccontextmanager
async def limited(folder: Path, **limits: Any) -> AsyncIterator[Running]:
    """A gateway with an agent of these limits, whose busy callers would be put through to another phone."""
    file = agents_file(folder, **limits)
    async with (
        FakeRealtimeServer() as model,
        running(realtime_url=model.url, agents_file=file, fallback_number=FALLBACK) as at,
    ):
        yield at


def calling(
    at: Running, number: str, seconds: float = 0.2, *, direction: Direction = "inbound"
) -> RecordedCaller:
    identity = replace(new_identity(direction=direction), from_number=number)
    path = "/twilio/outbound?agent=default" if direction != "inbound" else "/twilio/voice"
    return at.caller(seconds, identity=identity, linger=0.1, voice_url=path)


async def call(at: Running, *numbers: str, direction: Direction = "inbound") -> list[str]:
    """One call after the other; how each ended."""
    return [
        (await place_call(calling(at, number, direction=direction), connect_to=at.address)).end.reason
        for number in numbers
    ]


@contextlib.asynccontextmanager
async def on_the_line(at: Running, number: str) -> AsyncIterator[RecordedCaller]:
    """A call that goes on."""
    caller = calling(at, number, 20.0)
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        calls = tasks.create_task(place_call(caller, connect_to=at.address, on_event=lambda _: begun.set()))
        while caller.timeline.started_at is None:
            begun.clear()
            await begun.wait()
        yield caller
        caller.end_by_rest(asyncio.get_running_loop().time())
        outcome: Outcome = await calls
    assert outcome.faults == {}
    await at.gateway.active_calls.wait_empty()


def test_caller_with_a_call_going_on_hears_a_busy_tone_until_it_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with limited(tmp_path, calls_at_once=1) as at:
            async with on_the_line(at, ANN):
                assert await call(at, ANN, BEN, ANN) == ["busy", "caller-hung-up", "busy"]
            assert await call(at, ANN) == ["caller-hung-up"]
            admissions = at.gateway.metrics.admissions.labels("caller-limit")
            assert admissions._value.get() == 2

    run(scenario())


def test_caller_has_so_many_calls_an_hour_and_others_are_not_touched(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with limited(tmp_path, calls_per_hour=2) as at:
            return await call(at, ANN, ANN, ANN, BEN, ANN)

    answered = "caller-hung-up"
    assert run(scenario()) == [answered, answered, "busy", answered, "busy"]


@pytest.mark.parametrize("number", ["", "anonymous", "+266696687"])
def test_callers_who_withhold_their_number_are_not_one(tmp_path: Path, number: str) -> None:
    async def scenario() -> list[str]:
        async with limited(tmp_path, calls_at_once=1, calls_per_hour=1) as at, on_the_line(at, number):
            return await call(at, number, number)

    assert run(scenario()) == ["caller-hung-up"] * 2


def test_calls_that_we_place_are_not_limited(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with limited(tmp_path, calls_at_once=1, calls_per_hour=1) as at:
            placed = await call(at, ANN, ANN, direction="outbound-api")
            return placed + await call(at, ANN)

    assert run(scenario()) == ["caller-hung-up"] * 3


def test_call_that_was_refused_takes_no_place_of_the_gateway_s(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with limited(tmp_path, calls_per_hour=1) as at:
            await call(at, ANN, ANN, ANN)
            return at.gateway.active_calls.n_taken(asyncio.get_running_loop().time())

    assert run(scenario()) == 0
