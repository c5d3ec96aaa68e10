"""Whole calls in which the caller coughs, or says a short word, while the agent speaks."""

import asyncio
import functools
import itertools

import numpy as np
import numpy.typing as npt
import pytest

from gateway.bridge import Bridge
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording, Utterance
from gateway.local_realtime import LocalRealtimeServer
from gateway.metrics import Metrics
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, run, running
from tests.local_realtime.sessions import SHORT_TURNS
from tests.test_calls import Script, call, ended_by, heard, tone
from voice_codecs import line_noise, mulaw_encode

COUNTING = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
SENTENCE_MS = 2000
"""Of the agent's sentence, which is COUNTING."""
COUGH = 0.25
SILENCE = 0.5
"""Seconds after which the server ends a turn."""


@pytest.fixture(autouse=True)
def _resuming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.call.Bridge", functools.partial(Bridge, resumes=True))


class Ended:
    """A call that is over."""

    def __init__(self, caller: RecordedCaller, sessions: list[FakeSession], metrics: Metrics) -> None:
        self.runs = [bytes(each.payload) for each in caller.playback.runs]
        self.gaps = [later.start - earlier.end for earlier, later in itertools.pairwise(caller.playback.runs)]
        self.heard = heard(caller)
        self.sessions = sessions
        self.session = sessions[0]
        self.n_false = metrics.registry.get_sample_value("gateway_false_interruptions_total")

    @property
    def heard_ms(self) -> int:
        return len(self.heard) // 8


def calling(script: Script, seconds: float = 4.5) -> Ended:
    """One call, in which the model does as the script says."""

    async def whole() -> Ended:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            async with running(realtime_url=model.url, openai_api_key="sk-test") as at:
                _, caller = await call(at, model, script, seconds)
                assert ended_by(at) == ["hangup"]
            assert model.faults == []
            return Ended(caller, model.sessions, at.gateway.metrics)

    return run(whole())


async def agent_speaks(session: FakeSession, listened: float = 0.5) -> None:
    await session.wait_for("input_audio_buffer.append")
    await session.say("item_1", tone(SENTENCE_MS), COUNTING)
    await asyncio.sleep(listened)


async def caller_makes_a_sound(session: FakeSession, item_id: str, seconds: float = COUGH) -> None:
    await session.speech_started(1000, item_id=item_id)
    await asyncio.sleep(seconds + SILENCE)
    await session.speech_stopped(1000 + round((seconds + SILENCE) * 1000), item_id=item_id)


async def cough(session: FakeSession, item_id: str = "cough", answer: str = "sorry") -> None:
    """The caller coughs, and the server begins to answer that; at last it knows that there was no word."""
    await caller_makes_a_sound(session, item_id)
    await session.begin(answer)
    await session.speak(answer, tone(400))
    await asyncio.sleep(0.1)
    await session.transcribe(item_id, "")
    await session.wait_for("conversation.item.delete")


def words_told(session: FakeSession) -> str:
    """What the model was told of the words that were heard beyond where it was cut."""
    created = [each.event["item"] for each in session.events("conversation.item.create")]
    return " ".join(item["content"][0]["text"] for item in created)


def test_agent_s_sentence_is_heard_to_its_end_once_with_a_gap_where_the_caller_coughed() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await cough(session)
        await session.wait_for("conversation.item.create")

    ended = calling(script)

    assert abs(ended.heard_ms - SENTENCE_MS) <= 40
    assert len(ended.runs) == 2
    assert COUGH + SILENCE < ended.gaps[0] < 1.5
    assert ended.n_false == 1
    (cut, answer) = (each.event for each in ended.session.events("conversation.item.truncate"))
    assert (cut["item_id"], answer["item_id"], answer["audio_end_ms"]) == ("item_1", "sorry", 0)
    assert abs(cut["audio_end_ms"] - len(ended.runs[0]) / 8) <= 40
    assert abs(cut["audio_end_ms"] + len(ended.runs[1]) / 8 - SENTENCE_MS) <= 1
    assert ended.session.events("response.cancel")[0].event["response_id"] == "resp_sorry"
    assert ended.session.events("conversation.item.delete")[0].event["item_id"] == "cough"
    n_told = len(words_told(ended.session).split())
    assert n_told == pytest.approx(16 * (1 - cut["audio_end_ms"] / SENTENCE_MS), abs=1.5)
    assert COUNTING.endswith(words_told(ended.session))
    assert [item["id"] for item in ended.session.items][:1] == ["item_1"]
    assert ended.session.events("conversation.item.create")[0].event["previous_item_id"] == "item_1"


