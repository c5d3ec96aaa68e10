from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.loadtest.analysis import (
    BargeIn,
    Reply,
    Talkspurt,
    analyse,
    stereo,
    talkspurts,
    voiced_span,
    write_stereo,
)
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.recording import Recording, Utterance
from tests.loadtest.calls import (
    CONNECT,
    clear,
    mark,
    media,
    new_caller,
    recording,
    run,
    silence,
    speech,
    streaming,
)
from voice_codecs import mulaw_decode

TWO_TURNS = recording((1000, 2000), (5000, 6000), duration_ms=8000)


def finished(caller: RecordedCaller, at: float = 112.0) -> RecordedCaller:
    caller.due(at)
    caller.hang_up(at)
    return caller


def says(caller: RecordedCaller, at_ms: int, payload: bytes) -> None:
    caller.receive(media(payload), 100.0 + at_ms / 1000)


def clears(caller: RecordedCaller, at_ms: int) -> None:
    caller.receive(clear(), 100.0 + at_ms / 1000)


def test_set_up_is_counted_from_the_first_webhook() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 250, speech(100))

    figures = analyse(finished(caller))

    assert (figures.setup_ms, figures.first_media_ms) == (500, 750)


def test_a_call_that_never_streamed_has_no_figures() -> None:
    caller = new_caller(TWO_TURNS)
    caller.webhook("/twilio/voice", 1.0)
    caller.take_twiml(200, "text/xml", b"<Response><Reject/></Response>", 2.0)

    figures = analyse(caller)

    assert (figures.setup_ms, figures.first_media_ms, figures.heard_ms) == (None, None, 0)
    assert [*figures.talkspurts, *figures.replies, *figures.barge_ins] == []
    assert stereo(caller).shape == (0, 2)


def test_a_turn_lasts_from_the_last_voiced_to_the_first_audible_sample() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 2400, silence(150) + speech(1000))
    says(caller, 6700, speech(1000))

    figures = analyse(finished(caller))

    assert figures.replies == (
        Reply(TWO_TURNS.utterances[0], 550),
        Reply(TWO_TURNS.utterances[1], 700),
    )
    assert figures.barge_ins == ()
    assert figures.talkspurts == (Talkspurt(2550, 3550), Talkspurt(6700, 7700))
    assert figures.heard_ms == 2150


def test_an_utterance_that_nobody_answers_has_no_turn() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 6500, speech(1000))

    assert [each.utterance for each in analyse(finished(caller)).replies] == [TWO_TURNS.utterances[1]]


def test_an_agent_that_speaks_over_the_end_of_an_utterance_is_no_turn() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 1800, speech(1000))
    says(caller, 3500, speech(200))

    assert analyse(finished(caller)).replies == ()


def test_a_barge_in_lasts_from_the_first_voiced_sample_to_the_agent_s_last_audible_one() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(10_000))
    clears(caller, 5430)
    says(caller, 6500, speech(500))

    figures = analyse(finished(caller))

    assert figures.barge_ins == (BargeIn(TWO_TURNS.utterances[1], 430),)
    assert figures.replies == (
        Reply(TWO_TURNS.utterances[0], 1000),
        Reply(TWO_TURNS.utterances[1], 500),
    )
    assert figures.talkspurts == (Talkspurt(3000, 5430, "clear"), Talkspurt(6500, 7000))


def test_a_syllable_that_leaks_after_the_clear_lengthens_the_barge_in() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 3000, speech(10_000))
    clears(caller, 5400)
    says(caller, 5450, speech(10_000))
    clears(caller, 5650)

    assert analyse(finished(caller)).barge_ins == (BargeIn(TWO_TURNS.utterances[1], 650),)


def test_audio_that_goes_on_or_ends_by_itself_was_not_stopped() -> None:
    by_itself = streaming(TWO_TURNS)
    says(by_itself, 3000, speech(2100))
    resumes = streaming(TWO_TURNS)
    says(resumes, 3000, speech(10_000))
    clears(resumes, 5300)
    says(resumes, 5400, speech(300))
    goes_on = streaming(TWO_TURNS)
    says(goes_on, 3000, speech(20_000))

    for caller in (by_itself, resumes, goes_on):
        assert analyse(finished(caller)).barge_ins == (BargeIn(TWO_TURNS.utterances[1], None),)


