"""What is on a caller's line where nobody is: music, an announcement, a menu. The embedded server hears it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from gateway.feed import CallerSaid, CallEvent, ModelSaid, TextSent
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording
from gateway.local_realtime import LocalRealtimeServer, installed_parts
from tests.benchmarks.recognition import CALLS
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, run, running
from tests.guarded_calls import News, agents_file
from tests.local_realtime.test_moonshine import needs_model
from tests.local_realtime.test_piper import needs_voice
from tests.test_calls import ended_by
from voice_codecs import line_noise, mulaw_decode, mulaw_encode

ORDER_CALL = CALLS.parent / "order_call"
FRAMES = 8 * 160
"""Samples that are whole frames of 20 ms and whole windows of the voice activity detection, 32 ms."""

pytestmark = [pytest.mark.once, needs_model, needs_voice]


@dataclass(eq=False, repr=False)
class PunctualCaller(RecordedCaller):
    """Presses keys at their times, in seconds on the call's clock."""

    keys_at: Mapping[float, str] = field(default_factory=dict)

    def due(self, now: float) -> list[str]:
        at = now - (self.timeline.started_at or now)
        pressed = [key for time, key in self.keys_at.items() if time <= at]
        self.keys_at = {time: key for time, key in self.keys_at.items() if time > at}
        return super().due(now) + [text for key in pressed for text in self.press(key, now)]


@dataclass
class Answered:
    """A call to the order desk that is over."""

    reason: str
    """Of its ending."""
    news: list[CallEvent]

    def told(self, kind: type[CallerSaid | ModelSaid | TextSent]) -> list[str]:
        """The texts of the news of a kind."""
        return [event.text for event in self.news if isinstance(event, kind)]


def answered(payload: bytes, file: Path, keys_at: Mapping[float, str] | None = None) -> Answered:
    """One call to the embedded server's order desk by what plays mu-law on the line."""

    async def whole() -> Answered:
        async with (
            installed_parts() as parts,
            LocalRealtimeServer(
                voice=parts.voice, persona=parts.persona, recogniser=parts.recogniser
            ) as server,
            running(realtime_url=server.url, agents_file=file) as at,
        ):
            news = News()
            recording = Recording(payload, "line", ())
            caller = PunctualCaller(recording, PUBLIC_URL, AUTH_TOKEN, linger=1.0, keys_at=keys_at or {})
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(news.watch(at))
                outcome = await place_call(caller, connect_to=at.address)
                await at.gateway.active_calls.wait_empty()
                watching.cancel()
            assert outcome.faults == {}
            (reason,) = ended_by(at)
            return Answered(reason, news.events)

    return run(whole(), seconds=90)


@pytest.mark.parametrize("name", ["hold_music.wav", "silence.wav"])
def test_line_on_which_nobody_is_is_left_with_a_goodbye_and_hears_little_before(
    tmp_path: Path, name: str
) -> None:
    file = agents_file(tmp_path, agent='greeting = "Hello."', no_input_seconds=3, no_input_prompts=1)

    over = answered(4 * Recording.read(CALLS / name).payload, file)

    assert over.reason == "no-input"
    assert over.told(ModelSaid) == [
        "Hello.",
        "Are you still there?",
        "I cannot hear anybody, so I will hang up now. Goodbye.",
    ]


def test_announcement_that_repeats_is_not_talked_with_for_ever(tmp_path: Path) -> None:
    clip = mulaw_decode(Recording.read(ORDER_CALL / "opening_hours.flac").payload)
    room = -(-(clip.size + 12_000) // FRAMES) * FRAMES - clip.size
    once = mulaw_encode(np.concatenate([clip, line_noise(room // 8, 8000)]))

    over = answered(12 * once, agents_file(tmp_path))

    assert over.reason == "machine"
    assert 4 <= len(over.told(CallerSaid)) <= 6


def test_menu_s_keys_reach_the_desk_as_keys_and_not_as_speech(tmp_path: Path) -> None:
    """A number is spoken, and keyed right after; the tones sound on the line as well."""
    begin, pressed_ms = 9_600, (14_370, 14_610, 14_850, 15_090, 15_210)
    payload = Recording.read(CALLS / "keys.wav").payload[begin * 8 : 19_200 * 8]
    keys_at = {(at - begin) / 1000: key for at, key in zip(pressed_ms, "5550#", strict=True)}

    over = answered(payload, agents_file(tmp_path, agent='tools = ["hang_up", "order_status"]'), keys_at)

    assert over.told(TextSent) == ["5550"]
    assert len(over.told(CallerSaid)) <= 2
    assert any("5 5 5 0" in said for said in over.told(ModelSaid))
