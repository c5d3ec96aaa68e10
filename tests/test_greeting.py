import asyncio
from dataclasses import replace
from pathlib import Path

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.place import Outcome, place_call
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from tests.test_calls import Script, heard, tone

AGENTS = """
[agents.default]
instructions = "Answer {caller} briefly."
greeting = "Hello, \\"friend\\"."
fallback_number = "+15005550009"

[agents.quiet]
instructions = "Say little."
tools = []

[[routes]]
number = "+1500555*"
agent = "default"

[[routes]]
number = "+15005550007"
agent = "quiet"
"""


def with_agents(
    folder: Path, script: Script, *, to_number: str = "+15005550006", seconds: float = 2.0
) -> tuple[Outcome, RecordedCaller, FakeSession]:
    """One call to an agent of the file above, in which the model does as the script says."""
    path = folder / "agents.toml"
    path.write_text(AGENTS)

    async def whole() -> tuple[Outcome, RecordedCaller, FakeSession]:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            async with running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at:
                caller = calling(at, to_number, seconds)
                async with asyncio.TaskGroup() as tasks:
                    placed = tasks.create_task(place_call(caller, connect_to=at.address))
                    await script(await model.session())
            assert model.faults == []
            return placed.result(), caller, model.sessions[0]

    return run(whole())


def calling(at: Running, to_number: str, seconds: float) -> RecordedCaller:
    return at.caller(seconds, identity=replace(new_identity(), to_number=to_number))


def test_the_agent_speaks_first_and_noise_does_not_cut_it(tmp_path: Path) -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("response.create")
        await session.begin("item_1")
        await session.speech_started(100)
        await session.speak("item_1", tone(800))
        await session.finish("item_1", "Hello")
        await session.wait_for("input_audio_buffer.append")
        await session.speech_started(300)

    outcome, caller, session = with_agents(tmp_path, script)

    assert outcome.faults == {}
    assert len(heard(caller)) == 800 * 8
    assert session.events("conversation.item.truncate") == session.events("response.cancel") == []
    (asked,) = session.events("response.create")
    assert asked.event["response"]["instructions"].endswith("exactly these words: \"Hello, 'friend'.\"")


def test_after_its_greeting_the_agent_can_be_interrupted(tmp_path: Path) -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("response.create")
        await session.say("item_1", tone(200), "Hello")
        while len(session.events("session.update")) < 2:
            await session.wait_for("session.update")
        await asyncio.sleep(0.4)  # the caller hears the greeting out
        await session.say("item_2", tone(5000), "a long sentence")
        await asyncio.sleep(0.3)
        await session.speech_started(1000)
        await session.wait_for("conversation.item.truncate")

    outcome, caller, session = with_agents(tmp_path, script, seconds=3.0)

    assert outcome.faults == {}
    assert len(heard(caller)) < 2000 * 8
    first, second = (each.event["session"] for each in session.events("session.update"))
    assert first["audio"]["input"]["turn_detection"]["interrupt_response"] is False
    assert second["audio"]["input"]["turn_detection"]["interrupt_response"] is True


def test_the_dialled_number_chooses_the_agent_and_the_call_fills_its_instructions(tmp_path: Path) -> None:
    async def greeted(session: FakeSession) -> None:
        await session.wait_for("response.create")
        await session.say("item_1", tone(200), "Hello")

    async def silent(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    _, _, default = with_agents(tmp_path, greeted)
    _, _, quiet = with_agents(tmp_path, silent, to_number="+15005550007")

    update = default.events("session.update")[0].event["session"]
    assert update["instructions"] == "Answer +15005550001 briefly."
    assert [tool["name"] for tool in update["tools"]] == ["hang_up"]
    update = quiet.events("session.update")[0].event["session"]
    assert update["instructions"] == "Say little."
    assert update.get("tools", []) == []
    assert quiet.events("response.create") == []


def test_a_changed_file_counts_for_the_next_call(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text('[agents.default]\ninstructions = "Old."\n')

    async def instructions(at: Running, model: FakeRealtimeServer) -> str:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(place_call(at.caller(0.3), connect_to=at.address))
            update = await (await model.session()).wait_for("session.update")
        return str(update.event["session"]["instructions"])

    async def whole() -> None:
        async with (
            FakeRealtimeServer(api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at,
        ):
            assert await instructions(at, model) == "Old."
            path.write_text('[agents.default]\ninstructions = "New."\n')
            async with asyncio.timeout(10):
                while await instructions(at, model) == "Old.":
                    pass

    run(whole())
