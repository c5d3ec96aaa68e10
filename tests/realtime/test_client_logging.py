"""What must never reach a log: keys, audio, instructions."""

import asyncio
import base64
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.errors import RealtimeError
from gateway.realtime import Provider, RealtimeClient, SessionConfig
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import next_event, until_handled

KEY = "sk-canary-0123456789"
INSTRUCTIONS = "The caller is called Canary."
SPOKEN = b"\x11\x22" * 480
HEARD = b"\x33\x44" * 480


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that is logged from DEBUG on by this side, by the standard library and by structlog, as text."""
    written: list[str] = []

    class Written(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name not in {"websockets.server", "asyncio"}:  # the fake's own socket
                written.append(f"{record.name} {record.getMessage()} {record.__dict__}")

    def write(_: object, __: str, event: structlog.types.EventDict) -> str:
        written.append(f"structlog {event!r}")
        raise structlog.DropEvent

    handler = Written(level=logging.DEBUG)
    former = structlog.get_config()
    logging.getLogger().addHandler(handler)
    structlog.configure(
        processors=[write], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
    )
    with caplog.at_level(logging.DEBUG):
        yield written
    structlog.configure(**former)
    logging.getLogger().removeHandler(handler)


def _forbidden(records: list[str]) -> list[str]:
    audio = [base64.b64encode(sound)[:16].decode() for sound in (SPOKEN, HEARD)]
    secrets = [KEY, INSTRUCTIONS, *audio, repr(SPOKEN[:8])[2:-1], repr(HEARD[:8])[2:-1]]
    return [record[:300] for record in records if any(secret in record for secret in secrets)]


def test_key_audio_and_instructions_of_a_session_are_not_logged_even_at_debug(records: list[str]) -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(api_key=KEY) as server:
            config = SessionConfig(instructions=INSTRUCTIONS)
            client = RealtimeClient(Provider(server.url, "m", KEY), config)
            await client.connect()
            session = await server.session()
            await client.append_input_audio(SPOKEN)
            await session.wait_for_audio(480)
            await client.create_response(instructions=INSTRUCTIONS)
            await session.wait_for("response.create")
            await session.say("a1", HEARD, "Hello.")
            await session.send_raw('{"type": "error", "error": "' + INSTRUCTIONS)
            await session.error("some_code", INSTRUCTIONS)
            await until_handled(client, session)
            closed = asyncio.ensure_future(next_event(client, "close"))
            await asyncio.sleep(0)
            await session.close(1008, INSTRUCTIONS)
            await closed
            await client.disconnect()
            assert server.faults == []

    run(scenario())
    assert any("model error" in record for record in records)
    assert any("malformed server event" in record for record in records)
    assert _forbidden(records) == []


@pytest.mark.parametrize("status", [401, 302, 503])
def test_key_of_a_handshake_that_is_refused_is_neither_logged_nor_in_the_error(
    records: list[str], status: int
) -> None:
    async def scenario() -> BaseException:
        refusal = Behaviour(handshake_status=status, location="ws://127.0.0.1:9/")
        async with FakeRealtimeServer([refusal, Behaviour(handshake_status=401)]) as server:
            client = RealtimeClient(Provider(server.url, "m", KEY))
            with pytest.raises(RealtimeError) as caught:
                await client.connect()
            return caught.value

    failure = run(scenario())
    logging.getLogger("test").error("connecting failed", exc_info=failure)
    structlog.get_logger().error("connecting failed", exc_info=failure)
    assert len(records) >= 2
    assert KEY not in f"{failure!r} {failure}"
    assert _forbidden(records) == []


def test_library_would_log_the_key_if_it_were_let(
    records: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.realtime.connection._quiet_log", logging.getLogger("websockets.client"))

    async def scenario() -> None:
        async with FakeRealtimeServer(api_key=KEY) as server:
            client = RealtimeClient(Provider(server.url, "m", KEY))
            await client.connect()
            await client.disconnect()

    run(scenario())
    assert _forbidden(records) != []
