"""Whole calls with other realtime servers: other shapes, other audio formats."""

import asyncio
from typing import Any

import numpy as np
import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from tests.fakes import AZURE_PREVIEW, FakeRealtimeServer, FakeSession
from tests.gateways import run, running
from voice_codecs import mulaw_decode, mulaw_encode, sine

TONE_MS = 600


def call(
    settings: dict[str, Any], sound: bytes, **server: Any
) -> tuple[Outcome, RecordedCaller, FakeSession]:
    """One call in which the model answers with a sound, is interrupted, and loses its session on the way."""

    async def whole() -> tuple[Outcome, RecordedCaller, FakeSession]:
        async with FakeRealtimeServer(api_key="sk-test", **server) as model:
            given = {"realtime_url": model.url, "realtime_api_key": "sk-test", **settings}
            async with running(**given) as at:
                caller = at.caller(1.8)
                async with asyncio.TaskGroup() as tasks:
                    placed = tasks.create_task(place_call(caller, connect_to=at.address))
                    first = await model.session()
                    await first.wait_for("input_audio_buffer.append")
                    await first.speech_started(100, item_id="item_q")
                    await first.speech_stopped(200, "Hello?", item_id="item_q")
                    await first.say("item_a", sound, "Hello there.")
                    await asyncio.sleep(0.9)
                    first.drop()
                    second = await model.session()
                    await second.wait_for_audio(1600)
            assert model.faults == []
            return placed.result(), caller, second

    return run(whole())


def dominant_hz(payload: bytes) -> float:
    samples = mulaw_decode(payload)
    return float(np.abs(np.fft.rfft(samples)).argmax()) * 8000 / samples.size


PCM = sine(440.0, TONE_MS, 24_000).tobytes()
PCMU = mulaw_encode(sine(440.0, TONE_MS, 8000))


@pytest.mark.parametrize(
    ("settings", "server", "sound"),
    [
        ({"audio_format": "pcmu"}, {}, PCMU),
        (
            {"realtime_provider": "azure-preview", "realtime_model": "mine"},
            {"dialect": "beta", "front": AZURE_PREVIEW},
            PCM,
        ),
        (
            {"realtime_provider": "azure-preview", "realtime_model": "mine", "audio_format": "pcmu"},
            {"dialect": "beta", "front": AZURE_PREVIEW},
            PCMU,
        ),
        ({"realtime_provider": "xai"}, {"dialect": "xai"}, PCM),
        ({"realtime_provider": "xai", "audio_format": "pcmu"}, {"dialect": "xai"}, PCMU),
        ({"realtime_provider": "stepfun"}, {"dialect": "beta"}, PCM),
    ],
)
def test_call_is_carried_and_its_session_restored(
    settings: dict[str, Any], server: dict[str, Any], sound: bytes
) -> None:
    outcome, caller, second = call(settings, sound, **server)

    assert outcome.faults == {}
    assert outcome.end.reason == "caller-hung-up"
    heard = b"".join(each.payload for each in caller.playback.runs)
    assert len(heard) == TONE_MS * 8
    assert dominant_hz(heard) == pytest.approx(440.0, abs=5.0)  # in a wrong format it would be noise
    assert second.history_text() == "user: Hello?\nassistant: Hello there."
