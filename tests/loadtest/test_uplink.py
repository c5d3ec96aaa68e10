import numpy as np
import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.recording import Recording, Utterance, default_recording
from gateway.loadtest.results import Embedded
from gateway.loadtest.truth import embedded, heard_by_model
from gateway.observed import Observed
from tests.loadtest.calls import streaming
from tests.loadtest.sessions import session
from voice_codecs import CallerToModel

START, FRAME = 100.0, 0.02
N_FRAMES = 300
WHOLE = Recording.read(default_recording())
TAPE = Recording(WHOLE.payload[: N_FRAMES * 160], "made.wav", (Utterance(1000, 3000), Utterance(4000, 5000)))
"""Six seconds of a person."""


def called(late_ms: float = 0.0) -> RecordedCaller:
    """A caller who said all, every frame so late."""
    caller = streaming(TAPE)
    for frame in range(N_FRAMES):
        caller.due(sent_at(frame) + late_ms / 1000)
    caller.hang_up(sent_at(N_FRAMES - 1) + 0.019)
    return caller


def sent_at(frame: int) -> float:
    return START + (frame + 1) * FRAME


def frame(index: int) -> bytes:
    return TAPE.payload[index * 160 : (index + 1) * 160]


def got(frames: list[tuple[float, bytes]], *, late: float = 0.0) -> Observed:
    """A session that was given mu-law at those times."""
    heard = b"".join(payload for _, payload in frames)
    return session(appends=[(at, 3 * len(payload)) for at, payload in frames], heard=heard, late=late)


def passed_on(seconds: float = 0.003) -> list[tuple[float, bytes]]:
    return [(sent_at(index) + seconds, frame(index)) for index in range(N_FRAMES)]


def told(*observed: Observed, late_ms: float = 0.0) -> Embedded:
    return embedded(called(late_ms), observed)


def test_frames_are_late_by_the_time_from_their_real_sending_until_the_model_had_them() -> None:
    result = told(got(passed_on(0.009)), late_ms=2.0)

    assert len(result.added_up_ms) == 200
    assert result.added_up_ms == pytest.approx([7.0] * 200, abs=0.01)
    assert result.missing_up_ms == (0.0, 0.0)


