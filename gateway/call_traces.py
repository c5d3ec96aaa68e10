"""Calls as OpenTelemetry traces: a call is a trace, a turn a span of it, a tool's run a span of the turn.

No I/O and no clock: call events in, spans out. Nobody's words or numbers are in them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from gateway import feed as news
from gateway.feed import CallEvent

MAX_TRACED = 10_000
"""Media streams at once; more than there can be, so that the oldest is one whose end was missed."""
NAME_LIMIT = 64
"""Characters of a name that comes from the model or its server."""


class CallIds(RandomIdGenerator):
    """Makes the trace's id of the CallSid, which has the same 128 bits behind its ``CA``.

    So all media streams of a call are one trace, also those that another process carries, and who knows the CallSid
    finds it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.call_sid = ""
        """Of the call whose span is begun next."""

    def generate_trace_id(self) -> int:
        """Give the id of the call's trace; one at random where its CallSid will not do."""
        try:
            trace_id = int(self.call_sid.removeprefix("CA"), 16)
        except ValueError:
            trace_id = 0
        return trace_id if 0 < trace_id < 1 << 128 else super().generate_trace_id()


@dataclass
class _Traced:
    """A media stream that goes on."""

    span: Span
    unix: Callable[[float], float]
    turn: Span | None = None
    turn_over_at: float = 0.0
    silent_at: float | None = None
    tools: dict[str, Span] = field(default_factory=dict)

    def ns(self, at: float) -> int:
        return int(self.unix(at) * 1e9)


class CallTraces:
    """Makes spans of what happens on calls; ``unix`` tells the Unix time of an event's, both in seconds."""

    def __init__(self, tracer: Tracer, ids: CallIds, unix: Callable[[float], float]) -> None:
        self._tracer = tracer
        self._ids = ids
        self._unix = unix
        self._traced: dict[str, _Traced] = {}

    def take(self, event: CallEvent) -> None:
        """Take an event; those of calls whose beginning was not seen are passed over."""
        if isinstance(event, news.CallStarted):
            self._begin(event)
        elif (call := self._traced.get(event.call_sid)) is None:
            return
        elif isinstance(event, news.CallOver):
            self._end(call, event)
        elif isinstance(event, news.ModelReady | news.ModelLost | news.ModelRestored):
            _model_changed(call, event)
        elif isinstance(event, news.ToolCalled | news.ToolAnswered):
            self._tool(call, event)
        else:
            self._turn(call, event)

    def _begin(self, event: news.CallStarted) -> None:
        self._ids.call_sid = event.call_sid
        offset = self._unix(event.at) - event.at  # once, so that a clock that is set shortens no span
        at = int((event.at + offset) * 1e9)
        attributes = {"call_sid": event.call_sid}
        span = self._tracer.start_span("call", Context(), SpanKind.SERVER, attributes, start_time=at)
        self._traced[event.call_sid] = _Traced(span, lambda at: at + offset)
        if len(self._traced) > MAX_TRACED:
            del self._traced[next(iter(self._traced))]

    def _end(self, call: _Traced, event: news.CallOver) -> None:
        self._end_turn(call, event.at)
        call.span.set_attribute("ending.by", event.ending.by)
        call.span.set_attribute("ending.reason", event.ending.reason)
        if event.ending.apology:
            call.span.set_status(StatusCode.ERROR, event.ending.reason)
        call.span.end(call.ns(event.at))
        del self._traced[event.call_sid]

    def _turn(self, call: _Traced, event: CallEvent) -> None:
        match event:
            case news.CallerSpeaking() | news.TextSent():
                self._begin_turn(call, event.at, "caller")
            case news.CallerSilent():
                call.silent_at = event.at
                _happened(call, "caller silent", event.at)
            case news.ModelSpeaking():
                if call.turn is None:
                    self._begin_turn(call, event.at, "agent")
                _agent_speaks(call, event.at)
            case news.ModelHeard():
                call.turn_over_at = event.at
            case news.Interrupted(heard_ms=heard_ms):
                call.turn_over_at = event.at
                _happened(call, "interrupted", event.at, heard_ms=heard_ms)
            case _:
                pass

    def _begin_turn(self, call: _Traced, at: float, begun_by: str) -> None:
        self._end_turn(call, at)
        call.turn = self._tracer.start_span(
            "turn",
            set_span_in_context(call.span, Context()),
            attributes={"turn.begun_by": begun_by},
            start_time=call.ns(at),
        )
        call.turn_over_at, call.silent_at = at, None

    def _end_turn(self, call: _Traced, at: float) -> None:
        """End the turn that goes on, at the last moment that something of it was heard."""
        for tool in call.tools.values():
            tool.end(call.ns(at))
        if call.tools:
            call.turn_over_at = at
        call.tools.clear()
        if call.turn is not None:
            call.turn.end(call.ns(call.turn_over_at))
            call.turn = None

    def _tool(self, call: _Traced, event: news.ToolCalled | news.ToolAnswered) -> None:
        if isinstance(event, news.ToolCalled):
            name = event.name[:NAME_LIMIT]
            parent = set_span_in_context(call.turn or call.span, Context())
            call.tools[event.tool_call_id] = self._tracer.start_span(
                f"tool {name}", parent, attributes={"tool.name": name}, start_time=call.ns(event.at)
            )
        elif (span := call.tools.pop(event.tool_call_id, None)) is not None:
            span.end(call.ns(event.at))
            call.turn_over_at = event.at


def _agent_speaks(call: _Traced, at: float) -> None:
    _happened(call, "agent speaks", at)
    if call.silent_at is not None and call.turn is not None:
        call.turn.set_attribute("turn.response_latency_ms", round((at - call.silent_at) * 1000))
        call.silent_at = None
    call.turn_over_at = at


def _happened(call: _Traced, what: str, at: float, **attributes: int) -> None:
    if call.turn is not None:
        call.turn.add_event(what, attributes, call.ns(at))


def _model_changed(call: _Traced, event: news.ModelReady | news.ModelLost | news.ModelRestored) -> None:
    match event:
        case news.ModelReady():
            call.span.add_event("model ready", timestamp=call.ns(event.at))
        case news.ModelLost(code=code):
            call.span.add_event("model lost", {"code": code[:NAME_LIMIT]}, call.ns(event.at))
        case news.ModelRestored(gap_ms=gap_ms):
            call.span.add_event("model restored", {"gap_ms": gap_ms}, call.ns(event.at))
