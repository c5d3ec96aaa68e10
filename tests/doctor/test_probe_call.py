import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from gateway.doctor.check import Finding
from gateway.doctor.probe_call import check_call
from gateway.doctor.probe_identity import probe_identity
from gateway.doctor.probe_sound import CALL_MS, OwnPrompts, probe_recording
from gateway.local_realtime import LocalRealtimeServer
from tests.doctor.places import MODEL_KEY
from tests.doctor.test_webhook_probe import free_port
from tests.gateways import AUTH_TOKEN, Running, run, running_on


@contextlib.asynccontextmanager
async def gateway_with_model(**settings: Any) -> AsyncIterator[tuple[str, Running]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with LocalRealtimeServer(api_key=MODEL_KEY) as model:
        given = {"public_url": url, "realtime_url": model.url, "realtime_api_key": MODEL_KEY, **settings}
        async with running_on(port, **given) as at:
            yield url, at


def probed(**settings: Any) -> Finding:
    async def scenario() -> Finding:
        async with gateway_with_model(**settings) as (url, _):
            return await check_call(url, AUTH_TOKEN, None)

    return run(scenario())


def test_sound_goes_in_and_the_agents_voice_comes_back_and_the_log_knows_the_call_for_a_probe() -> None:
    with structlog.testing.capture_logs() as log:
        finding = probed()

    assert finding.outcome == "ok", finding.what
    assert "of the agent's voice back" in finding.what
    (probe,) = [line for line in log if line.get("probe")]
    (ended,) = [line for line in log if line["event"] == "call ended"]
    assert probe["call_sid"] == ended["call_sid"]
    assert CALL_MS - 100 <= ended["caller_ms"] <= CALL_MS + 3000


def test_a_gateway_whose_model_refuses_it_is_told_from_one_with_a_voice(short_apology: int) -> None:
    finding = probed(realtime_api_key="wrong")

    assert finding.outcome == "failed"
    assert "the gateway apologised" in finding.what


def test_a_full_gateway_keeps_its_last_place_for_a_caller() -> None:
    async def scenario() -> tuple[Finding, Finding]:
        async with gateway_with_model(max_calls=2) as (url, at):
            calls = at.gateway.active_calls
            assert isinstance(calls.admit("CA" + 32 * "1", time.monotonic()), str)
            full = await check_call(url, AUTH_TOKEN, None)
            calls.withdraw("CA" + 32 * "1")
            return full, await check_call(url, AUTH_TOKEN, None)

    full, free = run(scenario())

    assert full.outcome == "warning"
    assert "turned away" in full.what
    assert free.outcome == "ok"


def test_a_call_that_cannot_even_be_begun_tells_why() -> None:
    async def scenario() -> tuple[Finding, Finding]:
        async with gateway_with_model() as (url, _):
            return await check_call(url, "wrong", None), await check_call("http://127.0.0.1:1", "x", None)

    refused, nobody = run(scenario())

    assert (refused.outcome, refused.what) == ("failed", "the call failed: webhook-status")
    assert (nobody.outcome, nobody.what) == ("failed", "the call failed: webhook-unreachable")


def test_the_probe_says_its_words_in_two_seconds_and_comes_from_nobody() -> None:
    recording = probe_recording()
    (words,) = recording.utterances

    assert recording.duration_ms == CALL_MS
    assert 0 < words.start_ms < words.end_ms < CALL_MS - 300
    assert probe_identity("AC" + 32 * "a").from_number == "anonymous"
    assert probe_identity(None, "+15005550009").to_number == "+15005550009"


@pytest.mark.parametrize("n_bytes", [1, 800, 8680])
def test_the_gateways_own_prompts_and_beginnings_of_them_are_not_the_agent(n_bytes: int) -> None:
    prompts, one_moment = OwnPrompts(), probe_recording()
    words = one_moment.payload[8 * one_moment.utterances[0].start_ms :]

    assert prompts.agent_ms([words[:n_bytes]]) == 0
    assert prompts.agent_ms([words[:8680] + b"\x12" * 80]) == 10
    assert not prompts.is_apology([words])