def test_a_short_pause_belongs_to_the_talkspurt_and_a_long_one_ends_it() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 0, speech(100) + silence(290) + speech(100) + silence(310) + speech(100))
    says(caller, 1150, speech(50))

    assert talkspurts(caller) == (Talkspurt(0, 490), Talkspurt(800, 1200))


def test_an_agent_that_only_sends_silence_does_not_speak() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 0, silence(8000))

    figures = analyse(finished(caller))

    assert (figures.talkspurts, figures.replies, figures.heard_ms) == ((), (), 8000)


def test_utterances_that_the_call_did_not_reach_do_not_count() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 4000, speech(10_000))

    assert analyse(finished(caller, at=104.9)).barge_ins == ()


def test_delivery_is_counted() -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 0, speech(100))
    says(caller, 130, speech(100))
    says(caller, 280, speech(100))
    caller.receive("x", 101.0)

    figures = analyse(finished(caller))

    assert (figures.n_under_runs, figures.under_run_ms, figures.faults) == (2, 80, {"31951": 1})


def test_an_utterance_is_narrowed_to_its_voice() -> None:
    hiss = b"\x7e\xfe" * 4000  # a thousandth of the speech
    audio = bytearray(hiss)
    audio[2400:4800] = speech(300)
    tape = Recording(bytes(audio), "hiss.wav", ())

    assert voiced_span(tape, Utterance(100, 805)) == (300, 600)
    assert voiced_span(tape, Utterance(305, 555)) == (305, 555)
    assert voiced_span(Recording(silence(500), "silent.wav", ()), Utterance(0, 500)) == (0, 500)


def test_the_two_sides_of_a_call_are_rebuilt_to_the_sample() -> None:
    tape = recording((0, 1000), duration_ms=1000)
    caller = streaming(tape)
    says(caller, 40, speech(500))
    clears(caller, 140)
    says(caller, 200, speech(50))
    run(caller, until=100.3)
    caller.hang_up(100.3)

    both = stereo(caller)

    assert both.shape == (2400, 2)
    assert both.dtype == np.int16
    assert np.array_equal(both[:, 0], mulaw_decode(tape.payload[:2400]))
    heard = silence(40) + speech(500)[:800] + silence(60) + speech(50) + silence(50)
    assert np.array_equal(both[:, 1], mulaw_decode(heard))


def test_between_two_streams_the_line_is_silent() -> None:
    tape = recording((0, 1000), duration_ms=1000)
    caller = streaming(tape)
    caller.due(100.1)
    says(caller, 90, speech(500))
    caller.stream_closed(1000, 100.1)
    caller.webhook("/twilio/after", 100.1)
    caller.take_twiml(200, "text/xml", CONNECT, 100.2)
    caller.begin(100.2)
    caller.receive(mark("a"), 100.2)
    caller.due(100.26)
    caller.hang_up(100.26)

    both = stereo(caller)

    said = tape.payload[:800] + silence(100) + tape.payload[1600:2080]
    assert np.array_equal(both[:, 0], mulaw_decode(said))
    assert np.array_equal(both[:800, 1], mulaw_decode(silence(90) + speech(10)))
    assert not both[800:, 1].any()


@pytest.mark.parametrize("name", ["call.wav", "call"])
def test_the_call_is_written_as_a_stereo_wav(tmp_path: Path, name: str) -> None:
    caller = streaming(TWO_TURNS)
    says(caller, 1000, speech(500))
    finished(caller)

    write_stereo(tmp_path / name, caller)

    samples, rate = soundfile.read(tmp_path / name, dtype="int16")
    info = soundfile.info(tmp_path / name)
    assert (rate, info.subtype, info.format) == (8000, "PCM_16", "WAV")
    assert np.array_equal(samples, stereo(caller))
