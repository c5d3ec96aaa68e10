"""RealtimeClient against real servers: the embedded one, and a strict fake."""

import asyncio
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.local_realtime import LocalRealtimeServer
from gateway.realtime import Provider, RealtimeClient, retry
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run


def test_text_is_answered_in_words_and_in_sound() -> None:
    async def scenario() -> tuple[str, int, list[str]]:
        async with LocalRealtimeServer(first_delta_delay=0.0, speed=100.0) as server:
            client = RealtimeClient(Provider(server.url, "local"))
            sources: list[str] = []
            client.on("realtime.event", lambda event: sources.append(event["source"]))
            completed: asyncio.Queue[Any] = asyncio.Queue()
            client.on("conversation.item.completed", completed.put)
            await client.connect()
            await client.send_user_message_content([{"type": "text", "text": "What are your hours?"}])
            items = [(await completed.get())["item"] for _ in range(2)]
            await client.disconnect()
        assert items[0].role == "user"
        assert items[0].formatted.text == "What are your hours?"
        return items[1].formatted.transcript, items[1].formatted.audio_ms, sources

    transcript, audio_ms, sources = run(scenario())
    assert transcript == "I received your text message. Thank you."
    assert audio_ms > 1000
    assert {"client", "server"} == set(sources)


def test_audio_given_before_the_session_is_confirmed_is_held_and_sent_then() -> None:
    async def scenario() -> tuple[list[str], int]:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            for _ in range(150):
                await client.append_input_audio(bytes(960))  # 3 s, of which the first is too old
            await client.connect()
            session = await server.session()
            await session.wait_for_audio(2 * 24_000)
            await client.disconnect()
            return server.faults, client.n_dropped_ms

    assert run(scenario()) == ([], 1000)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Behaviour(handshake_status=401), "invalid_api_key"),
        (Behaviour(handshake_status=503), "unavailable"),
        (Behaviour(handshake_status=302, location="ws://127.0.0.1:9/"), "redirect"),
        (Behaviour(update_error="unknown_parameter"), "unknown_parameter"),
        (Behaviour(output_format={"type": "audio/pcmu"}), "wrong_audio_format"),
    ],
)
def test_session_that_cannot_be_had_is_an_error_with_the_servers_word_for_it(
    behaviour: Behaviour, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "DELAYS", (0.0, 0.01, 0.01))

    async def scenario() -> bool:
        async with FakeRealtimeServer(behaviour) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            with pytest.raises(RealtimeError) as caught:
                await client.connect()
            assert caught.value.code == code
            return client.is_connected()

    assert run(scenario()) is False


def test_connecting_twice_is_our_own_mistake_and_sending_when_closed_is_an_error() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            await client.connect()
            with pytest.raises(LocalProtocolError):
                await client.connect()
            await client.disconnect()
            await client.disconnect()
            with pytest.raises(RealtimeError):
                await client.create_response()

    run(scenario())


def test_session_that_ends_for_good_is_told_with_its_code() -> None:
    async def scenario() -> dict[str, Any]:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            await client.connect()
            session = await server.session()
            waiting = asyncio.ensure_future(client.wait_for_next("close", timeout=5))
            await asyncio.sleep(0)
            await session.close(1008)
            event: dict[str, Any] = await waiting
            assert not client.is_connected()
            await client.disconnect()
            return event

    event = run(scenario())
    assert (event["code"], event["error"]) == ("closed_1008", True)
