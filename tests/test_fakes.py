import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.errors import RealtimeError
from gateway.realtime import Provider, RealtimeClient
from tests.fake_client import APPEND, OFFICIAL, UPDATE, event_of, opened
from tests.fakes import Behaviour, FakeRealtimeServer, response_id
from tests.gateways import run

SECOND = bytes(48_000)


def client_of(server: FakeRealtimeServer, api_key: str | None = None) -> RealtimeClient:
    return RealtimeClient(Provider(server.url, "gpt-realtime-2.1", api_key))


def test_a_client_that_keeps_the_rules_has_no_faults() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(api_key="sk-1") as server:
            client = client_of(server, "sk-1")
            await client.connect()
            session = await server.session()
            client.append_input_audio_nowait(bytes(960))
            await session.wait_for_audio(480)
            await session.say("item_1", SECOND, "One second")
            await client.wait_for_next("conversation.item.completed", 5)
            client.truncate_item_nowait("item_1", 1000)
            await session.wait_for("conversation.item.truncate")
            await client.send_user_message_content([{"type": "text", "text": "hello"}])
            await session.wait_for("response.create")
            await client.disconnect()

            assert server.faults == []
            assert session.received == sorted(session.received, key=lambda received: received.at)

    run(scenario())


def test_what_the_server_says_is_official_and_in_order() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.say("item_1", SECOND, "One second", delta_ms=400)
            await session.speech_started(0)
            await session.speech_stopped(900, "what the caller said")
            await session.error("some_code", "in some words")
            await session.close()
            events = [json.loads(text) async for text in client]
            for event in events:
                OFFICIAL["ga"].validate_python(event)
            return [event["type"] for event in events]

    assert run(scenario()) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        *["response.output_audio.delta"] * 3,
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "error",
    ]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([{"type": "session.updated"}], "not a client event"),
        ([{"audio": ""}], "not a client event"),
        ([{"type": "conversation.item.truncate", "item_id": "item_1"}], "not a client event"),
        ([{**APPEND, "audio": "AAAA"}], "not whole samples"),
        ([{**APPEND, "audio": ""}], "empty"),
        ([{**APPEND, "audio": "!"}], "not base64"),
        ([{**APPEND, "rate": 8000}], "unknown field rate"),
        ([{**APPEND, "event_id": "u"}], "used twice"),
        ([{**UPDATE, "event_id": "v", "session": {"type": "realtime", "temperature": 1}}], "temperature"),
        ([{"type": "response.create"}, {"type": "response.create"}], "while a response is active"),
        ([{"type": "conversation.item.delete", "item_id": "item_9"}], "unknown item item_9"),
    ],
)
def test_what_a_client_may_not_send_is_a_fault(events: list[dict[str, Any]], fault: str) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            for event in [*events, {"type": "input_audio_buffer.clear"}]:
                await client.send(json.dumps(event))
            await session.wait_for("input_audio_buffer.clear")
            await client.close()
            return server.faults

    (found,) = run(scenario())
    assert fault in found


@pytest.mark.parametrize(
    ("item_id", "end_ms", "is_fault"),
    [("item_1", 0, False), ("item_1", 1000, False), ("item_1", 1001, True), ("item_2", 0, True)],
)
def test_an_item_can_be_truncated_within_its_audio_only(item_id: str, end_ms: int, is_fault: bool) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.say("item_1", SECOND, "One second")
            place = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
            await client.send(json.dumps({"type": "conversation.item.truncate", **place}))
            await event_of(client, "error" if is_fault else "conversation.item.truncated")
            await client.close()
            return server.faults

    assert bool(run(scenario())) is is_fault


def test_a_second_truncation_is_measured_against_what_the_first_left() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.say("item_1", SECOND, "One second")
            for end_ms in (400, 600):
                place = {"item_id": "item_1", "content_index": 0, "audio_end_ms": end_ms}
                await client.send(json.dumps({"type": "conversation.item.truncate", **place}))
            await event_of(client, "error")
            await client.close()
            return server.faults

    assert "400ms is already shorter than 600ms" in run(scenario())[0]


def test_audio_before_the_session_is_confirmed_is_a_fault() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            async with connect(server.url + "?model=m") as client:
                await client.send(json.dumps(APPEND))
                session = await server.session()
                await session.wait_for_audio(480)
            return server.faults

    assert run(scenario()) == ["audio before session.updated"]


@pytest.mark.parametrize("message", ["{", "[]", b"\x00", '{"type": []}'])
def test_what_is_no_event_is_a_fault_and_the_session_goes_on(message: str | bytes) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await client.send(message)
            await client.send(json.dumps(APPEND))
            await session.wait_for_audio(480)
            await client.close()
            return server.faults

    assert len(run(scenario())) == 1


