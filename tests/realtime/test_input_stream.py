"""InputStream over a real socket."""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Any

from gateway.realtime import RealtimeAPI
from gateway.realtime.input_stream import InputStream
from tests.fakes import FakeSession
from tests.gateways import run
from tests.realtime.clients import opened_api
from voice_codecs.formats import PCM16_24K

FRAMES = [bytes([number]) * 960 for number in range(1, 6)]


def _with_stream(scenario: Callable[[InputStream, RealtimeAPI, FakeSession, list[bytes]], Any]) -> None:
    async def opened() -> None:
        async with opened_api() as (api, _, session):
            sent: list[bytes] = []
            await scenario(InputStream(api, PCM16_24K, sent.append), api, session, sent)

    run(opened())


async def _received(session: FakeSession, n_frames: int) -> list[bytes]:
    await session.wait_for_audio(n_frames * 480)
    return [base64.b64decode(each.event["audio"]) for each in session.events("input_audio_buffer.append")]


def test_open_stream_sends_each_chunk_at_once_and_tells_of_it() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, session: FakeSession, sent: list[bytes]) -> None:
        stream.open()
        stream.append(FRAMES[0])
        assert sent == FRAMES[:1]
        assert await _received(session, 1) == FRAMES[:1]

    _with_stream(scenario)


def test_audio_held_before_the_stream_opened_goes_first() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, session: FakeSession, sent: list[bytes]) -> None:
        stream.append(FRAMES[0])
        stream.append(FRAMES[1])
        assert sent == []
        stream.open()
        stream.append(FRAMES[2])
        assert await _received(session, 3) == FRAMES[:3]

    _with_stream(scenario)


def test_closed_stream_holds_what_comes_until_it_opens_again() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, session: FakeSession, sent: list[bytes]) -> None:
        stream.open()
        stream.close()
        stream.append(FRAMES[0])
        assert sent == []
        stream.open()
        assert await _received(session, 1) == FRAMES[:1]

    _with_stream(scenario)


def test_audio_is_held_while_the_server_does_not_keep_up_and_the_time_is_told() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, session: FakeSession, sent: list[bytes]) -> None:
        stream.open()
        assert stream.congested_for(time.monotonic()) == 0.0
        stream.writing_paused(True)
        stream.append(FRAMES[0])
        assert sent == []
        assert 10.0 <= stream.congested_for(time.monotonic() + 10.0) < 11.0
        stream.writing_paused(False)
        assert sent == FRAMES[:1]
        assert stream.congested_for(time.monotonic()) == 0.0
        assert await _received(session, 1) == FRAMES[:1]

    _with_stream(scenario)


def test_server_that_keeps_up_again_after_the_stream_closed_is_sent_nothing() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, __: FakeSession, sent: list[bytes]) -> None:
        stream.open()
        stream.writing_paused(True)
        stream.append(FRAMES[0])
        stream.close()
        stream.writing_paused(False)
        assert sent == []

    _with_stream(scenario)


def test_chunks_that_a_closing_socket_does_not_take_are_held_in_order() -> None:
    async def scenario(stream: InputStream, api: RealtimeAPI, _: FakeSession, sent: list[bytes]) -> None:
        stream.append(FRAMES[0])
        await api.disconnect()
        stream.open()
        stream.append(FRAMES[1])
        assert sent == []
        await api.connect()
        stream.open()
        assert sent == FRAMES[:2]
        assert stream.n_dropped_ms == 0

    _with_stream(scenario)


def test_audio_that_is_given_up_is_counted() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, __: FakeSession, sent: list[bytes]) -> None:
        stream.append(FRAMES[0])
        stream.clear()
        stream.open()
        assert sent == []
        assert stream.n_dropped_ms == 20

    _with_stream(scenario)


def test_stream_that_was_closed_while_the_server_did_not_keep_up_flows_when_it_opens_again() -> None:
    async def scenario(stream: InputStream, _: RealtimeAPI, session: FakeSession, sent: list[bytes]) -> None:
        stream.open()
        stream.writing_paused(paused=True)
        waiting = asyncio.create_task(stream.flowing())
        await asyncio.sleep(0)
        assert not waiting.done()
        stream.close()
        await waiting
        stream.open()
        await stream.flowing()
        stream.append(FRAMES[0])
        assert sent == FRAMES[:1]

    _with_stream(scenario)
