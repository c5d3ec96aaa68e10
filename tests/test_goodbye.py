import asyncio
import json

import pytest

from gateway import last_words
from gateway.goodbye import Goodbye
from gateway.last_words import LastWords
from tests.fakes import FakeSession
from tests.test_calls import heard, scenario, tone


async def goodbye(session: FakeSession) -> None:
    """Say goodbye for a second and a half, and hang up in the same response."""
    await session.wait_for("input_audio_buffer.append")
    await session.begin("item_1")
    await session.speak("item_1", tone(1500))
    await session.finish_item("item_1", "Goodbye")
    await session.call_tool("item_2", "call_1", "hang_up", "{}")
    await session.close_response()


def test_the_model_hangs_up_once_its_last_words_were_heard() -> None:
    outcome, caller, _ = scenario(goodbye, 10.0)

    assert outcome.end.reason == "gateway-hung-up"
    assert outcome.faults == {}
    assert len(heard(caller)) == 1500 * 8
    assert 1500 < 20 * outcome.n_frames_sent < 4000


def test_a_caller_who_speaks_on_is_not_hung_up_on() -> None:
    outputs = []

    async def script(session: FakeSession) -> None:
        await goodbye(session)
        await asyncio.sleep(0.3)  # the caller listens for a while
        await session.speech_started(1000)
        item = await session.wait_for_item(lambda item: item["type"] == "function_call_output")
        outputs.append(item["output"])

    outcome, caller, _ = scenario(script, 2.0)
    assert outcome.end.reason == "caller-hung-up"
    assert len(heard(caller)) < 1000 * 8
    assert "the call goes on" in outputs[0]


def test_a_silent_model_hangs_up_at_once() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.call_tool("item_2", "call_1", "hang_up", "{}")

    outcome, _, _ = scenario(script, 10.0)
    assert outcome.end.reason == "gateway-hung-up"


def test_last_words_that_are_never_confirmed_do_not_keep_the_line_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_words, "PATIENCE", 0.01)
    hung_up = []

    async def scenario() -> str:
        return await Goodbye(LastWords(lambda: 0.01), lambda: hung_up.append(True)).hang_up()

    assert "ended" in asyncio.run(scenario())
    assert hung_up == [True]


def test_every_model_is_offered_the_tool() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    _, _, session = scenario(script)
    (update,) = session.events("session.update")
    (tool,) = update.event["session"]["tools"]
    assert tool["name"] == "hang_up"
    assert "goodbye" in tool["description"]
    assert json.dumps(tool["parameters"]).count("required") <= 1


def test_a_model_that_hangs_up_twice_learns_twice_that_the_call_goes_on() -> None:
    hung_up = []

    async def scenario() -> list[str]:
        words = LastWords(lambda: 5.0)
        goodbye = Goodbye(words, lambda: hung_up.append(True))
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(goodbye.hang_up()) for _ in range(2)]
            await asyncio.sleep(0)
            words.interrupted()
        return [call.result() for call in calls]

    assert all("goes on" in outcome for outcome in asyncio.run(scenario()))
    assert hung_up == []
