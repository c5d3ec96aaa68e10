"""What is told of a call while it goes on and when it is over: to its transcript, the feed, the metrics and the log."""

import time
from collections import deque
from collections.abc import Iterable

import structlog

from gateway import feed as news
from gateway.ending import Ending
from gateway.feed import Feed
from gateway.metrics import Metrics
from gateway.prices import Prices, cost
from gateway.realtime import RealtimeClient
from gateway.realtime.events import (
    AudioDelta,
    CallerTranscript,
    ItemAdded,
    ItemDone,
    ItemState,
    OutputItemDone,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptDone,
    Unknown,
)
from gateway.realtime.usage import TokenUsage
from gateway.stream_measures import StreamMeasures
from gateway.tally import Tally
from gateway.transcript import Transcript

MAX_REMEMBERED = 64
"""Items; far fewer can be waiting for their words at once."""


class CallReport:
    """Tells of one media stream. ``call_sid`` is "" until it is a call's."""

    def __init__(self, feed: Feed, metrics: Metrics) -> None:
        self._feed = feed
        self._metrics = metrics
        self._speech_stopped_at: float | None = None
        self._item_id: str | None = None
        self._told: deque[str] = deque(maxlen=MAX_REMEMBERED)
        """Items of which it was told how much was heard."""
        self._tool_calls: dict[str, bool] = {}
        """By id, with whether the server has their output."""
        self.call_sid = ""
        self.transcript = Transcript()
        """Where what is said is kept."""
        self.prices: Prices | None = None
        """What the model's tokens cost; None where that is not known."""
        self.measures = StreamMeasures(metrics)

    def publish(self, kind: type[news.CallEvent], **details: object) -> None:
        """Tell whoever watches now."""
        self._feed.publish(kind(self.call_sid, time.monotonic(), **details))

    def started(self, admitted_at: float | None) -> None:
        """Tell that the stream is a call's, whose webhook came then; None if it is not the call's first."""
        self.measures.started(admitted_at, time.monotonic())
        self.publish(news.CallStarted)

    def model_ready(self) -> None:
        """Tell that the model's session is there."""
        self.measures.model_ready(time.monotonic())
        self.publish(news.ModelReady)

    def model_restored(self, gap_ms: int) -> None:
        """Tell that another session took over after so long; 0 where it was exchanged in time."""
        self._metrics.model_gap.observe(gap_ms / 1000)
        self._metrics.model_reconnects.labels("restored" if gap_ms else "planned").inc()
        self.publish(news.ModelRestored, gap_ms=gap_ms)

    def model_over(self) -> None:
        """Tell that no session can be had any more."""
        self._metrics.model_reconnects.labels("failed").inc()

    def model_event(self, event: ServerEvent | Unknown, now: float) -> None:
        """Tell what an event of the model's says about the conversation."""
        self.transcript.event(event, now)
        match event:
            case AudioDelta(item_id=item_id):
                self._audio_delta(item_id, now)
            case SpeechStarted(item_id=item_id):
                self.measures.speech_started(now)
                self.publish(news.CallerSpeaking, item_id=item_id)
            case SpeechStopped(item_id=item_id):
                self._speech_stopped_at = now
                self.measures.speech_stopped()
                self.publish(news.CallerSilent, item_id=item_id)
            case CallerTranscript(item_id=item_id, transcript=text):
                self.publish(news.CallerSaid, item_id=item_id, text=text)
            case TranscriptDone(item_id=item_id, transcript=text):
                self.publish(news.ModelSaid, item_id=item_id, text=text)
                if item_id in self._told:  # of the words that were known then
                    self._publish_heard(item_id)
            case OutputItemDone(item=item) | ItemAdded(item=item) | ItemDone(item=item):
                self._tool(item)
            case ResponseDone(response=response) if response.usage is not None:
                self._used(TokenUsage.of(response.usage))
            case _:
                pass

    def typed(self, text: str, *, masked: bool = False) -> None:
        """Tell of a text that was put into the call; ``masked`` shows no more than its length."""
        shown = "*" * len(text) if masked else text
        self.transcript.typed(shown, time.monotonic())
        self.publish(news.TextSent, text=shown)

    def heard(self, item_ids: Iterable[str]) -> None:
        """Tell of the model's items that were heard to their end."""
        for item_id in item_ids:
            self._publish_heard(item_id)

    def cut(self, item_id: str, heard_ms: int) -> None:
        """Tell of an item that was heard so far and no further, or of one that was cut and has been heard further."""
        self.transcript.cut(item_id, heard_ms)
        self._publish_heard(item_id)

    def over(
        self,
        log: structlog.typing.FilteringBoundLogger,
        ending: Ending,
        seconds: float,
        tally: Tally,
        client: RealtimeClient | None,
        **counted: int,
    ) -> None:
        """Give the numbers of the call; ``counted`` is for the ``log`` alone. Without a start it had no client."""
        metrics = self._metrics
        metrics.calls.labels(ending.by, ending.reason).inc()
        metrics.dropped_audio.labels("flood").inc(tally.flooded_ms / 1000)
        metrics.dropped_audio.labels("late-delta").inc(tally.late_ms / 1000)
        metrics.false_interruptions.inc(tally.n_resumed)
        metrics.filled_audio.inc(tally.filled_ms / 1000)
        metrics.missing_messages.inc(counted.get("missing", 0))
        if client is not None:
            metrics.dropped_audio.labels("model-not-ready").inc(client.n_dropped_ms / 1000)
            metrics.skipped_messages.labels("model").inc(client.realtime.n_malformed)
            counted["dropped_ms"] = client.n_dropped_ms
            counted["sessions"] = client.n_sessions
            counted["tokens"] = client.conversation.usage.total_tokens
        log.info(
            "call ended",
            by=ending.by,
            reason=ending.reason,
            seconds=round(seconds, 2),
            caller_ms=tally.caller_ms,
            model_ms=tally.model_ms,
            barge_ins=tally.n_barge_ins,
            resumed=tally.n_resumed,
            late_ms=tally.late_ms,
            flooded_ms=tally.flooded_ms,
            filled_ms=tally.filled_ms,
            **counted,
        )

    def _audio_delta(self, item_id: str, now: float) -> None:
        is_new, self._item_id = item_id != self._item_id, item_id
        self.measures.model_spoke(now, is_new=is_new)
        if not is_new:
            return
        self.publish(news.ModelSpeaking, item_id=item_id)
        if self._speech_stopped_at is not None:
            self._metrics.response_latency.observe(now - self._speech_stopped_at)
            self._speech_stopped_at = None

    def _tool(self, item: ItemState) -> None:
        """Tell of a tool's call once it is whole, and of its output once the server has it."""
        if not item.call_id:
            return
        if (
            item.type == "function_call"
            and item.status == "completed"
            and item.call_id not in self._tool_calls
        ):
            self._tool_calls[item.call_id] = False
            if len(self._tool_calls) > MAX_REMEMBERED:
                del self._tool_calls[next(iter(self._tool_calls))]
            self.publish(news.ToolCalled, tool_call_id=item.call_id, name=item.name or "")
        elif item.type == "function_call_output" and self._tool_calls.get(item.call_id) is False:
            self._tool_calls[item.call_id] = True
            self.publish(news.ToolAnswered, tool_call_id=item.call_id)

    def _used(self, usage: TokenUsage) -> None:
        for direction, kind, n_tokens in usage.by_kind():
            self._metrics.tokens.labels(direction, kind).inc(n_tokens)
        if self.prices is not None:
            self._metrics.cost.inc(cost(usage, self.prices))

    def _publish_heard(self, item_id: str) -> None:
        turn = self.transcript.turn(item_id)
        if turn is not None:
            if item_id not in self._told:
                self._told.append(item_id)
            self.publish(news.ModelHeard, item_id=item_id, text=turn.text, heard_text=turn.heard_text)
