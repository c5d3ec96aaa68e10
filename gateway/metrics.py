"""The Prometheus metrics. Labels come from closed lists only, never from callers or peers."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_LATENCY_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_TURN_BUCKETS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_NETWORK_BUCKETS = (0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_BUFFER_BUCKETS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0)
_SETUP_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)


class Metrics:
    """All metrics of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # CPU and memory, where the system tells them
        self._of_calls()
        self._of_turns()
        self._of_playback()
        self._of_audio()
        self._of_the_model()
        self._of_the_process()

    def _of_calls(self) -> None:
        """Define what is counted of calls as a whole."""
        self.calls_active = self._gauge("gateway_calls_active", "Calls whose media stream is open")
        self.calls_limit = self._gauge("gateway_calls_limit", "Calls at once beyond which callers hear busy")
        self.draining = self._gauge(
            "gateway_draining", "1 while no new calls are taken because the process stops"
        )
        self.calls = self._counter("gateway_calls_total", "Calls that ended", "by", "reason")
        self.admissions = self._counter(
            "gateway_admissions_total", "Voice webhooks, by what was decided", "decision"
        )
        self.refused_requests = self._counter(
            "gateway_refused_requests_total",
            "Webhooks and media streams that were not let in: not signed by Twilio, of another account, too many",
            "what",
        )
        self.setup = self._histogram(
            "gateway_setup_seconds",
            "Time from a call's first webhook until its media stream is open, until the model's session is ready too, "
            "and until the caller has heard the first sound",
            _SETUP_BUCKETS,
            "until",
        )

    def _of_turns(self) -> None:
        """Define how fast the agent answers and falls silent."""
        self.turn_latency = self._histogram(
            "gateway_turn_latency_seconds",
            "Time from the caller's last voiced sample to the first sample of the answer in the caller's ear",
            _TURN_BUCKETS,
        )
        self.response_latency = self._histogram(
            "gateway_response_latency_seconds",
            "Time from the model's word that the caller stopped speaking to the first model audio sent",
            _TURN_BUCKETS,
        )
        self.barge_in_stop = self._histogram(
            "gateway_barge_in_stop_seconds",
            "Time from the first voiced sample of a caller who speaks over the agent to the clear that silences it",
            _NETWORK_BUCKETS,
        )
        self.barge_ins = self._counter(
            "gateway_barge_ins_total",
            "Model speech that was cut short, by the caller or by what we had to say",
        )
        self.false_interruptions = self._counter(
            "gateway_false_interruptions_total",
            "Interruptions that turned out to be noise, after which the agent went on",
        )

    def _of_playback(self) -> None:
        """Define what marks tell of the carrier's side."""
        self.mark_round_trip = self._histogram(
            "gateway_mark_round_trip_seconds",
            "Time from the moment when audio would have been over, played as soon as it was sent, to its mark's return",
            _NETWORK_BUCKETS,
        )
        self.heard_correction = self._histogram(
            "gateway_heard_correction_seconds",
            "By how much a mark put right what the clock said of how much was heard: forward, or back",
            _NETWORK_BUCKETS,
            "direction",
        )
        self.carrier_buffer = self._histogram(
            "gateway_carrier_buffer_seconds",
            "Audio waiting at the carrier when more of the same answer is sent; 0 is a hole in what the caller hears",
            _BUFFER_BUCKETS,
        )

    def _of_audio(self) -> None:
        """Define what becomes of audio on its way through."""
        self.added_latency = self._histogram(
            "gateway_added_latency_seconds",
            "Time from reading a message with audio to having written what it led to",
            _LATENCY_BUCKETS,
            "direction",
        )
        self.dropped_audio = self._counter(
            "gateway_dropped_audio_seconds_total",
            "Audio given up: caller audio the model could not take, floods, deltas after a barge-in",
            "why",
        )
        self.filled_audio = self._counter(
            "gateway_filled_audio_seconds_total",
            "Caller audio that never came, for which the model was given noise",
        )
        self.missing_messages = self._counter(
            "gateway_missing_messages_total", "Messages of Twilio's that never came, by their numbers"
        )
        self.skipped_messages = self._counter(
            "gateway_skipped_messages_total", "Messages of a peer that were malformed", "peer"
        )
        self.uncaptured_messages = self._counter(
            "gateway_uncaptured_messages_total",
            "Messages of captured media streams that are not in the captures",
            "why",
        )
        self.unrecorded_audio = self._counter(
            "gateway_unrecorded_audio_seconds_total",
            "Audio of recorded calls that is not in the recordings",
            "why",
        )

    def _of_the_model(self) -> None:
        """Define how the model's sessions fare, and what they use."""
        self.model_gap = self._histogram(
            "gateway_model_gap_seconds",
            "Time without a model session in the middle of a call, until another took over; 0 when planned",
            (0.0, *_TURN_BUCKETS),
        )
        self.model_reconnects = self._counter(
            "gateway_model_reconnects_total",
            "Model sessions replaced in the middle of a call, and calls in which none could be had any more",
            "outcome",
        )
        self.tokens = self._counter(
            "gateway_model_tokens_total", "Tokens of the model's responses", "direction", "kind"
        )
        self.cost = self._counter(
            "gateway_model_cost_dollars_total",
            "US dollars for the tokens of the model's responses, of models whose prices are known",
        )

    def _of_the_process(self) -> None:
        """Define whether the process keeps up."""
        self.loop_lag = self._histogram(
            "gateway_event_loop_lag_seconds", "How late a timer of 50 ms fires", _LATENCY_BUCKETS
        )

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)
