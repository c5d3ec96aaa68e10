"""Whole calls through the front door, against a strict model server."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.ending import ENDINGS
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from voice_codecs import mulaw_decode, sine

Script = Callable[[FakeSession], Coroutine[Any, Any, None]]


def tone(ms: int) -> bytes:
    return sine(440.0, ms, 24_000).tobytes()


async def call(
    at: Running, model: FakeRealtimeServer, script: Script, seconds: float = 1.0, **options: Any
) -> tuple[Outcome, RecordedCaller]:
    """One call, in which the model does as the script says."""
    caller = at.caller(seconds, **options)
    async with asyncio.TaskGroup() as tasks:
        placed = tasks.create_task(place_call(caller, connect_to=at.address))
        await script(await model.session())
    return placed.result(), caller


def scenario(
    script: Script, seconds: float = 1.0, agents_file: Path | None = None, **options: Any
) -> tuple[Outcome, RecordedCaller, FakeSession]:
    async def whole() -> tuple[Outcome, RecordedCaller, FakeSession]:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            settings = {"realtime_url": model.url, "openai_api_key": "sk-test", "agents_file": agents_file}
            async with running(**settings) as at:
                outcome, caller = await call(at, model, script, seconds, **options)
            assert model.faults == []
            return outcome, caller, model.sessions[0]

    return run(whole())


def ended_by(at: Running) -> list[str]:
    """Why media streams ended; first those after which the call went on."""
    goes_on = {ending.reason for ending in ENDINGS if ending.goes_on}
    (family,) = at.gateway.metrics.calls.collect()
    ended = [sample for sample in family.samples if sample.name.endswith("_total") and sample.value]
    return sorted((sample.labels["reason"] for sample in ended), key=lambda reason: reason not in goes_on)


def heard(caller: RecordedCaller) -> bytes:
    return b"".join(run.payload for run in caller.playback.runs)


def test_every_sample_the_model_says_is_heard_and_every_frame_of_the_caller_is_appended() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(700), "hmm")

    outcome, caller, session = scenario(script)

    assert outcome.end.reason == "caller-hung-up"
    assert outcome.faults == {}
    assert outcome.under_runs == ()
    assert len(heard(caller)) == 700 * 8
    n_bytes = sum(len(each.event["audio"]) * 3 // 4 for each in session.events("input_audio_buffer.append"))
    n_sent = outcome.n_frames_sent * 960 - 96 * 2
    assert abs(n_bytes - n_sent) <= 2 * 960  # base64's padding, and a frame on its way at the end
    level = abs(mulaw_decode(heard(caller)).astype(int)).max()
    assert level > 5000


def test_barge_in_silences_the_agent_and_tells_the_model_what_was_heard() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(5000), "a long sentence")
        await asyncio.sleep(0.5)  # the caller listens for a while
        await session.speech_started(1000)
        await session.wait_for("conversation.item.truncate")

    outcome, caller, session = scenario(script, 2.0)

    (truncate,) = session.events("conversation.item.truncate")
    heard_ms = len(heard(caller)) / 8
    assert outcome.faults == {}
    assert 400 < heard_ms < 800
    assert abs(truncate.event["audio_end_ms"] - heard_ms) <= 40
    assert session.events("response.cancel") == []


def test_session_is_asked_for_in_our_audio_formats_before_anything_else() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("session.update")
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(200), "Yes.")

    outcome, caller, session = scenario(script)

    update = session.events("session.update")[0].event["session"]
    assert update["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert len(heard(caller)) == 200 * 8
    assert outcome.end.reason == "caller-hung-up"


def test_nothing_is_lost_when_the_server_greets_in_the_same_breath_as_the_handshake() -> None:
    async def whole() -> str:
        async with FakeRealtimeServer(Behaviour(glued=True)) as model:
            async with running(realtime_url=model.url) as at:

                async def script(session: FakeSession) -> None:
                    await session.wait_for("input_audio_buffer.append")

                outcome, _ = await call(at, model, script, 0.3)
            assert model.faults == []
            return outcome.end.reason

    assert run(whole()) == "caller-hung-up"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(handshake_status=401), "refused"),
        (Behaviour(handshake_status=503), "unreachable"),
        (Behaviour(output_format={"type": "audio/pcmu"}), "refused"),
    ],
)
def test_caller_hears_an_apology_when_the_model_cannot_be_had(behaviour: Behaviour, reason: str) -> None:
    async def whole() -> tuple[Outcome, bytes, list[str]]:
        async with FakeRealtimeServer(behaviour) as model, running(realtime_url=model.url) as at:
            caller = at.caller(8.0)
            outcome = await place_call(caller, connect_to=at.address)
            return outcome, heard(caller), ended_by(at)

    outcome, sound, reasons = run(whole())
    assert outcome.end.reason == "gateway-hung-up"
    assert reasons == [reason]
    # The whole apology, and "one moment, please" where there was hope.
    assert len(sound) / 8 == pytest.approx(5695 + (1085 if reason == "unreachable" else 0), abs=50)
    assert outcome.faults == {}


def test_hostile_events_of_the_model_are_skipped_and_the_call_goes_on() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        for hostile in (
            "", "[]", "nonsense", b"\xff\xfe", '{"type": "weather.changed"}', '{"type": "error"}', "[" * 30_000,
            '{"type":"response.output_audio.delta","item_id":"i","response_id":"r","delta":"***"}',
            '{"type":"response.output_audio.delta","item_id":5,"response_id":"r","delta":"AAAA"}',
            '{"type":"response.done","response":{"id":"never created"}}',
            '{"type":"conversation.item.truncated","item_id":"unknown","audio_end_ms":5}',
        ):  # fmt: skip
            await session.send_raw(hostile)
        await session.say("item_1", tone(300), "still here")

    outcome, caller, _ = scenario(script)

    assert outcome.end.reason == "caller-hung-up"
    assert len(heard(caller)) == 300 * 8


def test_twenty_calls_at_once_do_not_notice_each_other() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(400), "hmm")

    async def whole() -> list[tuple[Outcome, RecordedCaller]]:
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url) as at, asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(call(at, model, script)) for _ in range(20)]
            assert model.faults == []
            return [each.result() for each in calls]

    for outcome, caller in run(whole()):
        assert outcome.end.reason == "caller-hung-up"
        assert outcome.faults == {}
        assert len(heard(caller)) == 400 * 8


def test_caller_may_interrupt_an_answer_of_which_there_is_sound_and_no_word_yet() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_1")
        await session.speak("item_1", tone(2000))
        await asyncio.sleep(0.3)
        await session.speech_started(1000)
        await session.speech_stopped(1500, "Stop.")
        await session.say("item_2", tone(300), "All right.")

    outcome, caller, _ = scenario(script, 1.5)

    assert outcome.end.reason == "caller-hung-up"
    assert len(caller.playback.runs[-1].payload) == 300 * 8