def test_late_audio_of_the_answer_to_a_cough_is_not_heard_either() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await caller_makes_a_sound(session, "cough")
        await session.begin("sorry")
        session.stop_reading()
        await session.transcribe("cough", "")
        await session.speak("sorry", tone(800))  # all of it before the cancellation has come
        await asyncio.sleep(0.1)
        session.thaw()
        await session.wait_for("conversation.item.create")

    ended = calling(script)

    assert abs(ended.heard_ms - SENTENCE_MS) <= 40
    assert len(ended.session.events("response.cancel")) == 1
    assert ended.session.events("conversation.item.truncate")[-1].event["item_id"] == "sorry"


def test_short_word_is_answered_and_the_answer_is_heard_whole_and_in_order() -> None:
    sound = np.random.default_rng(5).normal(0, 3000, 24 * 900).astype("<i2").tobytes()

    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await caller_makes_a_sound(session, "yes")
        await session.begin("thanks")
        await session.speak("thanks", sound[: 48 * 600])
        await asyncio.sleep(0.3)
        await session.transcribe("yes", "Yes.")
        await session.speak("thanks", sound[48 * 600 :])
        await session.finish("thanks", "Thank you.")

    async def undisturbed(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("thanks", sound, "Thank you.")

    ended, expected = calling(script), calling(undisturbed, 2.0)

    assert ended.n_false == 0
    assert len(ended.runs) == 2
    assert ended.runs[1] == expected.heard
    assert ended.session.events("conversation.item.create") == []
    assert ended.session.events("conversation.item.delete") == []
    assert len(ended.session.events("conversation.item.truncate")) == 1


def test_caller_who_speaks_on_is_answered_at_once_whatever_the_words_are() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await caller_makes_a_sound(session, "long", 0.8)
        await session.say("answer", tone(300), "Well.")
        await session.transcribe("long", "")

    ended = calling(script)

    assert ended.n_false == 0
    assert len(ended.runs[1]) == 300 * 8
    assert ended.gaps[0] < 0.8 + SILENCE + 0.15


def test_answer_is_heard_when_nobody_knows_in_time_what_the_caller_said() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await caller_makes_a_sound(session, "what")
        await session.say("answer", tone(300), "Pardon?")

    ended = calling(script)

    assert ended.n_false == 0
    assert len(ended.runs[1]) == 300 * 8
    assert COUGH + SILENCE + 0.95 < ended.gaps[0] < COUGH + SILENCE + 1.3


def test_interruption_of_what_is_heard_on_tells_the_model_how_far_it_was_heard() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await cough(session)
        await asyncio.sleep(0.5)  # the caller listens on
        await session.speech_started(3000, item_id="stop")
        await asyncio.sleep(1.0)
        await session.speech_stopped(4000, "Stop it please.", item_id="stop")
        await session.say("answer", tone(300), "All right.")

    ended = calling(script)

    truncated = [each.event["item_id"] for each in ended.session.events("conversation.item.truncate")]
    assert truncated == ["item_1", "sorry"]
    heard_ms = (len(ended.runs[0]) + len(ended.runs[1])) / 8
    assert heard_ms < SENTENCE_MS - 300
    first_ms = ended.session.events("conversation.item.truncate")[0].event["audio_end_ms"]
    n_told = len(words_told(ended.session).split())
    assert n_told == pytest.approx(16 * (heard_ms - first_ms) / SENTENCE_MS, abs=1.5)
    assert words_told(ended.session) in COUNTING
    assert len(ended.runs[2]) == 300 * 8


def test_second_cough_resumes_again_from_where_that_stopped() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await cough(session)
        await asyncio.sleep(0.4)
        await cough(session, "cough 2", "sorry 2")
        await asyncio.sleep(1.2)

    ended = calling(script, 5.5)

    assert ended.n_false == 2
    assert abs(ended.heard_ms - SENTENCE_MS) <= 60
    assert len(ended.runs) == 3
    assert COUNTING.endswith(words_told(ended.session))
    assert len(ended.session.events("conversation.item.create")) == 2


def test_what_is_heard_on_may_cross_items() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session, 0.0)
        await session.say("item_2", tone(400), "And that is that.")
        await asyncio.sleep(1.7)
        await cough(session)
        for _ in range(2):
            await session.wait_for("conversation.item.create")

    ended = calling(script, 5.5)

    assert abs(ended.heard_ms - SENTENCE_MS - 400) <= 40
    created = [each.event for each in ended.session.events("conversation.item.create")]
    assert [event["previous_item_id"] for event in created] == ["item_1", "item_2"]
    assert created[1]["item"]["content"][0]["text"] == "And that is that."
    told = [line for line in ended.session.history_text().splitlines() if line != "assistant: "]
    assert told == [f"assistant: {event['item']['content'][0]['text']}" for event in created]