def test_what_a_filter_holds_back_is_neither_late_nor_missing() -> None:
    filtering = CallerToModel()
    chunks = [(at, filtering.feed(payload)) for at, payload in passed_on()]
    what = session(
        appends=[(at, len(chunk) // 2) for at, chunk in chunks],
        heard=b"".join(chunk for _, chunk in chunks),
        encoding="pcm16",
    )

    result = told(what)

    assert result.added_up_ms == pytest.approx([3.0] * 200, abs=0.01)
    assert result.missing_up_ms == (0.0, 0.0)


def test_a_server_that_delays_the_sound_is_late_though_it_passes_on_as_many_samples() -> None:
    delayed = b"\xff" * 800 + TAPE.payload
    frames = [(sent_at(index) + 0.003, delayed[index * 160 : (index + 1) * 160]) for index in range(N_FRAMES)]

    assert told(got(frames)).added_up_ms == pytest.approx([103.0] * 200, abs=0.01)


def test_audio_held_until_the_model_was_there_is_late_and_not_missing() -> None:
    there = START + 1.5
    result = told(got([(max(there, at), payload) for at, payload in passed_on()]))

    assert max(result.added_up_ms) == pytest.approx(1480.0, abs=0.1)
    assert np.median(result.added_up_ms) == pytest.approx(3.0, abs=0.01)
    assert result.missing_up_ms == (0.0, 0.0)


def test_audio_given_up_at_the_beginning_makes_nothing_late_that_came() -> None:
    result = told(got(passed_on()[100:]))

    assert result.added_up_ms == pytest.approx([3.0] * 200, abs=0.01)
    assert result.missing_up_ms == (1000.0, 0.0)


def test_frames_lost_make_nothing_late_that_comes_after_them() -> None:
    frames = [each for index, each in enumerate(passed_on()) if index % 50 != 49]

    result = told(got(frames))

    assert len(result.added_up_ms) > 80
    assert np.median(result.added_up_ms) == pytest.approx(3.0, abs=0.01)
    assert max(result.added_up_ms) < 3.0 + 20.1
    assert np.mean(np.array(result.added_up_ms) > 3.1) < 0.1


def test_frames_lost_in_an_utterance_are_missing_of_that_one() -> None:
    frames = passed_on()
    del frames[60:63]

    assert told(got(frames)).missing_up_ms == (60.0, 0.0)


def test_samples_lost_at_the_end_of_an_utterance_are_missing_to_the_sample() -> None:
    frames = passed_on()
    frames[249] = frames[249][0], frames[249][1][:72]

    assert told(got(frames)).missing_up_ms == (0.0, 11.0)


def test_frames_that_came_twice_are_missing_below_zero() -> None:
    frames = passed_on()
    frames.insert(100, frames[100])

    assert told(got(frames)).missing_up_ms == (-20.0, 0.0)


def test_frames_that_came_late_are_not_missing() -> None:
    frames = [(at + 0.2 * (index % 20 < 10), payload) for index, (at, payload) in enumerate(passed_on())]
    came = np.maximum.accumulate([at for at, _ in frames])

    result = told(got([(float(at), payload) for at, (_, payload) in zip(came, frames, strict=True)]))

    assert result.missing_up_ms == (0.0, 0.0)


def test_frames_that_the_model_itself_left_unread_say_nothing() -> None:
    result = told(got(passed_on(0.7), late=0.69))

    assert result.added_up_ms == ()
    assert result.missing_up_ms == (0.0, 0.0)


def test_where_a_hole_was_filled_latency_is_told_no_more() -> None:
    frames = passed_on()
    frames[270:270] = [(frames[269][0] + 0.001, b"\xff" * 8000)]

    result = told(got(frames))

    assert result.added_up_ms == pytest.approx([3.0] * 200, abs=0.01)


def test_a_model_that_got_somebody_elses_audio_tells_no_latency() -> None:
    noise = np.random.default_rng(6).integers(0, 256, N_FRAMES * 160, np.uint8).tobytes()
    frames = [(at, noise[index * 160 : (index + 1) * 160]) for index, (at, _) in enumerate(passed_on())]

    assert told(got(frames)).added_up_ms == ()


def test_an_utterance_that_the_end_of_the_session_cut_is_left_out() -> None:
    assert told(got(passed_on()[:240])).missing_up_ms == (0.0,)


def test_the_first_session_that_was_given_audio_counts() -> None:
    result = told(session(), got(passed_on()), got(passed_on(0.5)[290:]))

    assert result.added_up_ms == pytest.approx([3.0] * 200, abs=0.01)


def test_only_the_first_media_stream_is_measured() -> None:
    caller = streaming(TAPE)
    for index in range(100):
        caller.due(sent_at(index))
    caller.stream_closed(1006, sent_at(99) + 0.001)
    caller.timeline.said.append(type(caller.timeline.said[0])(150, 3000, 100))
    caller.timeline.frame_lateness_ms.extend([0.0] * 100)

    result = embedded(caller, [got(passed_on()[:100] + passed_on()[150:250])])

    assert len(result.added_up_ms) == 100
    assert result.missing_up_ms == ()


def test_the_model_heard_whatever_it_got_first() -> None:
    filtering = CallerToModel()
    pcm16 = session(
        appends=[(101.0, 1)], heard=filtering.feed(TAPE.payload) + filtering.flush(), encoding="pcm16"
    )

    assert heard_by_model([session(), got(passed_on()[:5])]) == TAPE.payload[:800]
    assert len(heard_by_model([pcm16])) == len(TAPE.payload)
    assert heard_by_model([]) == heard_by_model([session()]) == b""


def test_a_model_that_got_everything_after_the_end_tells_only_how_late_that_was() -> None:
    result = told(got([(sent_at(N_FRAMES) + 1, payload) for _, payload in passed_on()]))

    assert min(result.added_up_ms) > 1000
    assert result.missing_up_ms == ()


def test_a_caller_who_never_came_to_speak_tells_nothing() -> None:
    caller = streaming(TAPE)
    caller.hang_up(START)

    assert embedded(caller, [got(passed_on()[:3])]) == Embedded()
