import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.local_realtime import LocalRealtimeServer, RecordedVoice
from tests.local_realtime.sessions import Event, of_type, parse, recorded_call, types

FIRST_UTTERANCE = recorded_call()[: 8 * 3000]
PCMU = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}}


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def append(self, payload: bytes) -> None:
        for start in range(0, len(payload), 160):
            audio = base64.b64encode(payload[start : start + 160]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def until(self, kind: str) -> list[Event]:
        events: list[Event] = []
        async with asyncio.timeout(10):
            while not events or events[-1]["type"] != kind:
                events.append(parse(await self.socket.recv()))
        return events


@asynccontextmanager
async def client_of(server: LocalRealtimeServer) -> AsyncIterator[Client]:
    async with connect(f"{server.url}?model=m", max_size=None, max_queue=None, compression=None) as socket:
        client = Client(socket)
        (created,) = await client.until("session.created")
        assert created["session"]["model"] == "m"
        await client.send("session.update", session={"type": "realtime", "audio": PCMU})
        await client.until("session.updated")
        yield client


def test_a_caller_is_answered_over_a_real_socket(voice: RecordedVoice) -> None:
    async def scenario() -> None:
        async with LocalRealtimeServer(voice=voice, first_delta_delay=0.01, speed=50) as server:
            async with client_of(server) as client:
                await client.append(FIRST_UTTERANCE)
                events = await client.until("response.done")
            assert types(events)[0] == "input_audio_buffer.speech_started"
            audio = b"".join(
                base64.b64decode(e["delta"]) for e in of_type(events, "response.output_audio.delta")
            )
            assert len(audio) == 1250 * 8

    asyncio.run(scenario())


def test_the_packaged_prompts_answer_by_default() -> None:
    async def scenario() -> None:
        async with LocalRealtimeServer(speed=100) as server, client_of(server) as client:
            await client.send("response.create")
            events = await client.until("response.done")
            assert (
                "demonstration voice"
                in of_type(events, "response.output_audio_transcript.done")[0]["transcript"]
            )

    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/v1/other", "//[", "/v1/realtime/"])
def test_another_path_is_not_found(voice: RecordedVoice, path: str) -> None:
    async def scenario() -> int:
        async with LocalRealtimeServer(voice=voice) as server:
            with pytest.raises(InvalidStatus) as caught:
                await connect(server.url.replace("/v1/realtime", path))
            return caught.value.response.status_code

    assert asyncio.run(scenario()) == 404


def test_the_url_is_known_only_while_the_server_runs(voice: RecordedVoice) -> None:
    server = LocalRealtimeServer(voice=voice)
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


def test_sessions_do_not_see_each_other(voice: RecordedVoice) -> None:
    async def scenario() -> None:
        server = LocalRealtimeServer(voice=voice, speed=50)
        async with server, client_of(server) as one, client_of(server) as two:
            await one.socket.send("{")
            await one.append(FIRST_UTTERANCE)
            heard = await one.until("response.done")
            assert heard[0]["type"] == "error"
            await two.send("input_audio_buffer.clear")
            assert types(await two.until("input_audio_buffer.cleared")) == ["input_audio_buffer.cleared"]

    asyncio.run(scenario())


async def send_for_ever(client: Client, session: Event) -> None:
    while True:
        await client.send("session.update", session=session)


def test_a_client_that_does_not_read_is_closed_and_the_others_go_on(voice: RecordedVoice) -> None:
    async def flood(server: LocalRealtimeServer) -> None:
        instructions = "x" * 4_000_000
        session = {"type": "realtime", "instructions": instructions}
        async with connect(server.url, max_size=None, max_queue=1, ping_interval=None) as socket:
            client = Client(socket)
            with pytest.raises(ConnectionClosed) as caught:
                await send_for_ever(client, session)
            assert caught.value.rcvd is None or caught.value.rcvd.code == 1013

    async def scenario() -> None:
        server = LocalRealtimeServer(voice=voice, speed=50)
        async with server, asyncio.timeout(30), client_of(server) as other:
            await flood(server)
            await other.send("response.create")
            await other.until("response.done")

    asyncio.run(scenario())


def test_closing_the_server_tells_the_clients(voice: RecordedVoice) -> None:
    async def scenario() -> int | None:
        async with LocalRealtimeServer(voice=voice) as server:
            socket = await connect(server.url)
            await socket.recv()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        return socket.close_code

    assert asyncio.run(scenario()) == 1001


def test_an_expired_session_is_told_and_closed(voice: RecordedVoice) -> None:
    async def scenario() -> tuple[Event, int | None]:
        async with LocalRealtimeServer(voice=voice, session_limit=0.2) as server:
            socket = await connect(server.url)
            created, expired = parse(await socket.recv()), parse(await socket.recv())
            assert created["type"] == "session.created"
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        return expired, socket.close_code

    expired, close_code = asyncio.run(scenario())
    assert expired["error"]["code"] == "session_expired"
    assert close_code == 1001


class LoudnessRecogniser:
    """Understands how long the caller spoke."""

    async def recognise(self, samples: npt.NDArray[np.int16]) -> str:
        if samples.size < 8000:
            raise ValueError("too short")
        return f"{samples.size // 8000} s"


def test_a_recogniser_works_beside_the_session(voice: RecordedVoice) -> None:
    async def scenario() -> tuple[Event, Event]:
        server = LocalRealtimeServer(voice=voice, recogniser=LoudnessRecogniser())
        async with server, client_of(server) as client:
            session = {
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "t"}, "turn_detection": None}},
            }
            await client.send("session.update", session=session)
            await client.append(FIRST_UTTERANCE)
            await client.send("input_audio_buffer.commit")
            events = await client.until("conversation.item.input_audio_transcription.completed")
            await client.append(FIRST_UTTERANCE[:4000])
            await client.send("input_audio_buffer.commit")
            failures = await client.until("conversation.item.input_audio_transcription.failed")
            return events[-1], failures[-1]

    completed, failed = asyncio.run(scenario())
    assert completed["transcript"] == "3 s"
    assert completed["usage"] == {"type": "duration", "seconds": 3.0}
    assert failed["error"]["code"] == "recognition_failed"
