"""The caller's audio, turns ended by hand, and responses asked for."""

import asyncio
from typing import Any

import numpy as np
import pytest

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime import Provider, RealtimeClient, SessionConfig, dialogue
from gateway.realtime.live_session import MAX_TURN_MS
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import MANUAL, connected, next_event, record, until_handled, until_taken
from voice_codecs.formats import PCM16_24K, PCMU_8K

FRAME = b"\x01\x02" * 480


@pytest.mark.parametrize(
    "audio", [FRAME, bytearray(FRAME), memoryview(FRAME), np.frombuffer(FRAME, np.int16)]
)
def test_audio_of_every_kind_is_the_same_to_the_server(audio: Any) -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.append_input_audio(audio)
            await each.session.wait_for_audio(480)
            assert each.session.audio == FRAME

    run(scenario())


def test_floats_are_sent_as_pcm16_or_as_mu_law_as_the_session_takes_it() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            formats: dict[str, Any] = {"input_format": PCMU_8K, "output_format": PCMU_8K}
            client = RealtimeClient(Provider(server.url, "m", **formats))
            await client.connect()
            session = await server.session()
            await client.append_input_audio(np.zeros(160, np.float32))
            await session.wait_for_audio(160)
            assert set(session.audio) == {0xFF}
            await client.disconnect()
            assert server.faults == []

    run(scenario())


def test_empty_audio_is_not_sent_and_half_a_sample_is_refused() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.append_input_audio(b"")
            await each.client.append_input_audio(np.array([], np.float32))
            with pytest.raises(ValueError, match="half a sample"):
                await each.client.append_input_audio(b"\x00")
            with pytest.raises(TypeError):
                await each.client.append_input_audio("AAAA")  # type: ignore[arg-type]
            await until_taken(each.client, each.session)
            assert each.session.events("input_audio_buffer.append") == []

    run(scenario())


def test_audio_for_a_session_that_ended_for_good_is_an_error() -> None:
    async def scenario() -> None:
        async with connected() as each:
            closed = asyncio.ensure_future(next_event(each.client, "close"))
            await asyncio.sleep(0)
            await each.session.close(1008)
            await closed
            with pytest.raises(RealtimeError, match="not connected"):
                await each.client.append_input_audio(FRAME)
            with pytest.raises(RealtimeError):
                await each.client.create_response()
            await each.client.update_session(instructions="kept for the next one")

    run(scenario())


def test_audio_is_held_while_the_server_does_not_read_and_nothing_else_waits() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(receive_buffer=16 * 1024) as server:
            client = RealtimeClient(Provider(server.url, "m"))
            await client.connect()
            session = await server.session()
            session.stop_reading()
            second = bytes(48_000)
            while client.n_dropped_ms == 0:  # the buffers on the way are full, and 2 s are held
                client.append_input_audio_nowait(second)
                await asyncio.sleep(0)
            dropped_ms = client.n_dropped_ms
            session.thaw()
            await client.append_input_audio(second)
            await session.wait_for_audio(3 * 24_000)
            await until_taken(client, session)
            assert client.n_dropped_ms == dropped_ms
            assert client.n_sessions == 1
            await client.disconnect()
            assert server.faults == []

    run(scenario())


# Turns ended by hand


def test_asking_for_an_answer_commits_what_was_said_and_its_item_gets_the_audio() -> None:
    async def scenario() -> None:
        async with connected(MANUAL, keep_audio=True) as each:
            for _ in range(10):
                await each.client.append_input_audio(FRAME)
            await each.client.create_response()
            await each.session.wait_for("response.create")
            kinds = [received.event["type"] for received in each.session.received]
            assert kinds[-2:] == ["input_audio_buffer.commit", "response.create"]
            item = {"id": "u1", "type": "message", "role": "user", "status": "completed", "content": []}
            await each.session.send(
                {"type": "conversation.item.added", "previous_item_id": None, "item": item}
            )
            await until_handled(each.client, each.session)
            user = each.client.conversation.get_item("u1")
            assert user is not None
            assert user.formatted.audio == FRAME * 10

    run(scenario())


def test_each_turn_is_committed_once_and_too_short_a_turn_not_at_all() -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            for _ in range(5):
                await each.client.append_input_audio(FRAME)
            await each.client.create_response(instructions="a")
            await each.session.wait_for("response.create")
            await each.session.say("a1", FRAME, "Yes.")
            await until_handled(each.client, each.session)
            for _ in range(4):
                await each.client.append_input_audio(FRAME)
            await each.client.create_response(instructions="b")
            await each.session.wait_for("response.create")
            assert len(each.session.events("input_audio_buffer.commit")) == 1

    run(scenario())


