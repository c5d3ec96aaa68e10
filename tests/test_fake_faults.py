"""How the fake realtime server misbehaves: session by session, in time, and on its socket."""

import asyncio
import contextlib
import json
import time

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fake_behaviour import Event
from tests.fake_client import APPEND, UPDATE, ask, event_of, opened
from tests.fakes import AZURE_PREVIEW, Behaviour, FakeRealtimeServer, Front
from tests.gateways import run


async def send_until_stuck(client: ClientConnection, text: str) -> int:
    """How often a message could be sent before sending took half a second."""
    for n_sent in range(1000):
        try:
            async with asyncio.timeout(0.5):
                await client.send(text)
        except TimeoutError:
            return n_sent
    return 1000


def test_each_handshake_meets_its_own_behaviour_and_later_ones_the_last() -> None:
    async def scenario() -> tuple[list[int | str], int]:
        met: list[int | str] = []
        behaviours = [
            Behaviour(),
            Behaviour(handshake_status=503, retry_after=7),
            Behaviour(handshake_status=429),
        ]
        async with FakeRealtimeServer(behaviours) as server:
            for _ in range(4):
                try:
                    async with connect(server.url + "?model=m"):
                        met.append("open")
                except InvalidStatus as exc:
                    met.append(exc.response.status_code)
                    met += exc.response.headers.get_all("Retry-After")
            assert server.faults == []
            assert server.attempts == sorted(server.attempts)
            return met, len(server.attempts)

    assert run(scenario()) == (["open", 503, "7", 429, 429], 4)


def test_a_session_expires_at_its_limit_while_a_second_one_goes_on() -> None:
    async def scenario() -> tuple[int | None, float]:
        async with FakeRealtimeServer([Behaviour(session_limit=0.2), Behaviour()]) as server:
            started = time.monotonic()
            async with connect(server.url + "?model=m") as first, connect(server.url + "?model=m") as second:
                session = (await event_of(first, "session.created"))["session"]
                assert 0 <= time.time() + 0.2 - session["expires_at"] < 2
                assert (await event_of(first, "error"))["error"]["code"] == "session_expired"
                with pytest.raises(ConnectionClosed) as raised:
                    await first.recv()
                lasted = time.monotonic() - started
                await second.send(json.dumps(UPDATE))
                await event_of(second, "session.updated")
            return raised.value.rcvd.code if raised.value.rcvd else None, lasted

    code, lasted = run(scenario())
    assert code == 1001
    assert 0.2 <= lasted < 2


def test_a_late_confirmation_leaves_audio_before_it_a_fault() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(Behaviour(update_delay=0.1)) as server:
            async with connect(server.url + "?model=m") as client:
                for event in (UPDATE, APPEND):
                    await client.send(json.dumps(event))
                await event_of(client, "session.updated")
                await client.send(json.dumps(APPEND))
                await (await server.session()).wait_for_audio(960)
            return server.faults

    assert run(scenario()) == ["audio before session.updated"]


def test_an_update_with_one_bad_field_changes_nothing_and_is_refused() -> None:
    async def scenario() -> tuple[list[Event], Event]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            bad = {"type": "realtime", "instructions": "other", "audio": {"input": {"rate": 1}}}
            answers = await ask(client, {**UPDATE, "event_id": "v", "session": bad})
            await client.close()
            assert server.faults == ["session.update has an unknown field session.audio.input.rate"]
            return answers, session.effective

    (answer,), effective = run(scenario())
    assert (answer["error"]["code"], answer["error"]["event_id"]) == ("unknown_parameter", "v")
    assert effective["instructions"] == UPDATE["session"]["instructions"]


@pytest.mark.parametrize(
    ("behaviour", "codes"), [(Behaviour(create_error="server_error"), ["server_error"]), (Behaviour(drops_created=True), [])]
)  # fmt: skip
def test_a_response_can_be_refused_or_never_come_and_be_asked_for_again(
    behaviour: Behaviour, codes: list[str]
) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(behaviour) as server:
            client, _ = await opened(server)
            again = await ask(client, *({"type": "response.create", "event_id": name} for name in "ab"))
            await client.close()
            assert server.faults == []
            return [answer["error"]["code"] for answer in again]

    assert run(scenario()) == codes * 2


