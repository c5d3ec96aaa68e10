"""Calls whose media stream breaks in the middle: the caller comes back to the same conversation."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway import after_stream, model_leases
from gateway.active_calls import MAX_STREAMS
from gateway.agent_leg import AgentLeg
from gateway.call import Call
from gateway.ending import STREAM_LOST
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from gateway.realtime.events import ResponseCreated, ResponseState
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running, running_on
from tests.test_calls import Script, ended_by, heard, tone

AGENTS = """
[agents.default]
instructions = "Be brief."
greeting = "Hello."
"""


class Broken:
    """One call whose line breaks, and what became of it."""

    def __init__(
        self, outcome: Outcome, caller: RecordedCaller, model: FakeRealtimeServer, at: Running
    ) -> None:
        self.outcome = outcome
        self.caller = caller
        self.sessions = model.sessions
        self.endings = ended_by(at)

    def streams(self) -> list[float]:
        """When each media stream began, on the caller's clock."""
        return [event.at for event in self.outcome.timeline.events if event.kind == "stream-started"]

    def times(self, kind: str) -> list[float]:
        """When something happened."""
        return [event.at for event in self.outcome.timeline.events if event.kind == kind]


def broken(
    folder: Path, script: Script, *, agents: str = AGENTS, seconds: float = 3.0, **options: Any
) -> Broken:
    """A call in which the model does as the script says; the line breaks as the options say."""
    path = folder / "agents.toml"
    path.write_text(agents)

    async def whole() -> Broken:
        async with (
            FakeRealtimeServer(api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at,
        ):
            caller = at.caller(seconds, **options)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(
                    place_call(caller, connect_to=at.address, status_url="/twilio/status")
                )
                await script(await model.session())
            assert model.faults == []
            return Broken(placed.result(), caller, model, at)

    return run(whole())


async def greeted(session: FakeSession) -> None:
    await session.wait_for("response.create")
    await session.say("item_1", tone(200), "Hello.")


def test_a_caller_whose_stream_breaks_is_back_within_two_seconds_in_the_same_conversation(
    tmp_path: Path,
) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        await session.say("item_2", tone(5000), "one two three four five six seven eight nine ten")
        asked = await session.wait_for("response.create")
        assert "Go on from there" in asked.event["response"]["instructions"]
        await session.say("item_3", tone(300), "and so on")

    call = broken(tmp_path, script, breaks_at=(1.0,))

    (session,) = call.sessions
    first, second = call.streams()
    assert call.outcome.end.reason == "caller-hung-up"
    assert call.outcome.faults == {"31903": 1}
    assert second - first - 1.0 < 2.0
    (truncate,) = session.events("conversation.item.truncate")
    assert 400 < truncate.event["audio_end_ms"] < 1000
    assert call.endings == ["stream-lost", "hangup"]
    before = sum(len(run.payload) for run in call.caller.playback.runs)
    assert before / 8 == pytest.approx(200 + truncate.event["audio_end_ms"] + 300, abs=60)


def test_a_stream_that_twilio_has_given_up_is_replaced_though_its_socket_is_still_open(
    tmp_path: Path,
) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        await session.say("item_2", tone(4000), "one two three four five six seven eight")
        await session.wait_for("response.create")
        await session.say("item_3", tone(300), "and so on")

    call = broken(tmp_path, script, half_open_at=1.0)

    assert len(call.sessions) == 1
    assert len(call.streams()) == 2
    assert call.outcome.end.reason == "caller-hung-up"
    assert sorted(call.endings) == ["hangup", "superseded"]


def test_a_caller_who_is_back_in_silence_is_not_talked_at(tmp_path: Path) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        n_samples = len(session.audio)
        await session.wait_for_audio(n_samples + 2 * 24_000)

    call = broken(tmp_path, script, breaks_at=(1.5,))

    (session,) = call.sessions
    assert len(call.streams()) == 2
    assert len(session.events("response.create")) == 1
    assert session.events("conversation.item.truncate") == []


def tell_of_the_end(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once the gateway knows that a media stream has ended."""
    gone = asyncio.Event()
    release = AgentLeg.leave

    def leave(self: AgentLeg) -> None:
        release(self)
        gone.set()

    monkeypatch.setattr(AgentLeg, "leave", leave)
    return gone


def test_what_the_model_says_while_nobody_can_hear_it_is_not_taken_for_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        await session.wait_for_audio(24_000)
        await gone.wait()
        await session.begin("item_2")
        await session.speak("item_2", tone(400))
        await session.wait_for("response.cancel")
        await session.wait_for("response.create")
        await session.say("item_3", tone(300), "as I was saying")

    gone = tell_of_the_end(monkeypatch)
    call = broken(tmp_path, script, breaks_at=(1.5,))

    (session,) = call.sessions
    (truncate,) = session.events("conversation.item.truncate")
    assert (truncate.event["item_id"], truncate.event["audio_end_ms"]) == ("item_2", 0)
    assert len(heard(call.caller)) == (200 + 300) * 8


def test_what_was_heard_of_an_answer_stays_heard_whatever_still_comes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        await session.begin("item_2")
        await session.speak("item_2", tone(3000))
        await gone.wait()
        await session.speak("item_2", tone(400))  # on its way when the model is told to stop
        await session.wait_for("response.cancel")
        await session.wait_for("response.create")
        await session.say("item_3", tone(300), "as I was saying")

    gone = tell_of_the_end(monkeypatch)
    call = broken(tmp_path, script, breaks_at=(1.5,))

    (truncate,) = call.sessions[0].events("conversation.item.truncate")
    assert truncate.event["item_id"] == "item_2"
    assert truncate.event["audio_end_ms"] > 900


def test_an_answer_that_was_heard_so_far_is_cut_there_when_more_of_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)
        await session.begin("item_2")
        await session.speak("item_2", tone(400))
        await session.wait_for_audio(24_000)  # until it was heard
        await gone.wait()
        await session.speak("item_2", tone(400))
        await session.wait_for("response.create")
        await session.say("item_3", tone(300), "as I was saying")

    gone = tell_of_the_end(monkeypatch)
    call = broken(tmp_path, script, breaks_at=(2.0,))

    (truncate,) = call.sessions[0].events("conversation.item.truncate")
    assert truncate.event["item_id"] == "item_2"
    assert truncate.event["audio_end_ms"] == pytest.approx(400, abs=10)


def test_an_answer_that_begins_in_the_moment_of_the_break_is_given_once_more(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text(AGENTS)

    async def whole() -> None:
        async with (
            FakeRealtimeServer(api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at,
        ):
            caller = at.caller(1.5)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(place_call(caller, connect_to=at.address))
                session = await model.session()
                await greeted(session)
                await session.wait_for_audio(12_000)
                call = at.gateway.active_calls._live[caller.identity.call_sid]
                assert isinstance(call, Call)
                call.end(STREAM_LOST)
                call.event_received(ResponseCreated(ResponseState("resp_late", conversation_id="conv")))
                cancel = await session.wait_for("response.cancel")
                asked = await session.wait_for("response.create")
                await session.say("item_2", tone(300), "as I was saying")
            assert cancel.event["response_id"] == "resp_late"
            assert "Go on from there" in asked.event["response"]["instructions"]

    run(whole())


def test_the_rest_of_an_answer_is_not_forgotten_over_a_stream_that_ends_before_there_is_a_session(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agents.toml"
    path.write_text(AGENTS)

    async def whole() -> None:
        behaviours = [Behaviour(), Behaviour(handshake_delay=1.5)]
        async with (
            FakeRealtimeServer(behaviours, api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at,
        ):
            caller = at.caller(4.0, breaks_at=(1.0, 1.6))
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=at.address))
                session = await model.session()
                await greeted(session)
                await session.say("item_2", tone(4000), "one two three four five six seven eight")
                await session.wait_for("conversation.item.truncate")
                await session.close(1011)
                session = await model.session()
                asked = await session.wait_for("response.create")
                await session.say("item_3", tone(300), "and so on")
            streams = [event for event in placed.result().timeline.events if event.kind == "stream-started"]
            assert "Go on from there" in asked.event["response"]["instructions"]
            assert len(session.events("response.create")) == 1
            assert len(streams) == 3

    run(whole())


def test_a_line_that_keeps_breaking_ends_at_the_fallback_number(tmp_path: Path) -> None:
    async def script(session: FakeSession) -> None:
        await greeted(session)

    agents = AGENTS + 'fallback_number = "+15005550009"\n'
    breaks_at = tuple(0.4 * n for n in range(1, MAX_STREAMS + 3))
    call = broken(tmp_path, script, agents=agents, seconds=6.0, breaks_at=breaks_at)

    assert len(call.streams()) == MAX_STREAMS
    assert call.outcome.end.reason == "transferred"
    assert call.outcome.end.detail == "+15005550009"
    assert len(call.sessions) == 1


def hung_up_without_a_word(folder: Path, *, within: float, **options: Any) -> Outcome:
    """A call whose line breaks for good; its session must be closed so many seconds later."""
    path = folder / "agents.toml"
    path.write_text(AGENTS)

    async def whole() -> Outcome:
        async with (
            FakeRealtimeServer(api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test", agents_file=path) as at,
        ):
            caller = at.caller(1.0, hang_up_after=0.5)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=at.address, end="reset", **options))
                session = await model.session()
                await greeted(session)
                async with asyncio.timeout(within):
                    await session.closed.wait()
            return placed.result()

    return run(whole())


def test_the_session_of_a_caller_who_does_not_come_back_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.answering.ANOTHER_STREAM", 0.2)

    assert hung_up_without_a_word(tmp_path, within=10.0).end.reason == "caller-reset"


def test_the_status_callback_closes_the_session_of_a_caller_who_has_hung_up(tmp_path: Path) -> None:
    within = model_leases.LEASE / 2

    outcome = hung_up_without_a_word(tmp_path, within=within, status_url="/twilio/status")

    assert outcome.end.reason == "caller-reset"


# Restarts


async def restarted(folder: Path, *, hands_over: bool) -> tuple[Outcome, FakeRealtimeServer]:
    """A call during which the gateway is stopped and another process takes its place."""
    path = folder / "agents.toml"
    path.write_text(AGENTS)
    settings: dict[str, Any] = {"openai_api_key": "sk-test", "agents_file": path}
    if hands_over:
        settings["handover_file"] = folder / "handover.json"
    async with FakeRealtimeServer(api_key="sk-test") as model, asyncio.TaskGroup() as tasks:
        settings["realtime_url"] = model.url
        async with running(**settings) as at:
            placed = tasks.create_task(place_call(at.caller(5.0), connect_to=at.address))
            session = await model.session()
            await greeted(session)
            await session.say("item_2", tone(4000), "one two three four five six seven eight")
            await session.wait_for_audio(24_000)
            assert ended_by(at) == []
        async with running_on(at.port, **settings) as at:
            session = await model.session()
            await session.wait_for("response.create")
            await session.say("item_3", tone(300), "and so on")
            await placed
        assert model.faults == []
        return placed.result(), model


def test_after_a_restart_the_caller_goes_on_with_what_was_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after_stream, "RESTART_PAUSE", 1)

    outcome, model = run(restarted(tmp_path, hands_over=True))

    first, second = model.sessions
    restored = [each.event["item"] for each in second.events("conversation.item.create")]
    said = [item["content"][0]["text"] for item in restored]
    assert outcome.end.reason == "caller-hung-up"
    assert outcome.faults == {}
    assert said[0] == "Hello."
    assert said[1].startswith("one two")
    assert not said[1].endswith("eight")
    (asked,) = second.events("response.create")
    assert "Go on from there" in asked.event["response"]["instructions"]
    assert first.closed.is_set()
    assert not (tmp_path / "handover.json").exists()


def test_after_a_restart_that_handed_nothing_over_the_caller_is_greeted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after_stream, "RESTART_PAUSE", 1)

    outcome, model = run(restarted(tmp_path, hands_over=False))

    (asked,) = model.sessions[1].events("response.create")
    assert outcome.end.reason == "caller-hung-up"
    assert "Hello." in asked.event["response"]["instructions"]
