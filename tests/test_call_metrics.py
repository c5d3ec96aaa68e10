"""What whole calls leave in the metrics."""

import asyncio

import aiohttp
import pytest

from gateway.call_report import CallReport
from gateway.feed import Feed
from gateway.metrics import Metrics
from gateway.prices import price_of
from gateway.realtime.event_parts import CachedTokens, InputTokens, OutputTokens, Usage
from gateway.realtime.events import ResponseDone, ResponseState
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import Running, run, running
from tests.test_calls import call, tone
from tests.web.test_webhooks import FIELDS, post

USAGE = Usage(
    total_tokens=1_250_000,
    input_tokens=1_000_000,
    output_tokens=250_000,
    input_token_details=InputTokens(
        audio_tokens=1_000_000,
        cached_tokens=100_000,
        cached_tokens_details=CachedTokens(audio_tokens=100_000),
    ),
    output_token_details=OutputTokens(text_tokens=50_000, audio_tokens=200_000),
)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def interrupted(seconds: float) -> Metrics:
    """A call in which the agent answers once and is interrupted."""

    async def script(session: FakeSession) -> None:
        await session.wait_for_audio(24_000)
        await session.speech_started(100, item_id="item_q")
        await session.speech_stopped(900, "Hello?", item_id="item_q")
        await session.begin("item_a")
        for _ in range(10):
            await session.speak("item_a", tone(200))
        await asyncio.sleep(0.8)
        await session.speech_started(1500, item_id="item_b")
        await asyncio.sleep(0.2)

    async def whole() -> Metrics:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            async with running(realtime_url=model.url, openai_api_key="sk-test") as at:
                await call(at, model, script, seconds)
                await at.gateway.active_calls.wait_empty()
            assert model.faults == []
            return at.gateway.metrics

    return run(whole())


def test_call_is_timed_from_the_webhook_to_the_last_mark() -> None:
    metrics = interrupted(2.5)

    for until in ("stream", "ready", "heard"):
        assert value(metrics, "gateway_setup_seconds_count", until=until) == 1
        assert 0 < value(metrics, "gateway_setup_seconds_sum", until=until) < 3
    assert value(metrics, "gateway_turn_latency_seconds_count") == 1
    assert value(metrics, "gateway_turn_latency_seconds_sum") < 0.5  # he hums on, so his last sample is late
    assert value(metrics, "gateway_barge_in_stop_seconds_count") == 1
    assert 0.5 < value(metrics, "gateway_barge_in_stop_seconds_sum") < 1.5
    assert value(metrics, "gateway_carrier_buffer_seconds_count") == 9
    assert value(metrics, "gateway_mark_round_trip_seconds_count") >= 3
    assert value(metrics, "gateway_mark_round_trip_seconds_sum") < 0.5


def test_tokens_are_counted_by_kind_and_cost_money_where_the_price_is_known() -> None:
    metrics, report = Metrics(), {}
    for model in ("gpt-realtime", "mine"):
        report[model] = CallReport(Feed(), metrics)
        report[model].prices = price_of(model)
        report[model].model_event(ResponseDone(ResponseState("resp_1", usage=USAGE)), 1.0)

    tokens = "gateway_model_tokens_total"
    assert value(metrics, tokens, direction="input", kind="audio") == 2_000_000
    assert value(metrics, tokens, direction="cached", kind="audio") == 200_000
    assert value(metrics, tokens, direction="output", kind="text") == 100_000
    assert value(metrics, tokens, direction="output", kind="audio") == 400_000
    dollars = (0.9 * 32) + (0.1 * 0.4) + (0.05 * 16) + (0.2 * 64)
    assert value(metrics, "gateway_model_cost_dollars_total") == pytest.approx(dollars)


