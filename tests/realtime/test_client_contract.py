"""The behaviours of the published client, against the embedded server: text and audio in turns ended by hand."""

import asyncio
import base64
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from gateway.errors import RealtimeError
from gateway.local_realtime import LocalRealtimeServer
from gateway.realtime import Provider, RealtimeAPI, RealtimeClient, RealtimeConversation
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import MANUAL, connected, next_event, record, until_taken
from voice_codecs import sine

HELLO = [{"type": "text", "text": "What are your hours?"}]
ANSWER = "I received your text message. Thank you."
Types = Callable[[], list[tuple[str, str]]]


@contextlib.asynccontextmanager
async def _talking() -> AsyncIterator[tuple[RealtimeClient, Types]]:
    """A client of the embedded server, and the sources and types of all events so far."""
    async with LocalRealtimeServer(first_delta_delay=0.0, speed=100.0) as server:
        client = RealtimeClient(Provider(server.url, "local"), MANUAL)
        seen = record(client, "realtime.event")
        await client.connect()
        try:
            yield client, lambda: [(event["source"], event["event"]["type"]) for _, event in seen]
        finally:
            await client.disconnect()


def test_client_is_made_of_a_socket_and_a_conversation_that_know_the_provider() -> None:
    provider = Provider("ws://127.0.0.1", "m", "sk-canary")
    client = RealtimeClient(provider)

    assert isinstance(client.realtime, RealtimeAPI)
    assert isinstance(client.conversation, RealtimeConversation)
    assert client.realtime.provider is provider
    assert client.get_turn_detection_type() == "server_vad"
    assert not client.is_connected()


def test_update_before_connecting_is_kept_for_the_connection_and_nothing_is_sent() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            seen = record(client, "realtime.event")
            await client.update_session(instructions="Be brief.", turn_detection=None)
            assert seen == []
            await client.connect()
            session = await server.session()
            assert session.config["instructions"] == "Be brief."
            assert session.config["audio"]["input"]["turn_detection"] is None
            assert len(session.events("session.update")) == 1
            await client.disconnect()
            assert server.faults == []

    run(scenario())


def test_session_is_created_then_configured_then_confirmed_and_only_then_is_the_client_connected() -> None:
    async def scenario() -> None:
        async with _talking() as (client, types):
            await client.wait_for_session_created()
            assert client.is_connected()
            assert client.is_ready
            assert client.session_id
            assert types() == [
                ("server", "session.created"),
                ("client", "session.update"),
                ("server", "session.updated"),
            ]

    run(scenario())


def test_text_message_is_two_client_events_in_order_sent_without_waiting_for_the_server() -> None:
    async def scenario() -> None:
        async with _talking() as (client, types):
            await client.send_user_message_content(HELLO)
            assert types()[3:] == [("client", "conversation.item.create"), ("client", "response.create")]

    run(scenario())


def test_text_conversation_is_appended_and_completed_item_by_item() -> None:
    async def scenario() -> None:
        async with _talking() as (client, _):
            items: asyncio.Queue[tuple[str, Any, str, str]] = asyncio.Queue()

            def put(name: str, event: dict[str, Any]) -> None:
                item = event["item"]
                items.put_nowait((name, item, item.status, item.formatted.text))

            for name in ("appended", "completed"):
                client.on(f"conversation.item.{name}", functools.partial(put, name))
            await client.send_user_message_content(HELLO)
            steps = [await items.get() for _ in range(4)]

            assert [(name, item.role, status) for name, item, status, _ in steps] == [
                ("appended", "user", "completed"),
                ("completed", "user", "completed"),
                ("appended", "assistant", "in_progress"),
                ("completed", "assistant", "completed"),
            ]
            assert [text for *_, text in steps] == ["What are your hours?"] * 2 + [""] * 2
            assert steps[3][1].formatted.transcript == ANSWER
            assert steps[3][1].formatted.audio_ms > 1000
            assert client.conversation.get_items() == [steps[0][1], steps[2][1]]

    run(scenario())


def test_next_item_and_next_completed_item_can_be_waited_for() -> None:
    async def scenario() -> None:
        async with _talking() as (client, _):
            waits = [
                asyncio.ensure_future(wait(5.0))
                for wait in (client.wait_for_next_item, client.wait_for_next_completed_item)
            ]
            await asyncio.sleep(0)
            await client.send_user_message_content(HELLO)
            appended, completed = await asyncio.gather(*waits)
            assert appended["item"] is completed["item"]
            assert appended["item"].formatted.text == "What are your hours?"

    run(scenario())


