import pytest

from gateway.call_recordings.heard_track import FIRST_LAG, MAX_LAG, HeardTrack
from voice_codecs import MULAW_SILENCE

A, B = b"\x01" * 1600, b"\x02" * 1600
"""200 ms each."""
SECOND = 8000


def silence(n_samples: int) -> bytes:
    return MULAW_SILENCE * n_samples


def test_what_is_sent_sounds_after_its_way_and_one_after_the_other() -> None:
    track = HeardTrack()
    track.sent(A, "1", 800)
    track.sent(B, "2", 810)

    assert track.take(SECOND) == silence(800 + FIRST_LAG) + A + B + silence(SECOND - 4000 - FIRST_LAG)


def test_track_is_the_same_however_it_is_taken() -> None:
    whole, pieces = HeardTrack(), HeardTrack()
    for track in (whole, pieces):
        track.sent(A, "1", 333)
        track.sent(B, "2", 340)

    assert b"".join(pieces.take(until) for until in range(0, SECOND + 1, 160)) == whole.take(SECOND)


def test_nothing_is_given_twice_and_going_back_gives_nothing() -> None:
    track = HeardTrack()
    track.sent(A, "1", 0)

    assert len(track.take(1000)) == 1000
    assert track.take(500) == b""
    assert track.take(1000) == b""


def test_clear_cuts_to_the_sample_what_sounds_then_and_all_behind_it() -> None:
    track = HeardTrack()
    track.sent(A, "1", 0)
    track.sent(B, "2", 0)
    track.take(FIRST_LAG + 100)
    track.cleared(FIRST_LAG + 1700)

    assert track.take(SECOND)[:1700] == A[100:] + B[:100] + silence(100)


def test_clear_before_anything_sounds_leaves_nothing() -> None:
    track = HeardTrack()
    track.sent(A, "1", 100)
    track.cleared(110)

    assert track.take(SECOND) == silence(SECOND)


def test_what_is_sent_after_a_clear_sounds_behind_what_was_heard() -> None:
    track = HeardTrack()
    track.sent(A, "1", 0)
    track.cleared(FIRST_LAG + 400)
    track.sent(B, "2", FIRST_LAG + 500)

    sound = track.take(SECOND)

    assert sound[FIRST_LAG : FIRST_LAG + 400] == A[:400]
    assert sound.index(B) == FIRST_LAG + 400 or sound.index(B) == FIRST_LAG + 500 + FIRST_LAG


def test_marks_tell_how_long_the_way_is() -> None:
    track = HeardTrack()
    for number in range(30):
        at = number * SECOND
        track.sent(A, str(number), at)
        track.take(at + 4000)
        track.marked(str(number), at + 1600 + 1200)  # 150 ms there and back

    track.sent(B, "last", 30 * SECOND)
    begins_at = 30 * SECOND + track.take(31 * SECOND).index(B) - 4000

    assert begins_at == pytest.approx(30 * SECOND + 1200, abs=16)


@pytest.mark.parametrize(("late", "lag"), [(10 * SECOND, MAX_LAG), (-10 * SECOND, 0)])
def test_way_is_never_longer_than_can_be_believed_nor_shorter_than_none(late: int, lag: int) -> None:
    track = HeardTrack()
    for number in range(9):
        track.sent(A, str(number), number * SECOND)
        track.take(number * SECOND + SECOND)
        track.marked(str(number), number * SECOND + late)

    track.sent(B, "last", 9 * SECOND)

    assert track.take(10 * SECOND).index(B) == lag


def test_what_follows_audio_that_was_held_up_waits_too() -> None:
    track = HeardTrack()
    track.sent(A, "1", 0)
    track.sent(B, "2", 0)
    track.take(FIRST_LAG + 1600)
    track.marked("1", 6000)  # it has sounded only now

    assert track.take(SECOND).index(B) == 6000 - FIRST_LAG - 1600


def test_marks_of_cleared_or_unknown_audio_tell_nothing() -> None:
    track = HeardTrack()
    track.sent(A, "1", 0)
    track.cleared(FIRST_LAG + 10)
    track.take(4000)
    track.marked("1", 4000)
    track.marked("never sent", 4000)
    track.sent(B, "2", 4000)

    assert track.take(SECOND).index(B) == FIRST_LAG