def test_a_response_is_interrupted_as_the_client_asked() -> None:
    async def scenario(interrupts: bool) -> dict[str, Any] | None:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            session.config["audio"]["input"]["turn_detection"]["interrupt_response"] = interrupts
            await session.begin("item_1")
            await session.speak("item_1", SECOND)
            await session.speech_started(0)
            await session.close()
            events = [json.loads(text) async for text in client]
            return next((event["response"] for event in events if event["type"] == "response.done"), None)

    interrupted = run(scenario(interrupts=True))

    assert interrupted is not None
    assert interrupted["status"] == "cancelled"
    assert run(scenario(interrupts=False)) is None


def test_cancelling_ends_the_active_response_and_is_harmless_otherwise() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.begin("item_1")
            await client.send(json.dumps({"type": "response.cancel", "response_id": response_id("item_1")}))
            assert (await event_of(client, "response.done"))["response"]["status"] == "cancelled"
            await client.send(json.dumps({"type": "response.cancel"}))
            assert (await event_of(client, "error"))["error"]["code"] == "response_cancel_not_active"
            await client.close()
            return server.faults

    assert run(scenario()) == []


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer sk-2"}])
def test_a_missing_or_wrong_key_is_refused_and_a_fault(given: dict[str, str]) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(api_key="sk-1") as server:
            with pytest.raises(InvalidStatus):
                await connect(server.url + "?model=m", additional_headers=given)
            return server.faults

    assert run(scenario()) == ["a missing or wrong Authorization header"]


@pytest.mark.parametrize(
    ("query", "headers", "fault"),
    [("", {}, "no session at"), ("?model=m", {"OpenAI-Beta": "realtime=v1"}, "an OpenAI-Beta header")],
)
def test_a_handshake_that_asks_for_the_wrong_thing_is_a_fault(
    query: str, headers: dict[str, str], fault: str
) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            async with connect(server.url + query, additional_headers=headers):
                pass
            return server.faults

    (found,) = run(scenario())
    assert fault in found


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Behaviour(handshake_status=401), "invalid_api_key"),
        (Behaviour(handshake_status=302, location="ws://127.0.0.1:1/"), "redirect"),
        (Behaviour(update_error="unknown_parameter"), "unknown_parameter"),
        (Behaviour(output_format={"type": "audio/pcmu"}), "wrong_audio_format"),
    ],
)
def test_a_server_that_refuses_is_noticed_by_the_client(behaviour: Behaviour, code: str) -> None:
    async def scenario() -> str:
        async with FakeRealtimeServer(behaviour) as server:
            with pytest.raises(RealtimeError) as raised:
                await client_of(server).connect()
            assert server.faults == []
            return str(raised.value.code)

    assert run(scenario()) == code


def test_a_greeting_glued_to_the_handshake_comes_once_and_opens_the_session() -> None:
    async def scenario() -> int:
        async with FakeRealtimeServer(Behaviour(glued=True)) as server:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(
                b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            first = await reader.read(65_536)
            writer.close()
            await writer.wait_closed()
            client = client_of(server)
            await client.connect()
            await client.disconnect()
            assert server.faults == []
            return first.count(b"session.created")

    assert run(scenario()) == 1


@pytest.mark.parametrize(
    ("behaviour", "heard"),
    [
        (Behaviour(greets=False, confirms=False), []),
        (Behaviour(greets=False), ["session.updated"]),
        (Behaviour(confirms=False), ["session.created"]),
    ],
)
def test_a_server_can_leave_its_client_without_an_answer(behaviour: Behaviour, heard: list[str]) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(behaviour) as server:
            client = await connect(server.url + "?model=m")
            session = await server.session()
            await client.send(json.dumps(UPDATE))
            await session.wait_for("session.update")
            await session.close()
            return [json.loads(text)["type"] async for text in client]

    assert run(scenario()) == heard


@pytest.mark.parametrize("ends", ["close", "drop"])
def test_a_session_can_be_closed_with_a_code_or_cut_off(ends: str) -> None:
    async def scenario() -> int | None:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            if ends == "close":
                await session.close(4000, "beta")
            else:
                session.drop()
            with pytest.raises(ConnectionClosed) as raised:
                await client.recv()
            await session.closed.wait()
            return raised.value.rcvd.code if raised.value.rcvd else None

    assert run(scenario()) == (4000 if ends == "close" else None)


def test_waiting_returns_each_event_once_in_order() -> None:
    async def scenario() -> list[Any]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            for name in ("a", "b"):
                await client.send(json.dumps({**APPEND, "event_id": name}))
            events = [(await session.wait_for(APPEND["type"])).event["event_id"] for _ in range(2)]
            await client.close()
            return events

    assert run(scenario()) == ["a", "b"]