def test_tokens_of_whole_calls_are_counted() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_a", tone(100), "Hello.")

    async def whole() -> Metrics:
        async with FakeRealtimeServer() as model, running(realtime_url=model.url) as at:
            await call(at, model, script, 1.0)
            await at.gateway.active_calls.wait_empty()
            return at.gateway.metrics

    metrics = run(whole())

    assert value(metrics, "gateway_model_tokens_total", direction="input", kind="other") == 20
    assert value(metrics, "gateway_model_tokens_total", direction="output", kind="other") == 10
    assert value(metrics, "gateway_model_cost_dollars_total") > 0


def test_session_that_is_replaced_is_counted_as_restored() -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        session.drop()

    async def whole() -> Metrics:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            async with running(realtime_url=model.url, openai_api_key="sk-test") as at:
                await call(at, model, script, 2.0)
                await at.gateway.active_calls.wait_empty()
            return at.gateway.metrics

    metrics = run(whole())

    assert value(metrics, "gateway_model_reconnects_total", outcome="restored") == 1
    assert value(metrics, "gateway_model_gap_seconds_count") == 1


def test_session_that_cannot_be_replaced_is_counted_as_failed(short_apology: int) -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        session.drop()

    async def whole() -> Metrics:
        behaviours = [Behaviour(), Behaviour(handshake_status=401)]
        async with FakeRealtimeServer(behaviours, api_key="sk-test") as model:
            async with running(realtime_url=model.url, openai_api_key="sk-test") as at:
                await call(at, model, script, 4.0)
                await at.gateway.active_calls.wait_empty()
            return at.gateway.metrics

    metrics = run(whole())

    assert short_apology > 0
    assert value(metrics, "gateway_model_reconnects_total", outcome="failed") == 1


def test_limit_and_drain_can_be_seen() -> None:
    async def scenario() -> list[float]:
        async with running(max_calls=7) as at:
            metrics = at.gateway.metrics
            seen = [value(metrics, "gateway_calls_limit"), value(metrics, "gateway_draining")]
            at.gateway.active_calls.draining = True
            return [*seen, value(metrics, "gateway_draining")]

    assert run(scenario()) == [7.0, 0.0, 1.0]


def test_refused_webhooks_and_handshakes_are_counted() -> None:
    async def scenario() -> tuple[float, float]:
        async with running() as at, aiohttp.ClientSession() as http:
            await post(at, "/twilio/voice", FIELDS, signature=None)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(f"http://127.0.0.1:{at.port}/twilio/media")
            counted = at.gateway.metrics
            name = "gateway_refused_requests_total"
            return value(counted, name, what="webhook"), value(counted, name, what="media-stream")

    assert run(scenario()) == (1.0, 1.0)


async def statuses(at: Running, *headers: dict[str, str]) -> list[int]:
    """Ask for the metrics from this machine, with these headers each."""
    async with aiohttp.ClientSession() as http:
        found = []
        for each in headers:
            async with http.get(f"http://127.0.0.1:{at.port}/metrics", headers=each) as response:
                found.append(response.status)
        return found


FORWARDED: list[dict[str, str]] = [
    {},
    {"X-Forwarded-For": "198.51.100.7"},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer secret"},
    {"X-Forwarded-For": "198.51.100.7", "Authorization": "Bearer secret"},
]


def test_metrics_of_a_public_gateway_want_the_token_whoever_asks() -> None:
    async def scenario() -> list[int]:
        async with running(metrics_token="secret") as at:
            return await statuses(at, *FORWARDED)

    assert run(scenario()) == [403, 403, 403, 200, 200]


def test_metrics_of_a_public_gateway_without_a_token_are_shown_to_nobody() -> None:
    async def scenario() -> list[int]:
        async with running() as at:
            return await statuses(at, {}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"})

    assert run(scenario()) == [403, 403, 403]


def test_metrics_of_a_gateway_that_nobody_else_reaches_are_shown_to_this_machine() -> None:
    async def scenario() -> list[int]:
        async with running(metrics_token="secret", public_url="http://127.0.0.1:8000") as at:
            return await statuses(at, *FORWARDED)

    assert run(scenario()) == [200, 403, 200, 200, 200]
