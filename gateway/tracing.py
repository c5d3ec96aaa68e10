"""Sends the traces of calls to an OpenTelemetry collector. Needs the extra ``[otel]``."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from gateway.call_traces import CallIds, CallTraces
from gateway.feed import Feed

_log = structlog.get_logger()

EXPORT_TIMEOUT = 3
"""Seconds in which the collector must have taken what it is sent; a thread waits for it, no call does."""


@contextlib.asynccontextmanager
async def exported_traces(feed: Feed, endpoint: str, service_name: str) -> AsyncIterator[None]:
    """Trace the calls of a feed meanwhile; send the spans to ``endpoint``, a collector's OTLP over HTTP.

    Whatever else the SDK reads from its own variables, such as headers and the sampler, counts too.
    """
    ids = CallIds()
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT)
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service_name}), id_generator=ids, shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("gateway")
    traces = CallTraces(tracer, ids, lambda at: time.time() - time.monotonic() + at)
    watching = asyncio.create_task(_trace(feed, traces), name="traces")
    await asyncio.sleep(0)  # it watches from now on
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(provider.shutdown)


async def _trace(feed: Feed, traces: CallTraces) -> None:
    async with contextlib.aclosing(feed.watch()) as events:
        async for event in events:
            try:
                traces.take(event)
            except Exception:  # it must cost no other call its trace
                _log.exception("not traced", call_sid=event.call_sid)
