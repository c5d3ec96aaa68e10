"""A caller who listens: when he speaks, and what is heard of him meanwhile."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.recording import Recording, Utterance
from tests.loadtest.calls import CONNECT, clear, media, silence, speech, streaming


def tape(*utterances: tuple[int, int], duration_ms: int) -> Recording:
    """A recording of which every piece can be told from every other."""
    payload = random.Random(7).randbytes(duration_ms * 8)
    return Recording(payload, "made.wav", tuple(Utterance(*each) for each in utterances))


TWO = tape((1000, 2000), (3500, 4500), duration_ms=5000)
THREE = tape((1000, 2000), (3500, 4500), (6000, 6400), duration_ms=7000)


def listening(recording: Recording = TWO, **given: Any) -> RecordedCaller:
    return streaming(recording, reactive=True, **given)


def converse(caller: RecordedCaller, *agent: tuple[int, str], until_ms: int, from_ms: int = 0) -> bytes:
    """Let the agent send its messages at their times; return what the caller said, each frame in its turn."""
    to_come, said = sorted(agent, key=lambda each: each[0]), b""
    for ms in range(from_ms, until_ms + 1):
        while to_come and to_come[0][0] <= ms:
            caller.receive(to_come.pop(0)[1], 100.0 + ms / 1000)
        for message in map(json.loads, caller.due(100.0 + ms / 1000)):
            if message["event"] == "media":
                said += base64.b64decode(message["media"]["payload"])
    return said


def times(caller: RecordedCaller) -> list[tuple[int, int]]:
    return [(each.start_ms, each.end_ms) for each in caller.said_utterances]


def test_the_next_utterance_begins_when_the_agent_has_finished_and_the_caller_has_thought() -> None:
    caller = listening()

    said = converse(caller, (2600, media(speech(1500))), until_ms=7000)

    assert times(caller) == [(1000, 2000), (5600, 6600)]
    assert said[800 * 8 : 2200 * 8] == TWO.payload[800 * 8 : 2200 * 8]
    assert said[5400 * 8 : 6800 * 8] == TWO.payload[3300 * 8 : 4700 * 8]


@pytest.mark.parametrize("odd_ms", [0, 1, 7, 13, 19])
def test_an_utterance_begins_to_the_millisecond_although_frames_do_not(odd_ms: int) -> None:
    caller = listening()

    said = converse(caller, (2600 + odd_ms, media(speech(1500))), until_ms=7000)

    start_ms = 5600 + odd_ms
    assert times(caller)[1] == (start_ms, start_ms + 1000)
    assert said[(start_ms - 180) * 8 : (start_ms + 1200) * 8] == TWO.payload[3320 * 8 : 4700 * 8]


def test_silence_in_the_agent_s_audio_is_not_waited_for() -> None:
    caller = listening()
    converse(caller, (2600, media(silence(100) + speech(900) + silence(5000))), until_ms=6000)

    assert times(caller)[1] == (2600 + 1000 + 1500, 6100)


def test_an_agent_that_goes_on_is_waited_for_again() -> None:
    caller = listening()
    converse(caller, (2600, media(speech(500))), (4000, media(speech(500))), until_ms=7000)

    assert times(caller)[1] == (4500 + 1500, 7000)


@pytest.mark.parametrize(("pause_ms", "thought_ms"), [(50, 200), (700, 700), (20_000, 5000)])
def test_the_pause_is_the_caller_s_own_within_bounds(pause_ms: int, thought_ms: int) -> None:
    caller = listening(tape((100, 1000), (1000 + pause_ms, 2000 + pause_ms), duration_ms=22_500))
    converse(caller, (1200, media(speech(300))), until_ms=8000)

    assert times(caller)[1][0] == 1500 + thought_ms


def test_a_caller_loses_patience_with_an_agent_that_never_answers() -> None:
    caller = listening(patience=4.0)
    converse(caller, until_ms=7000)

    assert times(caller) == [(1000, 2000), (6000, 7000)]


def test_the_first_utterance_keeps_its_own_time() -> None:
    caller = listening()
    converse(caller, (100, media(speech(300))), until_ms=1500)

    assert times(caller) == [(1000, 2000)]


def test_the_first_utterance_waits_while_the_agent_greets() -> None:
    caller = listening()
    converse(caller, (300, media(speech(2000))), until_ms=3000)

    assert times(caller) == [(2800, 3800)]


def test_a_caller_told_to_barges_into_every_answer() -> None:
    caller = listening(THREE, barge_in_at=1.2)
    converse(
        caller,
        *((2600, media(speech(9000))), (4000, clear())),
        *((5300, media(speech(9000))), (6800, clear())),
        until_ms=7000,
    )

    assert times(caller) == [(1000, 2000), (3800, 4800), (6500, 6900)]


def test_a_barge_in_at_once_cuts_the_margin_short() -> None:
    caller = listening(barge_in_at=0.0)
    said = converse(caller, (2603, media(speech(9000))), until_ms=5000)

    assert times(caller)[1] == (2603, 3603)
    assert said[2600 * 8 : 3603 * 8] == TWO.payload[3497 * 8 : 4500 * 8]


def test_an_answer_that_is_over_before_the_barge_in_is_followed_as_ever() -> None:
    caller = listening(barge_in_at=2.0)
    converse(caller, (2600, media(speech(900))), until_ms=6000)

    assert times(caller)[1] == (3500 + 1500, 6000)


def test_the_rest_of_an_interrupted_answer_is_no_answer() -> None:
    short = tape((1000, 2000), (3000, 3100), (4000, 4500), duration_ms=5000)
    caller = listening(short, barge_in_at=0.5, patience=3.0)
    converse(caller, (2600, media(speech(9000))), (3600, clear()), (4200, media(speech(5000))), until_ms=6000)

    assert times(caller) == [(1000, 2000), (3100, 3200), (4700, 5200)]


def test_patience_begins_when_an_interrupted_answer_stops() -> None:
    short = tape((1000, 2000), (3000, 3100), (4000, 4500), duration_ms=5000)
    caller = listening(short, barge_in_at=0.5, patience=2.0)
    converse(caller, (2600, media(speech(9000))), (4200, clear()), until_ms=7000)

    assert times(caller)[2] == (6200, 6700)


def test_an_agent_that_talks_for_ever_is_talked_over() -> None:
    caller = listening(patience=1.0, give_up_after=6.0)
    converse(caller, (2600, media(speech(60_000))), until_ms=9000)

    assert times(caller)[1] == (8000, 9000)


def test_a_greeting_that_never_ends_is_talked_over() -> None:
    caller = listening(patience=1.0, give_up_after=6.0)
    converse(caller, (0, media(speech(60_000))), until_ms=8000)

    assert times(caller) == [(7000, 8000)]


def test_between_utterances_the_room_of_the_recording_is_heard() -> None:
    caller = listening(patience=8.0)

    said = converse(caller, until_ms=9000)

    pause, room = TWO.payload[2000 * 8 : 3300 * 8], TWO.payload[2300 * 8 : 3300 * 8]
    assert said[2000 * 8 : 9000 * 8] == (pause + 6 * room)[: 7000 * 8]


def test_a_recording_without_a_pause_is_silent_in_between() -> None:
    caller = listening(tape((100, 1000), (1450, 2000), duration_ms=2100))

    said = converse(caller, until_ms=3000)

    assert said[1240 * 8 :] == silence(1760)


def test_after_the_last_utterance_the_rest_of_the_recording_is_heard_and_then_silence() -> None:
    caller = listening(tape((100, 1000), duration_ms=2000))

    assert converse(caller, until_ms=3000) == caller.recording.payload + silence(1000)
    assert [(each.first_frame, each.source_ms, each.n_frames) for each in caller.timeline.said] == [
        (0, 0, 150)
    ]


def test_a_recording_in_which_nobody_speaks_is_played_as_it_is() -> None:
    caller = listening(tape(duration_ms=2000))

    assert converse(caller, (500, media(speech(5000))), until_ms=2500) == caller.recording.payload + silence(
        500
    )
    assert caller.said_utterances == ()
    assert caller.next_deadline() == pytest.approx(102.52)


def test_the_caller_hangs_up_after_the_answer_to_the_last_utterance() -> None:
    caller = listening(linger=2.0)
    converse(caller, (2600, media(speech(1500))), until_ms=6500)
    caller.receive(media(speech(2000)), 107.0)

    assert not caller.wants_to_hang_up(110.999)
    assert caller.wants_to_hang_up(111.0)


def test_a_caller_with_something_to_say_does_not_hang_up() -> None:
    caller = listening(patience=10.0, linger=0.1)
    converse(caller, until_ms=11_900)

    assert not caller.wants_to_hang_up(111.9)
    converse(caller, from_ms=11_901, until_ms=12_000)
    assert not caller.wants_to_hang_up(113.59)
    assert caller.wants_to_hang_up(113.61)  # after the utterance, the rest of the recording, and a moment


def test_frames_stay_on_their_grid() -> None:
    caller = listening()
    caller.receive(media(speech(700)), 100.0)
    for n in range(200):
        assert caller.next_deadline() == pytest.approx(100.0 + (n + 1) * 0.02, abs=1e-9)
        assert len(caller.due(100.0 + (n + 1) * 0.02 + 1e-6)) == 1

    assert max(caller.timeline.frame_lateness_ms) < 0.01


def reconnect(caller: RecordedCaller, ms: int) -> None:
    now = 100.0 + ms / 1000
    caller.webhook("/twilio/after", now)
    caller.take_twiml(200, "text/xml", CONNECT, now)
    caller.begin(now)


def test_an_utterance_goes_on_while_there_is_no_stream() -> None:
    caller = listening()
    converse(caller, until_ms=1400)
    caller.stream_closed(1006, 101.4)
    reconnect(caller, 1700)

    said = converse(caller, from_ms=1701, until_ms=2100)

    assert said == TWO.payload[1700 * 8 : 2100 * 8]
    assert times(caller) == [(1000, 2000)]
    runs = [(each.first_frame, each.source_ms, each.n_frames) for each in caller.timeline.said]
    assert runs == [(0, 0, 70), (85, 1700, 20)]


def test_an_utterance_that_nobody_heard_the_end_of_is_followed_by_its_pause() -> None:
    caller = listening()
    converse(caller, until_ms=1400)
    caller.stream_closed(1006, 101.4)
    reconnect(caller, 60_000)

    assert converse(caller, from_ms=60_001, until_ms=61_000) == TWO.payload[2000 * 8 : 3000 * 8]


def test_no_utterance_begins_while_there_is_no_stream_and_lost_audio_is_not_waited_for() -> None:
    caller = listening(patience=3.0)
    converse(caller, (2100, media(speech(20_000))), until_ms=2400)
    caller.stream_closed(1006, 102.4)
    reconnect(caller, 30_000)
    converse(caller, from_ms=30_001, until_ms=31_990)

    assert times(caller) == [(1000, 2000), (31_500, 32_500)]


@pytest.mark.parametrize(
    "given",
    [
        {"barge_in_at": 1.0},
        {"replay": True},
        {"replay": True, "reactive": True},
        {"patience": -1.0, "reactive": True},
    ],
)
def test_a_caller_cannot_be_told_what_does_not_go_together(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"reactive|replayed|reacts"):
        streaming(TWO, **given)


AGENT = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.one_of(
            st.builds(
                lambda ms, quiet_ms: media(silence(quiet_ms) + speech(ms)),
                st.integers(1, 4000),
                st.integers(0, 500),
            ),
            st.just(clear()),
        ),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(agent=AGENT, barge_in_at=st.none() | st.floats(0, 3))
def test_whatever_the_agent_does_every_utterance_is_said_once_and_whole(
    agent: list[tuple[int, str]], barge_in_at: float | None
) -> None:
    caller = listening(THREE, barge_in_at=barge_in_at, patience=2.0, give_up_after=4.0)
    over_at_ms = 1000 + 3 * (4000 + 20) + 2400 + 600

    said = converse(caller, *agent, until_ms=over_at_ms)

    assert len(caller.said_utterances) == 3
    previous_ms = 0
    for spoken, written in zip(caller.said_utterances, THREE.utterances, strict=True):
        assert spoken.start_ms >= previous_ms
        previous_ms = spoken.end_ms
        audio = said[spoken.start_ms * 8 : spoken.end_ms * 8]
        assert audio == THREE.payload[written.start_ms * 8 : written.end_ms * 8]
    runs = caller.timeline.said
    assert b"".join(THREE.excerpt(run.source_ms, run.n_frames) for run in runs) == said
