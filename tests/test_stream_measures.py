import pytest

from gateway.metrics import Metrics
from gateway.stream_measures import StreamMeasures
from voice_codecs import mulaw_encode, sine

SILENT = bytes([0xFF]) * 160
VOICED = mulaw_encode(sine(300.0, 20, 8000))


class Stream:
    """A media stream of a test's own, and what was observed of it."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.measures = StreamMeasures(self.metrics)

    def caller(self, frame: bytes, since: float, until: float) -> None:
        for n in range(round((until - since) / 0.02)):
            self.measures.caller_audio(frame, since + 0.02 * (n + 1))

    def answer(self, name: str, now: float, *, ms: int = 200, is_new: bool = True) -> None:
        """Have the model say something, of which all is sent at once."""
        self.measures.sent(ms * 8, name, now + 0.001)
        self.measures.model_spoke(now, is_new=is_new)

    def seen(self, name: str, **labels: str) -> tuple[int, float]:
        """How often something was observed, and the sum."""
        value = self.metrics.registry.get_sample_value
        count = value(f"gateway_{name}_count", labels)
        return int(count or 0), value(f"gateway_{name}_sum", labels) or 0.0


def asked(stream: Stream) -> None:
    """Have the caller speak from 1.0 to 2.0, which the model notices later."""
    stream.caller(SILENT, 0.0, 1.0)
    stream.caller(VOICED, 1.0, 1.2)
    stream.measures.speech_started(1.2)
    stream.caller(VOICED, 1.2, 2.0)
    stream.caller(SILENT, 2.0, 2.5)
    stream.measures.speech_stopped()


def test_turn_latency_is_from_the_last_voiced_sample_to_the_first_one_heard() -> None:
    stream = Stream()
    asked(stream)
    stream.answer("g0:1", 2.6)
    stream.answer("g0:2", 2.7, is_new=False)
    assert stream.seen("turn_latency_seconds")[0] == 0
    stream.measures.marked("g0:1", 2.9)
    stream.measures.marked("g0:2", 3.1)

    count, total = stream.seen("turn_latency_seconds")
    assert count == 1
    assert total == pytest.approx(2.9 - 0.2 - 2.0, abs=0.005)


def test_turn_latency_survives_a_mark_that_is_lost() -> None:
    stream = Stream()
    asked(stream)
    stream.answer("g0:1", 2.6)
    stream.answer("g0:2", 2.7, is_new=False)
    stream.measures.marked("g0:2", 3.1)

    assert stream.seen("turn_latency_seconds") == pytest.approx((1, 3.1 - 0.4 - 2.0), abs=0.005)


def test_what_the_gateway_says_itself_is_no_answer() -> None:
    stream = Stream()
    asked(stream)
    stream.measures.sent(1600, "g0:1", 2.55)
    stream.measures.marked("g0:1", 2.8)
    stream.measures.model_spoke(2.9, is_new=True)  # and was dropped
    assert stream.seen("turn_latency_seconds")[0] == 0

    stream.answer("g0:2", 3.0)
    stream.measures.marked("g0:2", 3.3)
    assert stream.seen("turn_latency_seconds") == pytest.approx((1, 1.1), abs=0.005)


def test_turn_of_which_no_sample_was_voiced_has_no_latency() -> None:
    stream = Stream()
    stream.caller(VOICED, 0.0, 0.5)
    stream.caller(SILENT, 0.5, 3.0)
    stream.measures.speech_started(3.0)
    stream.measures.speech_stopped()
    stream.answer("g0:1", 3.1)
    stream.measures.marked("g0:1", 3.4)

    assert stream.seen("turn_latency_seconds")[0] == 0


def test_caller_who_goes_on_before_the_answer_is_not_waiting_for_it() -> None:
    stream = Stream()
    asked(stream)
    stream.measures.speech_started(2.6)
    stream.answer("g0:1", 2.7)
    stream.measures.marked("g0:1", 3.0)

    assert stream.seen("turn_latency_seconds")[0] == 0


def test_set_up_is_measured_once_and_for_the_first_stream_alone() -> None:
    first = Stream()
    first.measures.started(10.0, 10.4)
    first.measures.model_ready(10.7)
    for n in range(2):
        first.answer(f"g0:{n}", 11.0 + n)
        first.measures.marked(f"g0:{n}", 11.3 + n)
    later = Stream()
    later.measures.started(None, 10.4)
    later.measures.model_ready(10.7)

    assert first.seen("setup_seconds", until="stream") == pytest.approx((1, 0.4))
    assert first.seen("setup_seconds", until="ready") == pytest.approx((1, 0.7))
    assert first.seen("setup_seconds", until="heard") == pytest.approx((1, 1.1))
    assert later.seen("setup_seconds", until="stream")[0] == 0


def test_mark_puts_the_clock_right_in_the_direction_it_was_wrong() -> None:
    stream = Stream()
    stream.measures.sent(1600, "a", 1.0)
    stream.measures.sent(1600, "b", 1.0)
    stream.measures.sent(1600, "stale", 1.0)
    stream.measures.marked("a", 1.25)  # the clock stood 50 ms beyond it
    stream.measures.marked("b", 1.43)  # and 20 ms before it
    stream.measures.marked("unknown", 1.5)

    assert stream.seen("heard_correction_seconds", direction="back") == pytest.approx((1, 0.05))
    assert stream.seen("heard_correction_seconds", direction="forward") == pytest.approx((1, 0.02))
    assert stream.seen("mark_round_trip_seconds") == pytest.approx((2, 0.05 + 0.03))


def test_buffer_at_the_carrier_is_what_waits_when_more_of_the_same_comes() -> None:
    stream = Stream()
    stream.answer("a", 1.0, ms=500)
    stream.answer("b", 1.1, ms=100, is_new=False)
    assert stream.seen("carrier_buffer_seconds") == pytest.approx((1, 0.4))

    stream.answer("c", 2.0, is_new=False)  # after 400 ms without sound
    stream.answer("d", 5.0)  # a new answer makes no hole

    assert stream.seen("carrier_buffer_seconds") == pytest.approx((2, 0.4))


def test_barge_in_is_measured_from_the_first_voiced_sample() -> None:
    stream = Stream()
    stream.caller(SILENT, 0.0, 2.0)
    stream.answer("a", 1.0, ms=3000)
    stream.caller(VOICED, 2.0, 2.3)
    stream.measures.cleared(2.31)
    stream.measures.marked("a", 2.4)

    assert stream.seen("barge_in_stop_seconds") == pytest.approx((1, 0.31), abs=0.005)
    assert stream.seen("mark_round_trip_seconds")[0] == 0  # what a clear sends back was not played


def test_who_speaks_already_when_the_agent_begins_interrupts_from_then_on() -> None:
    stream = Stream()
    stream.caller(SILENT, 0.0, 0.2)
    stream.caller(VOICED, 0.2, 2.0)
    stream.answer("a", 1.6, ms=3000)
    stream.measures.cleared(2.0)

    assert stream.seen("barge_in_stop_seconds") == pytest.approx((1, 0.4), abs=0.005)


def test_key_that_silences_the_agent_is_no_voice() -> None:
    stream = Stream()
    stream.caller(SILENT, 0.0, 2.0)
    stream.answer("a", 1.0, ms=3000)
    stream.measures.cleared(2.0)

    assert stream.seen("barge_in_stop_seconds")[0] == 0


def test_answer_behind_an_announcement_is_measured_from_its_own_beginning() -> None:
    stream = Stream()
    asked(stream)
    stream.measures.sent(8000, "announcement", 2.55)
    stream.answer("g0:1", 2.6)
    stream.answer("g0:2", 2.8, is_new=False)
    stream.measures.marked("announcement", 3.6)
    stream.measures.marked("g0:1", 3.8)

    assert stream.seen("turn_latency_seconds") == pytest.approx((1, 3.6 - 2.0), abs=0.005)
    assert stream.seen("carrier_buffer_seconds") == pytest.approx((1, 0.949), abs=0.005)
