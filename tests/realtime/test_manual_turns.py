"""Turns that the application ends, over lost sessions, and before servers that are slow to take them."""

import asyncio
import base64

import pytest

from gateway.realtime import SessionConfig, leg, live_session
from gateway.realtime.session_fields import ServerVad
from tests.fakes import FakeSession
from tests.gateways import run
from tests.realtime.clients import MANUAL, record, until_taken
from tests.realtime.recoveries import SECOND, Ticks, lose, sessions, upcoming

FIRST, SECOND_PART = b"\x01\x02" * 4800, b"\x03\x04" * 4800
FILE = b"".join(number.to_bytes(2, "little") * 24_000 for number in range(1, 301))
"""300 s: more than the socket buffers of any machine hold."""


def _appended_before_the_commit(session: FakeSession) -> bytes:
    """The audio of the first turn, of which there must have been a commit."""
    kinds = [received.event["type"] for received in session.received]
    turn = session.received[: kinds.index("input_audio_buffer.commit")]
    audio = [r.event["audio"] for r in turn if r.event["type"] == "input_audio_buffer.append"]
    return b"".join(base64.b64decode(each) for each in audio)


def test_audio_that_was_not_committed_survives_a_loss_and_is_committed_whole() -> None:
    async def scenario() -> None:
        async with sessions(config=MANUAL) as (client, server, session):
            await client.append_input_audio(FIRST)
            await session.wait_for_audio(4800)
            second = await lose(client, server, session)
            await client.append_input_audio(SECOND_PART)
            await client.create_response()
            await second.wait_for("response.create")
            assert _appended_before_the_commit(second) == FIRST + SECOND_PART
            assert len(second.events("input_audio_buffer.commit")) == 1
            third = await lose(client, server, second)
            await until_taken(client, third)
            assert not third.audio

    run(scenario())


def test_session_is_not_exchanged_in_the_middle_of_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "ROTATE_AT", 0.0)
    ticks = Ticks(monkeypatch)

    async def scenario() -> None:
        async with sessions(config=MANUAL) as (client, server, session):
            await client.append_input_audio(FIRST)
            await ticks.some()
            assert len(server.attempts) == 1
            restored = upcoming(client, "session.restored")
            await client.create_response()
            await session.wait_for("response.create")
            await session.say("item_a", SECOND, "Hello.")
            await restored
            second = await server.session()
            assert second.history_text() == "assistant: Hello."
            assert not second.audio

    run(scenario())


def test_turn_whose_end_the_server_is_to_find_from_now_on_is_not_ours_any_more() -> None:
    async def scenario() -> None:
        async with sessions(config=MANUAL) as (client, server, session):
            await client.append_input_audio(FIRST)
            await client.update_session(turn_detection=ServerVad())
            await until_taken(client, session)
            second = await lose(client, server, session)
            await until_taken(client, second)
            assert not second.audio

    run(scenario())


@pytest.mark.parametrize("config", [MANUAL, SessionConfig()], ids=["manual", "detected"])
def test_long_file_is_sent_as_fast_as_a_slow_server_takes_it_and_nothing_is_lost(
    config: SessionConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "STALL_TIMEOUT", 60.0)

    async def scenario() -> None:
        async with sessions(config=config, receive_buffer=4096) as (client, _, session):
            session.stop_reading()

            async def send_file() -> None:
                for start in range(0, len(FILE), 48_000):
                    await client.append_input_audio(FILE[start : start + 48_000])

            sending = asyncio.create_task(send_file())
            await asyncio.wait([sending], timeout=0.2)
            assert not sending.done()
            session.thaw()
            await sending
            await session.wait_for_audio(len(FILE) // 2)
            assert session.audio == FILE
            assert client.n_dropped_ms == 0

    run(scenario())


@pytest.mark.parametrize("loses", [False, True], ids=["slow", "lost"])
def test_commit_does_not_overtake_audio_that_is_held(loses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_session, "STALL_TIMEOUT", 60.0)

    async def scenario() -> None:
        async with sessions(config=MANUAL, receive_buffer=4096) as (client, server, session):
            sent = record(client.realtime, "client.input_audio_buffer.append")
            session.stop_reading()
            n_appended = 0
            while n_appended == len(sent):  # once it is held, it is not sent
                client.append_input_audio_nowait(SECOND)
                n_appended += 1
                await asyncio.sleep(0)
            answering = asyncio.create_task(client.create_response())
            await asyncio.wait([answering], timeout=0.05)
            assert not answering.done()
            if not loses:
                session.thaw()
            taker = await lose(client, server, session) if loses else session
            await answering
            await taker.wait_for("response.create")
            assert len(_appended_before_the_commit(taker)) == n_appended * len(SECOND)
            assert client.n_dropped_ms == 0

    run(scenario())