def test_turn_that_the_server_detects_is_never_committed_by_us() -> None:
    async def scenario() -> None:
        async with connected() as each:
            for _ in range(10):
                await each.client.append_input_audio(FRAME)
            await each.client.create_response()
            await each.session.wait_for("response.create")
            assert each.session.events("input_audio_buffer.commit") == []

    run(scenario())


def test_tools_output_does_not_commit_what_the_caller_is_saying() -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            await each.client.add_tool({"name": "look_up"}, lambda _: "found")
            for _ in range(10):
                await each.client.append_input_audio(FRAME)
            await each.session.call_tool("call", "c1", "look_up", "{}")
            await each.session.wait_for("response.create")
            assert each.session.events("input_audio_buffer.commit") == []

    run(scenario())


def test_audio_kept_of_one_turn_is_bounded() -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            for _ in range(MAX_TURN_MS // 1000 + 3):
                await each.client.append_input_audio(bytes(48_000))
                await each.session.wait_for_audio(len(each.session.audio) // 2)
            await until_taken(each.client, each.session)
            each.session.drop()
            second = await each.server.session()
            await next_event(each.client, "session.restored")
            await until_taken(each.client, second)
            assert len(second.audio) == PCM16_24K.ms_to_bytes(MAX_TURN_MS)

    run(scenario())


# Responses


def test_response_has_its_own_parameters_and_a_plain_one_has_none() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response(instructions="Greet.", output_modalities=["text"])
            event = (await each.session.wait_for("response.create")).event
            assert event["response"] == {"instructions": "Greet.", "output_modalities": ["text"]}
            await each.session.say("a1", FRAME, "Hello.")
            await until_handled(each.client, each.session)
            await each.client.create_response()
            event = (await each.session.wait_for("response.create")).event
            assert set(event) == {"type", "event_id"}

    run(scenario())


def test_response_asked_for_while_another_is_active_waits_for_its_end() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response(instructions="a")
            await each.session.wait_for("response.create")
            await each.client.create_response(instructions="b")
            await each.session.begin("a1")
            await each.session.speak("a1", FRAME)
            await until_handled(each.client, each.session)
            assert len(each.session.events("response.create")) == 1
            await each.session.finish("a1", "Hello.")
            event = (await each.session.wait_for("response.create")).event
            assert event["response"]["instructions"] == "b"

    run(scenario())


@pytest.mark.parametrize("busy", [False, True])
def test_response_with_a_parameter_that_there_is_not_is_refused_at_once_even_if_it_would_wait(
    busy: bool,
) -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            if busy:
                await each.client.create_response()
                await each.session.wait_for("response.create")
                await each.session.begin("a1")
                await until_handled(each.client, each.session)
            for _ in range(10):
                await each.client.append_input_audio(FRAME)
            with pytest.raises(LocalProtocolError, match="temperature"):
                await each.client.create_response(temperature=0.8)
            if busy:
                await each.session.finish("a1", "Hello.")
            await until_handled(each.client, each.session)
            await until_taken(each.client, each.session)
            assert len(each.session.events("response.create")) == busy
            assert each.session.events("input_audio_buffer.commit") == []
            assert each.client.is_connected()

    run(scenario())


def test_response_outside_of_the_conversation_neither_waits_nor_is_waited_for() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.begin("a1")
            await until_handled(each.client, each.session)
            await each.client.create_response(conversation="none", instructions="Sum up.")
            event = (await each.session.wait_for("response.create")).event
            assert event["response"]["conversation"] == "none"
            await each.session.finish("a1", "Hello.")
            await until_handled(each.client, each.session)
            await each.client.create_response(instructions="next")
            event = (await each.session.wait_for("response.create")).event
            assert event["response"]["instructions"] == "next"

    run(scenario())


def test_text_typed_while_the_caller_speaks_is_answered_together_with_what_they_say() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.session.speech_started(0)
            await until_handled(each.client, each.session)
            await each.client.send_user_message_content([{"type": "text", "text": "By the way"}])
            await each.session.wait_for("conversation.item.create")
            assert each.session.events("response.create") == []
            await each.session.speech_stopped(500, "hello")
            await each.session.say("a1", FRAME, "Hello.")
            await each.session.wait_for("response.create")

    run(scenario())


def test_response_that_failed_at_the_server_is_asked_for_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "RETRY_AFTER", 0.02)

    async def scenario() -> None:
        async with connected(SessionConfig(), Behaviour()) as each:
            seen = record(each.client, "response.completed")
            for number in range(2):
                await each.client.create_response() if number == 0 else None
                await each.session.wait_for("response.create")
                await each.session.open_response(f"r{number}")
                await each.session.close_response("failed", error="server_error")
            await until_handled(each.client, each.session)
            await until_taken(each.client, each.session)
            assert [event["response"].status for _, event in seen] == ["failed", "failed"]
            assert len(each.session.events("response.create")) == 2

    run(scenario())
