"""What the driver of a session does with ears and voices that misbehave, and with floods."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from time import perf_counter

from gateway.local_realtime import LocalRealtimeServer, RecordedVoice
from gateway.local_realtime.formats import Samples
from tests.local_realtime.sessions import of_type
from tests.local_realtime.test_server import FIRST_UTTERANCE, Client, client_of
from voice_codecs import MULAW_SILENCE


class GivenUp:
    """Ears and voice whose work was cancelled by somebody else."""

    async def recognise(self, samples: Samples) -> str:
        raise asyncio.CancelledError

    def pieces(self, text: str) -> list[str]:
        return [text]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        raise asyncio.CancelledError


class HangingVoice:
    """Never comes to an end, and counts how many wait for that."""

    def __init__(self) -> None:
        self.n_waiting = 0

    def pieces(self, text: str) -> list[str]:
        return [text]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        self.n_waiting += 1
        try:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")
        finally:
            self.n_waiting -= 1


def held(server: LocalRealtimeServer, conversation: Callable[[Client], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with server, client_of(server) as client:
            await conversation(client)

    asyncio.run(scenario())


def test_words_that_somebody_else_gave_up_are_not_waited_for(voice: RecordedVoice) -> None:
    async def conversation(client: Client) -> None:
        await client.append(FIRST_UTTERANCE)
        (done,) = of_type(await client.until("response.done"), "response.done")
        assert done["response"]["status"] == "completed"

    held(LocalRealtimeServer(voice=voice, recogniser=GivenUp(), speed=100), conversation)


def test_a_sound_that_somebody_else_gave_up_fails_the_response() -> None:
    async def conversation(client: Client) -> None:
        await client.send("response.create")
        (done,) = of_type(await client.until("response.done"), "response.done")
        assert done["response"]["status"] == "failed"

    held(LocalRealtimeServer(voice=GivenUp()), conversation)


def test_a_voice_is_not_kept_at_work_for_responses_that_are_over() -> None:
    voice = HangingVoice()

    async def conversation(client: Client) -> None:
        for _ in range(20):
            await client.send("response.create")
            await client.until("response.created")
            await client.send("response.cancel")
            await client.until("response.done")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        assert voice.n_waiting <= 1

    held(LocalRealtimeServer(voice=voice), conversation)


def test_minutes_of_audio_in_one_event_leave_room_for_other_sessions(voice: RecordedVoice) -> None:
    async def scenario() -> tuple[float, float]:
        async with (
            LocalRealtimeServer(voice=voice) as server,
            client_of(server) as flooding,
            client_of(server) as other,
        ):
            audio = base64.b64encode(MULAW_SILENCE * (8 * 100_000)).decode()
            await flooding.send("input_audio_buffer.append", audio=audio)
            began_at = perf_counter()
            await flooding.send("input_audio_buffer.commit")
            committed = asyncio.create_task(flooding.until("input_audio_buffer.committed"))
            longest = 0.0
            while not committed.done():
                asked_at = perf_counter()
                await other.send("input_audio_buffer.clear")
                await other.until("input_audio_buffer.cleared")
                longest = max(longest, perf_counter() - asked_at)
            (event,) = [e for e in await committed if e["type"] == "input_audio_buffer.committed"]
            assert event["item_id"]
            return longest, perf_counter() - began_at

    longest, whole = asyncio.run(scenario())
    assert longest < whole / 3
