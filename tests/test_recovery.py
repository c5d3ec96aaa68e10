"""Whole calls whose model session is lost in the middle, in each state that a call can be in."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gateway import feed as news
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from gateway.realtime import RealtimeClient, leg, retry
from gateway.tools import Tool
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from voice_codecs import sine

Script = Callable[[FakeRealtimeServer, FakeSession], Coroutine[Any, Any, None]]
SAID = "item_caller"
PHRASE_MS = 1085
"""Of "one moment, please"."""


@dataclass
class Ended:
    """A call that is over."""

    outcome: Outcome
    caller: RecordedCaller
    sessions: list[FakeSession]
    events: list[news.CallEvent]
    faults: list[str]
    n_attempts: int

    @property
    def heard_ms(self) -> int:
        return sum(len(each.payload) for each in self.caller.playback.runs) // 8

    @property
    def reason(self) -> str:
        (over,) = [event for event in self.events if isinstance(event, news.CallOver)]
        return over.ending.reason

    @property
    def gaps_ms(self) -> list[int]:
        return [event.gap_ms for event in self.events if isinstance(event, news.ModelRestored)]


def tone(ms: int) -> bytes:
    return sine(440.0, ms, 24_000).tobytes()


def call(
    script: Script, seconds: float = 2.2, *, behaviours: Sequence[Behaviour] = (), **options: Any
) -> Ended:
    """One call, in which the model does as the script says; it gets the server and its first session."""

    async def watch(at: Running, events: list[news.CallEvent]) -> None:
        async with contextlib.aclosing(at.gateway.feed.watch()) as watched:
            async for event in watched:
                events += [event]

    async def whole() -> Ended:
        events: list[news.CallEvent] = []
        async with FakeRealtimeServer(behaviours, **options) as model, running(realtime_url=model.url) as at:
            caller = at.caller(seconds, give_up_after=20.0)
            watching = asyncio.create_task(watch(at, events))
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=at.address))
                await script(model, await model.session())
            watching.cancel()
        return Ended(placed.result(), caller, model.sessions, events, model.faults, len(model.attempts))

    return run(whole(), seconds=40.0)


async def first_turn(session: FakeSession) -> None:
    """The caller asks, the model answers with half a second of sound."""
    await session.wait_for("input_audio_buffer.append")
    await session.speech_started(100, item_id="item_q")
    await session.speech_stopped(200, "What are your hours?", item_id="item_q")
    await session.say("item_a", tone(500), "We open at nine.")


@pytest.mark.parametrize("code", [None, 1000, 1001])
def test_idle_call_goes_on_in_a_new_session_that_knows_what_was_said(code: int | None) -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await first_turn(session)
        await asyncio.sleep(0.8)  # all of it has sounded
        session.drop() if code is None else await session.close(code)
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")
        await second.say("item_b", tone(400), "Still here.")

    ended = call(script)

    assert ended.faults == []
    assert ended.outcome.end.reason == "caller-hung-up"
    assert ended.heard_ms == 900
    assert len(ended.sessions) == 2
    assert ended.sessions[1].history_text().splitlines()[:2] == [
        "user: What are your hours?",
        "assistant: We open at nine.",
    ]
    assert ended.sessions[1].events("response.create") == []
    assert ended.sessions[1].config == ended.sessions[0].config
    assert ended.gaps_ms[0] < 1200


def test_caller_who_was_speaking_is_heard_on_and_nothing_is_said_over_them() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.speech_started(100)
        session.drop()
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")
        await second.speech_started(0)
        await asyncio.sleep(3.2)  # longer than a caller who has stopped is left alone
        assert second.events("response.create") == []
        await second.speech_stopped(3000, "I said, what are your hours?")
        await second.say("item_b", tone(400), "From nine.")

    ended = call(script, 5.0)

    assert ended.faults == []
    assert ended.heard_ms == 400


def test_caller_whose_turn_went_down_with_the_session_is_asked_to_repeat_it() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.speech_started(100)
        session.drop()
        second = await model.session()
        await second.wait_for("response.create")
        await second.say("item_b", tone(400), "Sorry, could you say that again?")

    ended = call(script, 5.0)

    assert ended.faults == []
    assert ended.heard_ms == 400
    assert "what the caller said last did not arrive" in ended.sessions[1].history_text()


@pytest.mark.parametrize("transcript", ["What are your hours?", None])
def test_question_that_was_not_answered_yet_is_answered_or_asked_for_again(transcript: str | None) -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.speech_started(100)
        await session.speech_stopped(200, transcript)
        session.drop()
        second = await model.session()
        await second.wait_for("response.create")
        await second.say("item_b", tone(400), "From nine.")

    ended = call(script)

    assert ended.faults == []
    assert ended.heard_ms == 400
    history = ended.sessions[1].history_text()
    assert history.startswith("user: What are your hours?" if transcript else "system: ")
    assert ("did not arrive" in history) is (transcript is None)


def test_answer_that_was_being_made_is_gone_on_with_after_the_words_that_were_heard() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_a")
        words = "We open at nine, and on Saturdays we open at ten in the morning."
        place = {"response_id": "resp_item_a", "item_id": "item_a", "output_index": 0, "content_index": 0}
        await session.send({"type": "response.output_audio_transcript.delta", **place, "delta": words})
        await session.speak("item_a", tone(1000))
        session.drop()
        second = await model.session()
        await second.wait_for("response.create")
        await second.say("item_b", tone(400), "and on Saturdays at ten.")

    ended = call(script)

    assert ended.faults == []
    assert ended.heard_ms == 1400  # nothing of what was sent is lost, not even in the filter
    assistant, note = ended.sessions[1].history_text().splitlines()[:2]
    assert assistant == "assistant: We open at nine,"
    assert "Go on from there" in note


def test_tool_that_runs_when_the_session_is_lost_is_spoken_of_in_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = asyncio.Event()

    async def find_order(number: int) -> str:
        """Find an order by its number."""
        await found.wait()
        return f"order {number} is on its way"

    class ClientWithTool(RealtimeClient):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self.toolbox.add(Tool.from_function(find_order))

    monkeypatch.setattr("gateway.answering.RealtimeClient", ClientWithTool)

    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_a")
        await session.speak("item_a", tone(500))
        await session.finish_item("item_a", "Let me see.")
        await session.call_tool("item_c", "call_1", "find_order", '{"number": 7}')
        session.drop()
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")
        found.set()
        await second.wait_for("response.create")
        await second.say("item_b", tone(400), "It is on its way.")

    ended = call(script)

    assert ended.faults == []
    assert ended.heard_ms == 900
    assert ended.sessions[1].history_text().splitlines()[:3] == [
        "assistant: Let me see.",
        'call call_1: find_order {"number": 7}',
        "output call_1: order 7 is on its way",
    ]
    assert len(ended.sessions[1].events("response.create")) == 1


def test_barge_in_on_an_answer_of_the_lost_session_leaves_the_new_one_with_the_words_heard() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"

    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_a", tone(6000), words)
        session.drop()
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")
        await asyncio.sleep(1.0)  # the caller listens to it
        await second.speech_started(500)
        await second.wait_for("conversation.item.delete")
        await second.wait_for_item(lambda item: item["role"] == "assistant" and item["id"] != "item_a")

    ended = call(script)

    assert ended.faults == []
    assert 800 < ended.heard_ms < 1800
    n_words = len(ended.sessions[1].history_text().removeprefix("assistant: ").split())
    assert n_words == pytest.approx(12 * ended.heard_ms / 6000, abs=1.0)
    assert ended.sessions[1].events("conversation.item.truncate") == []


def test_caller_audio_of_the_gap_is_kept_and_given_to_the_new_session() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        session.drop()
        second = await model.session()
        await second.wait_for_audio(24_000 * 3 // 2)

    ended = call(script, 3.0, behaviours=[Behaviour(), Behaviour(update_delay=1.0)])

    assert ended.faults == []
    n_ms = sum(len(session.audio) for session in ended.sessions) / 48
    # All frames but those on their way into the socket that was cut.
    assert ended.outcome.n_frames_sent * 20 - n_ms < 400


def test_caller_hears_one_moment_please_when_the_gap_grows_long() -> None:
    refused = [Behaviour(handshake_status=503)] * 3

    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        session.drop()
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")
        await second.say("item_b", tone(400), "Here I am.")

    ended = call(script, 5.0, behaviours=[Behaviour(), *refused, Behaviour(update_delay=1.0)])

    assert ended.faults == []
    assert ended.outcome.end.reason == "caller-hung-up"
    assert ended.heard_ms == pytest.approx(PHRASE_MS + 400, abs=10)
    assert 1500 < ended.gaps_ms[0] < 4000


@pytest.mark.parametrize(("status", "reason", "n_attempts"), [(503, "lost", 6), (401, "refused", 2)])
def test_caller_hears_an_apology_when_no_session_can_be_had_any_more(
    status: int, reason: str, n_attempts: int, monkeypatch: pytest.MonkeyPatch, short_apology: int
) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0, 0.1, 0.1, 0.1, 0.1))

    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        session.drop()

    ended = call(script, 9.0, behaviours=[Behaviour(), Behaviour(handshake_status=status)])

    assert ended.outcome.end.reason == "gateway-hung-up"
    assert ended.reason == reason
    assert ended.n_attempts == n_attempts
    assert ended.heard_ms == pytest.approx(short_apology, abs=50)


def test_session_is_exchanged_before_its_time_is_over_in_a_silent_moment() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await first_turn(session)
        second = await model.session()
        await session.closed.wait()
        await second.wait_for("input_audio_buffer.append")
        await second.say("item_b", tone(400), "Still here.")

    ended = call(script, 6.0, behaviours=[Behaviour(session_limit=4.0), Behaviour()])

    assert ended.faults == []
    assert ended.gaps_ms == [0]
    assert ended.heard_ms == 900
    assert (
        ended.sessions[1].history_text().startswith("user: What are your hours?\nassistant: We open at nine.")
    )
    frames = [len(session.audio) for session in ended.sessions]
    assert ended.outcome.n_frames_sent * 960 - sum(frames) < 3 * 960


def test_session_that_expires_is_replaced() -> None:
    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await first_turn(session)
        await session.session_expired()
        second = await model.session()
        await second.wait_for("input_audio_buffer.append")

    ended = call(script)

    assert ended.faults == []
    assert [event.code for event in ended.events if isinstance(event, news.ModelLost)] == ["session_expired"]
    assert ended.sessions[1].history_text().startswith("user: What are your hours?")


def test_rotation_waits_until_nothing_is_being_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.3)

    async def script(model: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_a")
        await session.speak("item_a", tone(2500))
        await asyncio.sleep(1.5)  # it would be time to rotate
        assert len(model.sessions) == 1
        await session.finish("item_a", "A long answer.")
        second = await model.session()
        assert second.history_text() == ""
        await second.wait_for("input_audio_buffer.append")

    ended = call(script, 4.0, behaviours=[Behaviour(session_limit=4.0), Behaviour()])

    assert ended.faults == []
    assert ended.heard_ms == 2500
    assert ended.gaps_ms == [0]