def test_the_next_session_is_told_once_of_all_that_was_heard() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await cough(session)
        await session.wait_for("conversation.item.create")
        session.drop()
        await asyncio.sleep(1.5)

    ended = calling(script, 5.5)

    assert ended.sessions[1].history_text() == f"assistant: {COUNTING}"


def test_what_is_heard_on_while_the_session_is_lost_is_known_to_the_next() -> None:
    async def script(session: FakeSession) -> None:
        await agent_speaks(session)
        await cough(session)
        session.drop()
        await asyncio.sleep(2.0)

    ended = calling(script, 5.5)

    assert abs(ended.heard_ms - SENTENCE_MS) <= 40
    assert ended.sessions[1].history_text() == f"assistant: {COUNTING}"


class HearsNoWordsInNoise:
    """A recogniser for which what is over at once has no words."""

    async def recognise(self, samples: npt.NDArray[np.int16]) -> str:
        return "" if samples.size < 1.4 * 8000 else "Five five."


def resonance(frequency: float, bandwidth: float) -> npt.NDArray[np.float64]:
    """The impulse response of one resonance of a throat, 50 ms at 8 kHz."""
    n = np.arange(400)
    return np.array(np.exp(-np.pi * bandwidth * n / 8000) * np.sin(2 * np.pi * frequency * (n + 1) / 8000))


def throat_cleared() -> bytes:
    """A quarter of a second that a detector takes for speech, mu-law."""
    pulses = np.tile(np.eye(1, 80)[0], 25)
    sound = np.convolve(np.convolve(pulses, resonance(600, 80)), resonance(1100, 90))[:2000]
    return mulaw_encode((sound / abs(sound).max() * 12_000).astype(np.int16))


def caller_of(noise: bytes) -> RecordedCaller:
    """Somebody who says something, and makes a noise 900 ms after the embedded server's answer has begun."""
    payload = Recording.read(SHORT_TURNS).payload[: 2200 * 8]
    payload += mulaw_encode(line_noise(1700, 8000)) + noise
    payload += mulaw_encode(line_noise(6000, 8000))
    recording = Recording(payload, "cough", (Utterance(1000, 2200),))
    return RecordedCaller(recording, PUBLIC_URL, AUTH_TOKEN, linger=0.5, identity=new_identity())


def test_embedded_server_s_agent_goes_on_after_the_caller_has_cleared_the_throat() -> None:
    async def whole() -> tuple[list[RecordedCaller], float | None]:
        async with (
            LocalRealtimeServer(recogniser=HearsNoWordsInNoise()) as server,
            running(realtime_url=server.url) as at,
        ):
            callers = [caller_of(noise) for noise in (b"", throat_cleared())]
            await asyncio.gather(*(place_call(caller, connect_to=at.address) for caller in callers))
            false_alarms = at.gateway.metrics.registry.get_sample_value("gateway_false_interruptions_total")
            return callers, false_alarms

    (undisturbed, coughing), n_false = run(whole())

    assert n_false == 1
    assert len(undisturbed.playback.runs) == 1
    assert len(coughing.playback.runs) == 2
    # As long as the machine holds the caller's end up, they hear on; that much is said twice.
    tolerance_ms = 40 + max(coughing.timeline.frame_lateness_ms)
    assert abs(len(heard(coughing)) - len(heard(undisturbed))) <= tolerance_ms * 8
    n_before = len(coughing.playback.runs[0].payload)
    assert heard(coughing)[:n_before] == heard(undisturbed)[:n_before]
    rest = bytes(coughing.playback.runs[1].payload)
    assert heard(undisturbed).endswith(rest)
