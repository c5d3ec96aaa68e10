import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from gateway import ending as endings
from gateway import feed as news
from gateway.call_traces import CallIds, CallTraces
from gateway.feed import CallEvent, Feed
from gateway.tracing import exported_traces
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import run, running
from tests.test_calls import call, tone
from tests.test_keys import logged_as_in_production

HEX = "0123456789abcdef" * 2
SID = "CA" + HEX
UNIX = 1_700_000_000.0


def traced(events: Sequence[CallEvent]) -> list[ReadableSpan]:
    """The spans that events lead to, in the order of their ends."""
    ids, exporter = CallIds(), InMemorySpanExporter()
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = CallTraces(provider.get_tracer("test"), ids, lambda at: at + UNIX)
    for event in events:
        traces.take(event)
    return list(exporter.get_finished_spans())


def times(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9 - UNIX, span.end_time / 1e9 - UNIX


def happened(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


CALL: list[CallEvent] = [
    news.CallStarted(SID, 1.0),
    news.ModelReady(SID, 1.2),
    news.ModelSpeaking(SID, 1.5, "item_hello"),
    news.ModelHeard(SID, 2.5, "item_hello", "Hello.", "Hello."),
    news.CallerSpeaking(SID, 3.0, "item_q"),
    news.CallerSilent(SID, 4.0, "item_q"),
    news.CallerSaid(SID, 4.1, "item_q", "My secret order"),
    news.ToolCalled(SID, 4.2, "call_1", "order_status"),
    news.ToolAnswered(SID, 4.7, "call_1"),
    news.ModelSpeaking(SID, 5.0, "item_a"),
    news.Interrupted(SID, 6.0, "item_a", 900),
    news.CallerSpeaking(SID, 6.0, "item_r"),
    news.CallOver(SID, 7.0, endings.HANGUP),
]


def test_call_is_a_trace_with_its_turns_and_their_tools() -> None:
    hello, tool, turn, cut_short, whole = traced(CALL)

    assert [span.name for span in (hello, tool, turn, cut_short, whole)] == [
        "turn",
        "tool order_status",
        "turn",
        "turn",
        "call",
    ]
    assert times(whole) == pytest.approx((1.0, 7.0))
    assert times(hello) == pytest.approx((1.5, 2.5))
    assert times(turn) == pytest.approx((3.0, 6.0))
    assert times(tool) == pytest.approx((4.2, 4.7))
    assert tool.parent == turn.context
    assert turn.parent == hello.parent == whole.context
    assert whole.parent is None
    assert turn.attributes is not None
    assert turn.attributes["turn.response_latency_ms"] == 1000
    assert happened(turn) == ["caller silent", "agent speaks", "interrupted"]
    assert happened(whole) == ["model ready"]
    assert whole.attributes is not None
    assert (whole.attributes["ending.by"], whole.attributes["ending.reason"]) == ("caller", "hangup")
    assert whole.status.status_code is StatusCode.UNSET


def test_trace_has_the_id_of_the_call_on_whichever_stream() -> None:
    broken = [news.CallStarted(SID, 1.0), news.CallOver(SID, 2.0, endings.STREAM_LOST)]
    spans = traced([*broken, *CALL])

    assert {span.context.trace_id for span in spans if span.context} == {int(HEX, 16)}


@pytest.mark.parametrize("call_sid", ["CA" + 32 * "0", "CAnonsense", "", "CA1" + 32 * "0"])
def test_call_whose_name_is_no_number_gets_a_trace_of_its_own(call_sid: str) -> None:
    (span,) = traced([news.CallStarted(call_sid, 1.0), news.CallOver(call_sid, 2.0, endings.HANGUP)])

    assert span.context is not None
    assert 0 < span.context.trace_id < 1 << 128


def test_nobodys_words_are_in_the_trace() -> None:
    assert "secret" not in "".join(span.to_json() for span in traced(CALL))


def test_call_that_ends_with_an_apology_is_an_error_and_what_was_open_ends_with_it() -> None:
    tool, turn, whole = traced(
        [
            *CALL[:2],
            news.TextSent(SID, 2.0, "4#"),
            news.ToolCalled(SID, 2.1, "call_1", "x" * 200),
            news.ModelLost(SID, 3.0, "closed"),
            news.ModelRestored(SID, 3.5, 500),
            news.CallOver(SID, 4.0, endings.MODEL_LOST),
        ]
    )

    assert len(tool.name) == len("tool ") + 64
    assert times(tool) == pytest.approx((2.1, 4.0))
    assert times(turn) == pytest.approx((2.0, 4.0))
    assert whole.status.status_code is StatusCode.ERROR
    assert happened(whole) == ["model ready", "model lost", "model restored"]


def test_events_of_a_call_that_was_not_seen_to_begin_are_passed_over() -> None:
    assert traced(CALL[1:]) == []


async def script(session: FakeSession) -> None:
    await session.wait_for("input_audio_buffer.append")
    await session.speech_started(100, item_id="item_q")
    await session.speech_stopped(300, "Hello?", item_id="item_q")
    await session.call_tool("item_t", "call_1", "no_such_tool", "{}")
    await session.wait_for("response.create")
    await session.say("item_a", tone(300), "Hello.")


def test_collector_gets_the_trace_of_a_whole_call() -> None:
    async def whole() -> tuple[list[Any], str]:
        taken: list[ExportTraceServiceRequest] = []

        async def take(request: web.Request) -> web.Response:
            message = ExportTraceServiceRequest()
            message.ParseFromString(await request.read())
            taken.append(message)
            return web.Response()

        collector = web.Application()
        collector.router.add_post("/v1/traces", take)
        runner = web.AppRunner(collector)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        settings = {"otel_exporter_otlp_endpoint": f"http://{host}:{port}", "otel_service_name": "desk"}
        async with FakeRealtimeServer() as model, running(realtime_url=model.url, **settings) as at:
            _, caller = await call(at, model, script, 2.0)
            await at.gateway.active_calls.wait_empty()
        await runner.cleanup()
        resources = [each for message in taken for each in message.resource_spans]
        names = {pair.value.string_value for each in resources for pair in each.resource.attributes}
        assert "desk" in names
        spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
        return spans, caller.identity.call_sid

    spans, call_sid = run(whole())

    assert {span.trace_id.hex() for span in spans} == {call_sid[2:]}
    assert sorted(span.name for span in spans) == ["call", "tool no_such_tool", "turn"]
    (tool,) = (span for span in spans if span.name.startswith("tool"))
    (turn,) = (span for span in spans if span.name == "turn")
    assert tool.parent_span_id == turn.span_id


def test_collector_that_is_not_there_troubles_no_call() -> None:
    async def whole() -> str:
        settings = {"otel_exporter_otlp_endpoint": "http://127.0.0.1:1"}
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url, **settings) as at:
                outcome, _ = await call(at, model, script, 1.0)
                began = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - began < 10
        return outcome.end.reason

    assert run(whole()) == "caller-hung-up"


def test_nothing_of_the_extra_is_loaded_where_no_collector_is_named() -> None:
    code = (
        "import sys; from gateway.app import Gateway; from gateway.settings import Settings;"
        "Gateway(Settings(_env_file=None, public_url='https://voice.example.com', twilio_auth_token='t'));"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == "[]"


def test_gateway_without_the_extra_serves_all_the_same_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.tracing", None)

    async def whole() -> str:
        settings = {"otel_exporter_otlp_endpoint": "http://127.0.0.1:1"}
        async with FakeRealtimeServer() as model, running(realtime_url=model.url, **settings) as at:
            outcome, _ = await call(at, model, script, 1.0)
            return outcome.end.reason

    with logged_as_in_production() as logged:
        assert run(whole()) == "caller-hung-up"

    assert "no traces: the extra [otel] is not installed" in logged.getvalue()


def test_event_that_cannot_be_traced_costs_no_other_call_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[CallEvent] = []
    all_taken = asyncio.Event()

    def take(_: CallTraces, event: CallEvent) -> None:
        taken.append(event)
        if len(taken) == 2:
            all_taken.set()
        raise ValueError(event.call_sid)

    async def whole() -> None:
        feed = Feed()
        async with exported_traces(feed, "http://127.0.0.1:1", "desk"):
            for event in CALL[:2]:
                feed.publish(event)
            await all_taken.wait()

    monkeypatch.setattr(CallTraces, "take", take)
    with logged_as_in_production() as logged:
        run(whole())

    assert taken == CALL[:2]
    assert logged.getvalue().count("not traced") == 2
