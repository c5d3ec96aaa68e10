import asyncio
import contextlib
import importlib.util
import sys
import threading

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from gateway.feed import CallerSaid
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording, Utterance
from gateway.local_realtime import (
    LocalRealtimeServer,
    MoonshineRecogniser,
    RecordedVoice,
)
from gateway.local_realtime.moonshine import MAX_WAITING, RecogniserBusy
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.moonshine_files import PACKAGE, installed_files
from tests.benchmarks.recognition import normalised, word_errors
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, run, running
from tests.local_realtime.sessions import SHORT_TURNS, Event, of_type, recorded_call, types, utterances
from tests.local_realtime.test_server import PCMU, Client, client_of
from voice_codecs import dtmf_tone, mulaw_encode, sine

pytestmark = pytest.mark.once

Samples = npt.NDArray[np.int16]
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"
needs_model = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="moonshine-voice is not installed (extra: local)"
)


@pytest.fixture(scope="session")
def call() -> Samples:
    """A caller of short turns, PCM16 at 8 kHz."""
    samples, _ = soundfile.read(SHORT_TURNS, dtype="int16")
    return np.asarray(samples, np.int16)


def cut(call: Samples, utterance: Event) -> Samples:
    return call[utterance["start_ms"] * 8 : utterance["end_ms"] * 8]


def recognise(*turns: Samples) -> list[str]:
    """Recognise all turns at once."""

    async def scenario() -> list[str]:
        async with MoonshineRecogniser() as recogniser:
            return await asyncio.gather(*map(recogniser.recognise, turns))

    return asyncio.run(scenario())


def error_rate(references: list[str], found: list[str]) -> float:
    pairs = [(normalised(text), normalised(other)) for text, other in zip(references, found, strict=True)]
    return sum(word_errors(*pair) for pair in pairs) / sum(len(text) for text, _ in pairs)


@needs_model
def test_the_recorded_callers_words_are_recognised(call: Samples) -> None:
    spoken = utterances()
    found = recognise(*(cut(call, each) for each in spoken))

    assert error_rate([each["text"] for each in spoken], found) <= 0.15
    assert found[3] == "Go forward ten meters."


@needs_model
def test_recognition_never_imports_the_package(call: Samples) -> None:
    recognise(call[:8000])

    assert PACKAGE not in sys.modules


@needs_model
def test_a_minute_of_speech_is_recognised_piece_by_piece(call: Samples) -> None:
    spoken = utterances() * 3
    pause = np.zeros(1600, np.int16)
    speech = np.concatenate([part for each in spoken for part in (cut(call, each), pause)])
    (found,) = recognise(speech)

    assert speech.size > 50 * 8000
    assert error_rate([" ".join(each["text"] for each in spoken)], [found]) <= 0.2


@needs_model
@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.int16),
        np.zeros(8 * 8000, np.int16),
        sine(440.0, 3000, 8000),
        dtmf_tone("5", 1000, 8000),
        np.random.default_rng(1).normal(0, 30, 3 * 8000).astype(np.int16),
        np.random.default_rng(1).normal(0, 3000, 3 * 8000).astype(np.int16),
    ],
    ids=["nothing", "silence", "tone", "key", "line noise", "loud noise"],
)
def test_what_nobody_said_has_no_words(samples: Samples) -> None:
    assert recognise(samples) == [""]


@needs_model
def test_less_than_a_tenth_of_a_second_has_no_words(call: Samples) -> None:
    speech = call[1200 * 8 :]

    assert recognise(speech[:799]) == [""]
    assert recognise(speech[: 3 * 8000]) != [""]


@needs_model
def test_no_more_is_recognised_than_can_be_said_in_the_time(call: Samples) -> None:
    decoder = MoonshineDecoder(installed_files())
    starts = range(1000 * 8, 2200 * 8, 50 * 8)
    found = [decoder.words(call[start : start + 150 * 8]) for start in starts]

    assert any(found)
    assert max(len(words.split()) for words in found) == 1


@needs_model
def test_a_short_turn_does_not_wait_for_a_long_one(call: Samples) -> None:
    async def scenario() -> list[str]:
        done: list[str] = []

        async def turn(name: str, samples: Samples) -> None:
            await recogniser.recognise(samples)
            done.append(name)

        async with MoonshineRecogniser(n_workers=1) as recogniser, asyncio.TaskGroup() as tasks:
            tasks.create_task(turn("long", np.concatenate([call, call])))
            tasks.create_task(turn("short", cut(call, utterances()[0])))
        return done

    assert asyncio.run(scenario()) == ["short", "long"]


