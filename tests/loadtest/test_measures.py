import numpy as np
import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.fingerprint import Fingerprint
from gateway.loadtest.measures import MAX_SAMPLED, measure
from gateway.loadtest.recording import Recording, default_recording
from gateway.loadtest.results import BargeIn, CallResult, Delivery, Embedded, Quality, Setup, Turn
from gateway.loadtest.steps import End
from gateway.loadtest.timeline import MAX_EVENTS
from tests.loadtest.calls import (
    IDENTITY,
    clears,
    mark,
    new_caller,
    recording,
    run,
    says,
    silence,
    speech,
    streaming,
)
from voice_codecs import mulaw_decode

TWO_TURNS = recording((1000, 2000), (5000, 6000), duration_ms=8000)


def measured(caller: RecordedCaller, at: float = 112.0) -> CallResult:
    """Let the caller hang up, and measure the call."""
    caller.due(at)
    caller.hang_up(at)
    assert caller.end is not None
    return measure(caller, caller.end, started_at=1000.0)


def test_a_call_is_named_and_timed() -> None:
    caller = streaming(TWO_TURNS)
    caller.receive("x", 101.0)

    result = measured(caller)

    assert (result.call_sid, result.recording, result.started_at) == (IDENTITY.call_sid, "made.wav", 1000.0)
    assert (result.duration_ms, result.outcome, result.failed) == (12_500, "caller-hung-up", False)
    assert result.faults == {"31951": 1}
    assert (result.wav, result.embedded, result.crosstalk) == (None, None, None)


def test_a_call_of_more_events_than_are_kept_lasted_until_the_last_one_kept() -> None:
    caller = streaming(TWO_TURNS)
    for _ in range(MAX_EVENTS):
        caller.receive(mark("a"), 104.0)

    assert measured(caller).duration_ms == 4500


def test_set_up_is_a_waterfall() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 250, silence(100) + speech(100))

    assert measured(caller).setup == Setup(300.0, 200.0, 350.0)


def test_a_call_that_was_rejected_got_an_answer_and_no_more() -> None:
    caller = new_caller(TWO_TURNS)
    caller.webhook("/twilio/voice", 1.0)
    caller.take_twiml(200, "text/xml", b"<Response><Reject/></Response>", 1.5)

    result = measure(caller, caller.end or End("rejected"), started_at=1000.0)

    assert result.setup == Setup(500.0, None, None)
    assert (result.outcome, result.duration_ms, result.n_frames) == ("rejected", 500, 0)
    assert (result.turns, result.barge_ins, result.delivery, result.quality) == (
        (),
        (),
        Delivery(),
        Quality(),
    )


@pytest.mark.parametrize(("reason", "webhook_ms"), [("webhook-timeout", None), ("stream-refused", 250.0)])
def test_a_failure_is_told_by_its_reason(reason: str, webhook_ms: float | None) -> None:
    caller = new_caller(TWO_TURNS)
    caller.webhook("/twilio/voice", 1.0)
    end = caller.fail(reason, "why", 1.25)

    result = measure(caller, end, started_at=1000.0)

    assert (result.outcome, result.detail, result.failed) == (reason, "why", True)
    assert result.setup.webhook_ms == webhook_ms


def test_every_utterance_is_a_turn_answered_or_not() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 6700, speech(1000))

    assert measured(caller).turns == (Turn(2000, None), Turn(6000, 700))


@pytest.mark.parametrize("end_ms", [2000, 2010, 2018])
def test_last_utterance_counts_as_unanswered_wherever_in_a_frame_the_recording_ends(end_ms: int) -> None:
    tape = recording((1000, end_ms), duration_ms=end_ms)
    caller = streaming(tape)
    now = 100.0
    while caller.parting(now) is None:
        caller.due(now)
        deadline = caller.next_deadline()
        assert deadline is not None
        now = deadline
    caller.hang_up(now)
    assert caller.end is not None

    assert [each.turn_ms for each in measure(caller, caller.end, started_at=1000.0).turns] == [None]


def test_an_utterance_after_which_the_caller_did_not_wait_is_no_turn() -> None:
    caller = streaming(TWO_TURNS)
    assert measured(caller, at=104.9).turns == ()

    caller = streaming(recording((1000, 2000), (4500, 5000), duration_ms=8000))
    says(caller, 5500, speech(1000))
    assert measured(caller).turns == (Turn(5000, 500),)


def test_an_utterance_that_the_end_cut_is_no_turn() -> None:
    caller = streaming(TWO_TURNS)

    assert measured(caller, at=105.5).turns == (Turn(2000, None),)


def test_a_barge_in_that_the_end_cut_short_tells_nothing() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 4000, speech(4000))

    assert measured(caller, at=105.5).barge_ins == ()


def test_a_barge_in_has_a_clear_a_silence_and_what_was_thrown_away() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(4000))
    clears(caller, 5430)

    assert measured(caller).barge_ins == (BargeIn(5000, 430.0, 430, 1570),)


