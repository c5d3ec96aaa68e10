"""What goes wrong between the start message and the model's session ends one call, in words, and keeps no place taken."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from gateway.answering import Answering
from gateway.loadtest.place import Outcome, place_call
from gateway.realtime import RealtimeClient
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from tests.test_calls import ended_by, heard, scenario


def test_the_line_about_a_call_that_ended_says_which() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    with structlog.testing.capture_logs() as lines:
        scenario(script)
    (ended,) = [line for line in lines if line["event"] == "call ended"]
    assert ended["call_sid"].startswith("CA")
    assert ended["stream_sid"].startswith("MZ")


@pytest.mark.usefixtures("short_apology")
def test_a_call_that_cannot_be_joined_to_a_model_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no client can be made")

    async def call(at: Running) -> Outcome:
        async with asyncio.timeout(15):
            outcome = await place_call(at.caller(1.0), connect_to=at.address)
            await at.gateway.active_calls.wait_empty()
        assert at.gateway.active_calls.n_unauthenticated == 0
        assert ended_by(at) == ["bug"]
        return outcome

    async def whole() -> None:
        async with (
            FakeRealtimeServer(api_key="sk-test") as model,
            running(realtime_url=model.url, openai_api_key="sk-test") as at,
        ):
            monkeypatch.setattr(Answering, "take", broken)
            await call(at)

    run(whole())


def test_an_agent_that_the_provider_cannot_be_ends_the_call_with_an_apology(
    tmp_path: Path, short_apology: int
) -> None:
    path = tmp_path / "agents.toml"
    path.write_text(
        '[agents.default]\ninstructions = "x"\n[agents.default.turn_detection]\ntype = "semantic_vad"\n'
    )

    async def whole() -> bytes:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            settings = {"realtime_provider": "glm", "realtime_api_key": "sk-test", "realtime_url": model.url}
            async with running(**settings, agents_file=path) as at:
                caller = at.caller(1.0)
                await place_call(caller, connect_to=at.address)
                assert ended_by(at) == ["refused"]
                return heard(caller)

    assert len(run(whole())) / 8 == pytest.approx(short_apology, abs=50)


@pytest.mark.usefixtures("short_apology")
def test_model_that_refuses_is_said_to_refuse_though_the_caller_speaks_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(RealtimeClient):
        """Takes several frames of the caller's time to be disconnected."""

        async def disconnect(self) -> None:
            await asyncio.sleep(0.1)
            await super().disconnect()

    monkeypatch.setattr("gateway.answering.RealtimeClient", Slow)

    async def whole() -> list[str]:
        behaviour = Behaviour(output_format={"type": "audio/pcmu"}, update_delay=0.3)
        async with FakeRealtimeServer(behaviour) as model, running(realtime_url=model.url) as at:
            await place_call(at.caller(1.0), connect_to=at.address)
            return ended_by(at)

    assert run(whole()) == ["refused"]
