"""The Prometheus metrics. Labels come from closed lists only, never from callers or peers."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_LATENCY_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_TURN_BUCKETS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """All metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # CPU and memory, where the system tells them
        self.calls_active = Gauge(
            "gateway_calls_active", "Calls whose media stream is open", registry=registry
        )
        self.calls = Counter("gateway_calls_total", "Calls that ended", ["by", "reason"], registry=registry)
        self.admissions = Counter(
            "gateway_admissions_total", "Voice webhooks, by what was decided", ["decision"], registry=registry
        )
        self.added_latency = Histogram(
            "gateway_added_latency_seconds",
            "Time from reading a message with audio to having written what it led to",
            ["direction"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.response_latency = Histogram(
            "gateway_response_latency_seconds",
            "Time from the model's word that the caller stopped speaking to the first model audio sent",
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self.model_gap = Histogram(
            "gateway_model_gap_seconds",
            "Time without a model session in the middle of a call, until another took over; 0 when planned",
            buckets=(0.0, *_TURN_BUCKETS),
            registry=registry,
        )
        self.barge_ins = Counter(
            "gateway_barge_ins_total", "Model speech cut short by the caller", registry=registry
        )
        self.false_interruptions = Counter(
            "gateway_false_interruptions_total",
            "Interruptions that turned out to be noise, after which the agent went on",
            registry=registry,
        )
        self.dropped_audio = Counter(
            "gateway_dropped_audio_seconds_total",
            "Audio given up: caller audio the model could not take, floods, deltas after a barge-in",
            ["why"],
            registry=registry,
        )
        self.filled_audio = Counter(
            "gateway_filled_audio_seconds_total",
            "Caller audio that never came, for which the model was given noise",
            registry=registry,
        )
        self.skipped_messages = Counter(
            "gateway_skipped_messages_total",
            "Messages of a peer that were malformed",
            ["peer"],
            registry=registry,
        )
        self.uncaptured_messages = Counter(
            "gateway_uncaptured_messages_total",
            "Messages of captured media streams that are not in the captures",
            ["why"],
            registry=registry,
        )
        self.unrecorded_audio = Counter(
            "gateway_unrecorded_audio_seconds_total",
            "Audio of recorded calls that is not in the recordings",
            ["why"],
            registry=registry,
        )
        self.loop_lag = Histogram(
            "gateway_event_loop_lag_seconds",
            "How late a timer of 50 ms fires",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
