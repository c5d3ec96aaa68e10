import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from gateway import keyed
from gateway.keyed import MAX_KEYS, MAX_WAITING, Keyed
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, run, running


def entries(presses: Sequence[str | float], n_wanted: int) -> list[str]:
    """Press keys, waiting where a number stands; give the entries made of them."""
    made: list[str] = []

    async def scenario() -> None:
        enough = asyncio.Event()

        async def enter(entry: str) -> None:
            made.append(entry)
            if len(made) >= n_wanted:
                enough.set()

        now = 0.0
        gatherer = Keyed(enter)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(gatherer.run())
            for press in presses:
                if isinstance(press, float):
                    await asyncio.sleep(press)
                else:
                    for key in press:
                        now += 0.1
                        gatherer.press(key, now)
            await enough.wait()
            running.cancel()

    asyncio.run(scenario())
    return made


def test_a_terminator_completes_an_entry_at_once() -> None:
    assert entries(["4712#"], 1) == ["4712"]
    assert entries(["47", "12#50", "20#"], 2) == ["4712", "5020"]
    assert entries(["#", "##1#"], 1) == ["1"]


def test_a_pause_completes_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "INTER_DIGIT_TIMEOUT", 0.05)
    assert entries(["471", 0.01, "2", 0.3, "9*"], 2) == ["4712", "9*"]


def test_an_entry_is_complete_when_it_is_too_long() -> None:
    assert entries(["1" * (MAX_KEYS + 3) + "#"], 2) == ["1" * MAX_KEYS, "111"]
    assert sum(map(len, entries(["1" * 10_000], MAX_WAITING // MAX_KEYS))) <= MAX_WAITING


def test_a_key_that_bounces_is_one_key() -> None:
    async def scenario() -> str:
        made = asyncio.get_running_loop().create_future()

        async def enter(entry: str) -> None:
            made.set_result(entry)

        gatherer = Keyed(enter)
        for key, now in [("7", 1.0), ("7", 1.02), ("7", 1.15), ("8", 1.16), ("7", 1.17), ("#", 2.0)]:
            gatherer.press(key, now)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(gatherer.run())
            entry: str = await made
            running.cancel()
        return entry

    assert asyncio.run(scenario()) == "7787"


@dataclass(eq=False, repr=False)
class KeyingCaller(RecordedCaller):
    """Presses a key with each frame, as long as there are any."""

    keys: str = ""

    def due(self, now: float) -> list[str]:
        key, self.keys = self.keys[:1], self.keys[1:]
        return super().due(now) + (self.press(key, now) if key else [])


def test_keys_reach_the_model_as_text_and_are_answered() -> None:
    async def scenario() -> str:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            async with (
                running(realtime_url=model.url, openai_api_key="sk-test") as at,
                asyncio.TaskGroup() as tasks,
            ):
                caller = KeyingCaller(humming(2.0), PUBLIC_URL, AUTH_TOKEN, linger=0.3, keys="4712#")
                tasks.create_task(place_call(caller, connect_to=at.address))
                session = await model.session()
                item = await session.wait_for_item(lambda item: item["type"] == "message")
                await session.wait_for("response.create")
            assert model.faults == []
        return str(item["content"])

    assert "'text': '4712'" in run(scenario())