def test_waiting_for_an_item_ends_with_its_timeout_or_with_the_session() -> None:
    async def scenario() -> None:
        async with connected() as each:
            with pytest.raises(TimeoutError):
                await each.client.wait_for_next_item(0.001)
            with pytest.raises(TimeoutError):
                await each.client.wait_for_next_completed_item(0.001)
            waiting = asyncio.ensure_future(each.client.wait_for_next_item())
            await asyncio.sleep(0)
            await each.client.disconnect()
            with pytest.raises(ConnectionError):
                await waiting

    run(scenario())


def test_audio_message_of_floats_is_sent_as_base64_of_pcm16_and_answered() -> None:
    async def scenario() -> None:
        tone = sine(440.0, 1000, 24_000).astype(np.float32) / 32768
        content = [{"type": "input_audio", "audio": tone}]
        async with _talking() as (client, types):
            sent = record(client.realtime, "client.conversation.item.create")
            completed: asyncio.Queue[Any] = asyncio.Queue()
            client.on("conversation.item.completed", completed.put_nowait)
            await client.send_user_message_content(content)
            assert types()[3:] == [("client", "conversation.item.create"), ("client", "response.create")]
            user, answer = [(await completed.get())["item"] for _ in range(2)]
            assert (user.role, user.status, user.formatted.text) == ("user", "completed", "")
            assert answer.role == "assistant"
            assert answer.formatted.transcript
            (part,) = sent[0][1]["item"]["content"]
            assert part["type"] == "input_audio"
            assert len(base64.b64decode(part["audio"])) == 48_000
        assert content[0]["audio"] is tone

    run(scenario())


def test_audio_content_that_is_base64_already_passes_unchanged() -> None:
    async def scenario() -> None:
        written = base64.b64encode(bytes(4800)).decode()
        async with connected(MANUAL) as each:
            await each.client.send_user_message_content([{"type": "input_audio", "audio": written}])
            event = (await each.session.wait_for("conversation.item.create")).event
            assert event["item"]["content"] == [{"type": "input_audio", "audio": written}]
            await each.session.wait_for("response.create")

    run(scenario())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.int16)])
def test_audio_content_of_every_kind_is_the_same_on_the_wire(kind: Callable[[bytes], Any]) -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            part = {"type": "input_audio", "audio": kind(b"\x01\x02" * 2400)}
            await each.client.send_user_message_content([part])
            event = (await each.session.wait_for("conversation.item.create")).event
            assert base64.b64decode(event["item"]["content"][0]["audio"]) == b"\x01\x02" * 2400

    run(scenario())


def test_content_that_the_application_gave_is_not_changed() -> None:
    async def scenario() -> None:
        content = [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]
        async with connected() as each:
            await each.client.send_user_message_content(content)
            event = (await each.session.wait_for("conversation.item.create")).event
            assert [part["type"] for part in event["item"]["content"]] == ["input_text", "input_text"]
        assert [part["type"] for part in content] == ["text", "input_text"]

    run(scenario())


def test_message_without_content_only_asks_for_an_answer() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.send_user_message_content([])
            await each.session.wait_for("response.create")
            assert each.session.events("conversation.item.create") == []

    run(scenario())


def test_disconnecting_ends_the_session_forgets_the_conversation_and_may_be_followed_by_another() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "close", "session.restored")
            await each.client.send_user_message_content(HELLO)
            await until_taken(each.client, each.session)
            await each.client.disconnect()
            assert not each.client.is_connected()
            assert each.client.conversation.get_items() == []
            await each.client.disconnect()
            assert seen == [("close", {"code": "disconnected", "error": False})]
            await each.client.connect()
            session = await each.server.session()
            assert each.client.is_connected()
            assert session.items == []
            assert len(seen) == 1

    run(scenario())


def test_close_is_told_once_even_if_the_session_was_over_before_disconnecting() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "close")
            closed = asyncio.ensure_future(next_event(each.client, "close"))
            await asyncio.sleep(0)
            await each.session.close(1008)
            await closed
            await each.client.disconnect()
            assert seen == [("close", {"code": "closed_1008", "error": True})]

    run(scenario())


def test_session_that_is_not_open_cannot_be_waited_for_or_used() -> None:
    async def scenario() -> None:
        client = RealtimeClient(Provider("ws://127.0.0.1", "m"))
        for attempt in (
            client.wait_for_session_created(),
            client.create_response(),
            client.cancel_response(),
            client.delete_item("item_1"),
            client.send_user_message_content(HELLO),
        ):
            with pytest.raises(RealtimeError, match="not connected") as caught:
                await attempt
            assert caught.value.code == "not_connected"

    run(scenario())


def test_session_being_opened_can_be_waited_for() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(Behaviour(update_delay=0.05)) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            connecting = asyncio.ensure_future(client.connect())
            await asyncio.sleep(0)
            await client.wait_for_session_created()
            assert client.is_connected()
            await connecting
            await client.disconnect()

    run(scenario())
