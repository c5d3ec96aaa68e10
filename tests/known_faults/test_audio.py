"""What the caller and the model hear: formats, holes and stutters, through the front door."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway import feed as news
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from tests import test_recovery
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import run, running
from tests.test_calls import call, ended_by, heard, scenario, tone
from voice_codecs import CallerToModel, ModelToCaller

GREETING = '[agents.default]\ninstructions = "Help."\ngreeting = "Hello."\n'


def as_heard(sound: bytes) -> bytes:
    """What a caller gets of sound that a model makes in one go: PCM16 24 kHz to mu-law."""
    chain = ModelToCaller()
    return chain.feed(sound) + chain.flush()


def audio_formats(update: dict[str, Any]) -> list[dict[str, Any]]:
    """The formats that a session.update asks for, both ways."""
    return [update["session"]["audio"][direction]["format"] for direction in ("input", "output")]


def test_every_change_of_a_session_names_both_audio_formats_anew(tmp_path: Path) -> None:
    """Fault 12."""
    path = tmp_path / "agents.toml"
    path.write_text(GREETING)

    async def script(session: FakeSession) -> None:
        await session.wait_for("response.create")
        await session.say("item_1", tone(200), "Hello.")
        for _ in range(2):
            await session.wait_for("session.update")

    outcome, caller, session = scenario(script, agents_file=path)

    updates = [audio_formats(each.event) for each in session.events("session.update")]
    assert updates == [[{"type": "audio/pcm", "rate": 24000}] * 2] * 2
    assert outcome.faults == {}
    assert heard(caller) == as_heard(tone(200))


@pytest.mark.parametrize(
    ("asked", "confirmed"),
    [
        ("pcmu", {"type": "audio/pcm", "rate": 24000}),
        ("pcm16", {"type": "audio/pcmu"}),
        ("pcm16", {"type": "audio/pcm", "rate": 16000}),
    ],
)
def test_caller_hears_an_apology_and_no_static_from_a_server_that_speaks_another_format(
    asked: str, confirmed: dict[str, Any], short_apology: int
) -> None:
    """Fault 12."""

    async def whole() -> tuple[float, list[str]]:
        async with (
            FakeRealtimeServer(Behaviour(output_format=confirmed)) as model,
            running(realtime_url=model.url, audio_format=asked) as at,
        ):
            caller = at.caller(8.0)
            outcome = await place_call(caller, connect_to=at.address)
            assert outcome.faults == {}
            return len(heard(caller)) / 8, ended_by(at)

    heard_ms, reasons = run(whole())
    assert reasons == ["refused"]
    assert heard_ms == pytest.approx(short_apology, abs=50)


@pytest.mark.parametrize("audio_format", ["pcm16", "pcmu"])
def test_model_is_told_the_format_in_which_it_gets_every_sample_of_the_caller(audio_format: str) -> None:
    """Fault 13."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    async def whole() -> tuple[RecordedCaller, FakeSession]:
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url, audio_format=audio_format) as at:
                _, caller = await call(at, model, script, 0.5)
            assert model.faults == []
            return caller, model.sessions[0]

    caller, session = run(whole())
    (update,) = session.events("session.update")
    said = caller.recording.payload + b"\xff" * 8000
    given = CallerToModel().feed(said) if audio_format == "pcm16" else said
    name = {"pcm16": {"type": "audio/pcm", "rate": 24000}, "pcmu": {"type": "audio/pcmu"}}[audio_format]
    assert audio_formats(update.event)[0] == name
    assert len(session.audio) > len(given) // 3
    assert bytes(session.audio) == given[: len(session.audio)]


@pytest.mark.parametrize("delta_ms", [7, 13, 50, 700])
def test_answer_is_heard_in_one_piece_and_unchanged_however_the_model_crumbles_it(delta_ms: int) -> None:
    """Fault 15."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_1")
        await session.speak("item_1", tone(700)[: 48 * 100])  # the model is ahead of the caller, as they are
        await session.speak("item_1", tone(700)[48 * 100 :], delta_ms=delta_ms)
        await session.finish("item_1", "Hello.")

    outcome, caller, _ = scenario(script, 0.5)

    assert outcome.faults == {}
    assert outcome.under_runs == ()
    assert [bytes(each.payload) for each in caller.playback.runs] == [as_heard(tone(700))]


def test_answers_are_at_twilio_long_before_they_sound_so_that_a_stall_makes_no_gap() -> None:
    """Fault 16."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(2500), "A long sentence.")

    async def whole() -> list[tuple[Outcome, RecordedCaller]]:
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url) as at, asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(call(at, model, script)) for _ in range(8)]
                for after in (1.0, 1.5, 2.0):
                    asyncio.get_running_loop().call_later(after, time.sleep, 0.2)
            assert model.faults == []
            return [each.result() for each in calls]

    for outcome, caller in run(whole()):
        came = [each.at for each in outcome.timeline.events if each.kind == "media-received"]
        assert outcome.faults == {}
        assert outcome.under_runs == ()
        assert [len(each.payload) for each in caller.playback.runs] == [2500 * 8]
        assert came[-1] - came[0] < 1.0


def test_answer_counts_as_heard_when_its_last_mark_came_back_not_when_it_was_made() -> None:
    """Fault 17."""

    async def script(_: FakeRealtimeServer, session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(1000), "A sentence.")

    ended = test_recovery.call(script, 1.0)

    (made,) = (each.at for each in ended.events if isinstance(each, news.ModelSaid))
    (known,) = (each.at for each in ended.events if isinstance(each, news.ModelHeard))
    (sound,) = ended.caller.playback.runs
    assert ended.faults == []
    assert ended.outcome.faults == {}
    assert made < sound.start + 0.5
    assert known > sound.end - 0.05


def test_agent_is_heard_at_once_though_the_caller_says_nothing(tmp_path: Path) -> None:
    """Fault 35. The model's socket is opened while the webhook is answered: see the table."""
    path = tmp_path / "agents.toml"
    path.write_text(GREETING)

    async def script(session: FakeSession) -> None:
        await session.wait_for("response.create")
        await session.say("item_1", tone(200), "Hello.")

    outcome, caller, _ = scenario(script, agents_file=path)

    assert outcome.faults == {}
    assert [each.detail for each in outcome.timeline.events if each.kind == "verb-skipped"] == []
    assert caller.timeline.started_at is not None
    assert caller.playback.runs[0].start - caller.timeline.started_at < 0.5