def test_a_slow_handshake_is_late_and_forgotten_when_the_client_goes() -> None:
    async def scenario() -> tuple[float, int]:
        async with FakeRealtimeServer(
            [Behaviour(handshake_delay=60), Behaviour(handshake_delay=0.2)]
        ) as server:
            with pytest.raises(TimeoutError):
                await connect(server.url + "?model=m", open_timeout=0.05)
            asked = time.monotonic()
            async with connect(server.url + "?model=m"):
                waited = time.monotonic() - asked
            return waited, len(server.sessions)

    waited, n_sessions = run(scenario(), seconds=10)
    assert 0.2 <= waited < 2
    assert n_sessions == 1


def test_a_frozen_session_answers_nothing_until_it_thaws() -> None:
    async def scenario() -> int:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            session.freeze()
            pong = asyncio.ensure_future(await client.ping())
            await client.send(json.dumps({**UPDATE, "event_id": "v"}))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.recv()
            assert not pong.done()
            n_before = len(session.events("session.update"))
            session.thaw()
            await event_of(client, "session.updated")
            await pong
            await client.close()
            return n_before

    assert run(scenario()) == 1


def test_a_session_can_end_frozen() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            _, session = await opened(server)
            session.freeze()
            session.drop()
            await session.closed.wait()
            client, session = await opened(server)
            session.freeze()
            client.transport.abort()

    run(scenario(), seconds=5)


def test_a_session_that_does_not_read_stops_its_clients_writes_and_still_speaks() -> None:
    async def scenario() -> int:
        async with FakeRealtimeServer(receive_buffer=4096) as server:
            client, session = await opened(server)
            session.stop_reading()
            await session.say("item_1", bytes(9600), "still here")
            await event_of(client, "response.done")
            audio = json.dumps({**APPEND, "audio": "A" * 2**18})
            n_sent = await send_until_stuck(client, audio)
            assert session.audio == b""
            session.thaw()
            await session.wait_for_audio(n_sent * 98_304)
            client.transport.abort()
            return n_sent

    assert run(scenario()) < 100


def test_errors_come_in_a_flood() -> None:
    async def scenario() -> int:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.flood_errors(1000)
            answers = await ask(client)
            await client.close()
            return len(answers)

    assert run(scenario()) == 1000


PREVIEW = "?api-version=2025-04-01-preview&deployment=d"


@pytest.mark.parametrize(
    ("front", "query", "headers", "n_faults"),
    [
        (AZURE_PREVIEW, PREVIEW, {"api-key": "sk-1"}, 0),
        (AZURE_PREVIEW, "?api-version=2024-10-01-preview&deployment=d", {"api-key": "sk-1"}, 1),
        (AZURE_PREVIEW, PREVIEW + "&model=m", {"api-key": "sk-1"}, 1),
        (AZURE_PREVIEW, PREVIEW, {"Authorization": "Bearer sk-1"}, 2),
        (Front(), "?model=m&api-key=sk-1", {"Authorization": "Bearer sk-1"}, 1),
        (Front(), "?model=m", {"Authorization": "sk-1"}, 1),
        (Front(headers={"OpenAI-Beta": "realtime=v1"}), "?model=m", {"Authorization": "Bearer sk-1"}, 1),
        (Front("/v2", {}), "", {"Authorization": "Bearer sk-1"}, 0),
    ],
)
def test_a_handshake_must_ask_for_exactly_what_the_front_says(
    front: Front, query: str, headers: dict[str, str], n_faults: int
) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(front=front, api_key="sk-1") as server:
            with contextlib.suppress(InvalidStatus):
                async with connect(server.url + query, additional_headers=headers):
                    pass
            return server.faults

    assert len(run(scenario())) == n_faults