def test_an_agent_that_finishes_by_itself_was_not_stopped() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(2500))

    assert measured(caller).barge_ins == (BargeIn(5000, None, None, 0),)


def test_a_clear_after_the_utterance_is_too_late() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(4000))
    clears(caller, 6200)

    assert measured(caller).barge_ins == (BargeIn(5000, None, 1200, 0),)


def test_audio_that_follows_the_clear_delays_the_silence_and_is_counted() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(4000))
    clears(caller, 5300)
    says(caller, 5350, silence(20) + speech(200))
    says(caller, 6500, speech(500))

    result = measured(caller)

    assert result.barge_ins == (BargeIn(5000, 300.0, 570, 1700),)
    assert result.delivery.after_clear_ms == pytest.approx(200, abs=1)


def test_an_agent_that_goes_on_after_the_clear_never_fell_silent() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(4000))
    clears(caller, 5300)
    says(caller, 5350, speech(2000))

    assert measured(caller).barge_ins == (BargeIn(5000, 300.0, None, 1700),)


def test_the_next_answer_is_not_audio_of_the_old_one() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(4000))
    clears(caller, 5700)
    says(caller, 5720, silence(60))
    says(caller, 6050, speech(500))

    assert measured(caller).delivery.after_clear_ms == 0


def test_delivery_is_what_was_sent_what_sounded_and_what_was_missing() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 0, speech(100))
    says(caller, 130, speech(100))
    run(caller, until=100.3)
    says(caller, 1000, speech(30_000))
    caller.receive(mark("a"), 101.0)

    delivery = measured(caller, at=110.0).delivery

    assert delivery == Delivery(
        sent_ms=30_200, heard_ms=9200, n_under_runs=1, under_run_ms=30, n_marks_unreturned=1
    )


def test_lateness_is_a_sample_of_the_frames_with_the_latest_among_them() -> None:
    caller = streaming(TWO_TURNS)
    for frame in range(1, 451):
        late_ms = 19 if frame == 200 else frame % 10
        caller.due(100.0 + frame * 0.02 + late_ms / 1000)

    result = measured(caller, at=109.0)

    assert len(result.lateness_ms) == MAX_SAMPLED
    assert result.n_frames == 450
    assert list(result.lateness_ms) == sorted(result.lateness_ms)
    assert result.lateness_ms[-1] == pytest.approx(19, abs=0.01)
    assert np.median(result.lateness_ms) == pytest.approx(np.median(caller.timeline.frame_lateness_ms), abs=1)


def test_a_short_call_keeps_the_lateness_of_every_frame() -> None:
    caller = streaming(TWO_TURNS)

    assert len(measured(caller, at=100.1).lateness_ms) == 5


def test_quality_is_that_of_what_was_heard_against_the_reference_anywhere_in_the_call() -> None:
    voice = Recording.read(default_recording()).payload[36_000:54_000]
    caller = streaming(TWO_TURNS)
    says(caller, 2500, voice)
    caller.due(112.0)
    caller.hang_up(112.0)

    result = measure(
        caller, End("caller-hung-up"), started_at=0.0, reference=mulaw_decode(voice), wav="kept.wav"
    )

    assert result.quality.snr_db == 100
    assert result.quality.level_dbfs == pytest.approx(-20, abs=10)
    assert result.wav == "kept.wav"


def test_what_the_embedded_server_told_is_kept() -> None:
    caller = streaming(TWO_TURNS)
    caller.hang_up(101.0)
    told = Embedded((10.0,), (1.0,), (2.0,))

    assert measure(caller, End("caller-hung-up"), started_at=0.0, embedded=told).embedded is told


@pytest.mark.parametrize(("whose", "crosstalk"), [(4, False), (5, True), (None, None), (6, None)])
def test_cross_talk_is_another_caller_s_fingerprint(whose: int | None, crosstalk: bool | None) -> None:
    tape = Recording.read(default_recording())
    caller = streaming(tape)
    says(caller, 7000, tape.payload if whose is None else Fingerprint(whose).mixed(tape.payload))
    caller.due(140.0)
    caller.hang_up(140.0)

    result = measure(caller, End("caller-hung-up"), started_at=0.0, fingerprints=(4, (4, 5)))

    assert result.crosstalk is crosstalk


@pytest.mark.parametrize(("whose", "crosstalk"), [(4, False), (5, True), (None, None)])
def test_a_model_that_hears_somebody_else_is_cross_talk(whose: int | None, crosstalk: bool | None) -> None:
    tape = Recording.read(default_recording())
    heard_by_model = b"" if whose is None else Fingerprint(whose).mixed(tape.payload)

    result = measure(
        streaming(),
        End("caller-hung-up"),
        started_at=0.0,
        fingerprints=(4, (4, 5)),
        heard_by_model=heard_by_model,
    )

    assert result.crosstalk is crosstalk