@needs_model
def test_too_many_turns_at_once_are_refused(call: Samples) -> None:
    async def scenario() -> list[str | BaseException]:
        async with MoonshineRecogniser() as recogniser:
            turns = [call[:400]] * (MAX_WAITING + 2)
            found = await asyncio.gather(*map(recogniser.recognise, turns), return_exceptions=True)
            assert await recogniser.recognise(call[:400]) == ""
            return found

    found = asyncio.run(scenario())
    assert found[:MAX_WAITING] == [""] * MAX_WAITING
    assert [type(each) for each in found[MAX_WAITING:]] == [RecogniserBusy, RecogniserBusy]


@needs_model
def test_closing_ends_the_workers_and_gives_up_what_waits(call: Samples) -> None:
    async def scenario() -> None:
        recogniser = await MoonshineRecogniser(n_workers=1).__aenter__()
        turns = [asyncio.ensure_future(recogniser.recognise(call)) for _ in range(3)]
        await asyncio.wait([asyncio.ensure_future(recogniser.recognise(call[:400]))])
        await recogniser.close()
        await asyncio.wait(turns, timeout=10)
        assert all(turn.cancelled() or turn.exception() for turn in turns)
        with pytest.raises(RuntimeError, match="not open"):
            await recogniser.recognise(call)

    asyncio.run(scenario())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("recogniser")]


def test_a_recogniser_is_of_no_use_before_it_is_open() -> None:
    async def scenario() -> None:
        recogniser = MoonshineRecogniser()
        try:
            await recogniser.recognise(np.zeros(8000, np.int16))
        finally:
            await recogniser.close()

    with pytest.raises(RuntimeError, match="not open"):
        asyncio.run(scenario())


# The embedded server


async def transcribing(client: Client) -> None:
    audio = {**PCMU, "input": {**PCMU["input"], "transcription": {"model": "any"}}}
    await client.send("session.update", session={"type": "realtime", "audio": audio})
    await client.until("session.updated")


async def words_of_the_call(client: Client) -> list[Event]:
    """Send the whole recorded call, then a second of silence, and give all events up to its last transcript."""
    await client.append(recorded_call() + mulaw_encode(np.zeros(8000, np.int16)))
    events: list[Event] = []
    while len(of_type(events, COMPLETED)) < max(1, len(of_type(events, "input_audio_buffer.committed"))) or (
        len(of_type(events, "input_audio_buffer.speech_stopped")) < len(utterances())
    ):
        events += await client.until(COMPLETED)
    return events


def check_words_of_the_call(events: list[Event]) -> None:
    committed = [each["item_id"] for each in of_type(events, "input_audio_buffer.committed")]
    transcripts = {each["item_id"]: each["transcript"] for each in of_type(events, COMPLETED)}
    said = " ".join(transcripts[item_id] for item_id in committed)
    assert sorted(transcripts) == sorted(committed)
    assert error_rate([" ".join(each["text"] for each in utterances())], [said]) <= 0.15
    for item_id in committed:
        of_item = [each for each in events if each.get("item_id", each.get("item", {}).get("id")) == item_id]
        assert [kind for kind in types(of_item) if kind != DELTA] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            COMPLETED,
        ]
        told = "".join(each["delta"] for each in of_type(of_item, DELTA))
        assert told == transcripts[item_id] or not transcripts[item_id].startswith(told)


@needs_model
def test_every_turn_of_two_callers_at_once_gets_its_words(voice: RecordedVoice) -> None:
    async def scenario() -> tuple[list[Event], list[Event]]:
        async with (
            MoonshineRecogniser() as recogniser,
            LocalRealtimeServer(voice=voice, speed=50, recogniser=recogniser) as server,
            client_of(server) as one,
            client_of(server) as two,
        ):
            await asyncio.gather(transcribing(one), transcribing(two))
            return await asyncio.gather(words_of_the_call(one), words_of_the_call(two))

    for events in asyncio.run(scenario()):
        check_words_of_the_call(events)


# The gateway


@needs_model
def test_the_gateway_tells_what_the_caller_said(call: Samples) -> None:
    async def scenario() -> str:
        recording = Recording(mulaw_encode(call[: 4 * 8000]), "call", (Utterance(1000, 2200),))
        async with (
            running() as at,
            asyncio.TaskGroup() as tasks,
            contextlib.aclosing(at.gateway.feed.watch()) as events,
        ):
            caller = RecordedCaller(recording, PUBLIC_URL, AUTH_TOKEN, linger=0.3, give_up_after=10.0)
            tasks.create_task(place_call(caller, connect_to=at.address))
            return await anext(event.text async for event in events if isinstance(event, CallerSaid))

    assert normalised(run(scenario())) == ["five", "five"]
