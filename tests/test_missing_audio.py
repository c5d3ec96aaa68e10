"""Callers whose frames get lost, through the front door."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording
from gateway.local_realtime import LocalRealtimeServer
from gateway.metrics import Metrics
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, run, running
from tests.local_realtime.sessions import SHORT_TURNS


@dataclass(eq=False, repr=False)
class LossyCaller(RecordedCaller):
    """Loses frames on their way to the gateway, by their number from 1."""

    is_lost: Callable[[int], bool] = lambda _: False

    def due(self, now: float) -> list[str]:
        return [text for text in super().due(now) if not self._loses(json.loads(text))]

    def _loses(self, message: dict[str, dict[str, str]]) -> bool:
        return "media" in message and self.is_lost(int(message["media"]["chunk"]))


def sample(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value(name) or 0.0


def test_the_model_gets_audio_for_the_whole_time_though_frames_are_lost() -> None:
    async def whole() -> tuple[float, int, float]:
        caller = LossyCaller(
            humming(1.5), PUBLIC_URL, AUTH_TOKEN, linger=0.3, is_lost=lambda n: 20 <= n < 45 or n % 17 == 3
        )
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url) as at:
                outcome = await place_call(caller, connect_to=at.address)
                filled = sample(at.gateway.metrics, "gateway_filled_audio_seconds_total")
            assert model.faults == []
            return len(model.sessions[0].audio) / 48, outcome.n_frames_sent, filled

    given_ms, n_frames, filled = run(whole())
    lost = [n for n in range(2, n_frames) if 20 <= n < 45 or n % 17 == 3]
    assert abs(given_ms - (n_frames * 20 - 4)) <= 2 * 20  # a frame, and one on its way at the end
    assert abs(filled - len(lost) * 0.02) < 1e-6


def turns(recording: Recording, is_lost: Callable[[int], bool], seconds: float) -> tuple[float, float, bool]:
    """How many turns the embedded server answered, how much was filled, and whether the caller heard something."""

    async def whole() -> tuple[float, float, bool]:
        caller = LossyCaller(recording, PUBLIC_URL, AUTH_TOKEN, hang_up_after=seconds, is_lost=is_lost)
        async with LocalRealtimeServer() as server, running(realtime_url=server.url) as at:
            await place_call(caller, connect_to=at.address)
            metrics = at.gateway.metrics
            answered = sample(metrics, "gateway_response_latency_seconds_count")
            filled = sample(metrics, "gateway_filled_audio_seconds_total")
            return answered, filled, bool(caller.playback.runs)

    return run(whole())


def test_a_caller_whose_frames_stop_in_the_middle_of_his_turn_is_answered() -> None:
    recording = Recording.read(SHORT_TURNS)
    first = recording.utterances[0]
    middle = (first.start_ms + first.end_ms) // 2 // 20

    answered, filled, heard = turns(recording, lambda n: n > middle, middle * 0.02 + 3.0)

    assert (answered, heard) == (1, True)
    assert 0.7 < filled < 1.0  # until the server said that he stopped


def test_nothing_is_filled_while_every_frame_comes() -> None:
    recording = Recording.read(SHORT_TURNS)
    _, filled, _ = turns(recording, lambda _: False, 3.0)
    assert filled == 0
