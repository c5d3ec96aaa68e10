import pytest

from gateway.loadtest.playback import MAX_NOTED, MAX_QUEUED, DueMark, PlaybackBuffer
from tests.loadtest.calls import silence, speech


def runs(buffer: PlaybackBuffer) -> list[tuple[float, int, str | None]]:
    """Every run: start in s, length in samples, what cut it."""
    return [(run.start, len(run.payload), run.cut_by) for run in buffer.runs]


def marks(buffer: PlaybackBuffer) -> list[DueMark]:
    out = []
    while buffer.next_due() is not None:
        out.append(buffer.pop_due())
    return out


def test_audio_sounds_from_when_it_came_and_what_follows_queues_behind_it() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(200), 10.0)
    buffer.play(speech(300), 10.05)

    assert runs(buffer) == [(10.0, 4000, None)]
    assert buffer.queued(10.1) == pytest.approx(0.4)
    assert buffer.queued(11.0) == 0.0


def test_a_mark_is_due_when_the_audio_before_it_has_sounded_to_the_millisecond() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(200), 10.0)
    buffer.mark("a", 10.0)
    buffer.play(b"\x80" * 8, 10.1)
    buffer.mark("b", 10.1)
    buffer.mark("c", 10.15)

    assert marks(buffer) == [DueMark("a", 10.2), DueMark("b", 10.201), DueMark("c", 10.201)]


def test_a_mark_on_an_empty_buffer_is_due_at_once() -> None:
    buffer = PlaybackBuffer()
    buffer.mark("never-played", 5.0)
    buffer.play(speech(100), 6.0)
    buffer.mark("exactly-at-the-end", 6.1)
    buffer.mark("later", 7.0)

    assert [each.due for each in marks(buffer)] == [5.0, 6.1, 7.0]


def test_a_clear_drops_what_has_not_sounded_and_makes_every_mark_due() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), 10.0)
    buffer.mark("a", 10.0)
    buffer.play(speech(1000), 10.0)
    buffer.mark("b", 10.0)

    assert buffer.clear(10.25) == 14_000

    assert runs(buffer) == [(10.0, 2000, "clear")]
    assert marks(buffer) == [DueMark("a", 10.25), DueMark("b", 10.25)]
    assert buffer.queued(10.25) == 0.0
    assert buffer.audible_until == 10.25


def test_a_mark_that_was_already_due_keeps_its_time_through_a_clear() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(100), 10.0)
    buffer.mark("a", 10.0)

    assert buffer.clear(10.3) == 0
    assert marks(buffer) == [DueMark("a", 10.1)]
    assert runs(buffer) == [(10.0, 800, None)]


@pytest.mark.parametrize("start", [0.1, 3.3, 1e5 + 0.7])
@pytest.mark.parametrize("ms", [1, 20, 123, 999])
def test_a_clear_cuts_on_the_sample_whatever_the_clock_s_rounding(start: float, ms: int) -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), start)
    buffer.clear(start + ms / 1000)

    assert len(buffer.runs[0].payload) == ms * 8


def test_audio_after_a_clear_sounds_at_once_and_is_no_under_run() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), 10.0)
    buffer.clear(10.5)
    buffer.play(speech(20), 10.5)
    buffer.clear(10.5)
    buffer.play(speech(20), 10.55)

    assert runs(buffer) == [(10.0, 4000, "clear"), (10.5, 0, "clear"), (10.55, 160, None)]
    assert buffer.under_runs == []


@pytest.mark.parametrize(("gap_ms", "counts"), [(0, False), (4, False), (6, True), (199, True), (201, False)])
def test_a_hole_within_a_talkspurt_is_an_under_run(gap_ms: int, counts: bool) -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(100), 10.0)
    buffer.play(speech(100), 10.1 + gap_ms / 1000)

    assert [each.start for each in buffer.under_runs] == ([10.1] if counts else [])
    assert [each.duration for each in buffer.under_runs] == pytest.approx([gap_ms / 1000] if counts else [])
    assert len(buffer.runs) == (2 if gap_ms else 1)


def test_ten_minutes_fit_and_not_a_sample_more() -> None:
    buffer = PlaybackBuffer()
    full = int(MAX_QUEUED * 8000)

    assert buffer.play(b"\xff" * full, 0.0)
    assert not buffer.play(b"\xff", 0.0)
    assert buffer.play(b"\xff" * 8, 0.001)
    assert len(buffer.runs[0].payload) == full + 8


def test_the_end_of_the_stream_cuts_and_forgets_marks() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), 10.0)
    buffer.mark("a", 10.0)
    buffer.stop(10.1)

    assert runs(buffer) == [(10.0, 800, "stream-end")]
    assert buffer.next_due() is None


def test_silence_is_not_audible() -> None:
    buffer = PlaybackBuffer()
    buffer.play(silence(500) + b"\x80" + silence(500), 10.0)
    buffer.play(silence(60_000), 10.0)

    assert buffer.audible_until == pytest.approx(10.5 + 1 / 8000)


def test_audible_audio_that_comes_soon_after_a_clear_is_noted() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), 9.0)
    buffer.clear(10.0)
    buffer.play(silence(20) + speech(40) + silence(20), 10.1)
    buffer.play(silence(200), 10.2)
    buffer.play(speech(20), 10.5)
    buffer.play(speech(20), 10.501)

    assert [(each.cleared_at, each.at) for each in buffer.after_clear] == [(10.0, 10.1), (10.0, 10.5)]
    assert [each.n_samples for each in buffer.after_clear] == pytest.approx([320, 160], abs=4)


def test_no_more_is_noted_than_a_server_may_fill_memory_with() -> None:
    buffer = PlaybackBuffer()
    buffer.clear(0.0)
    for _ in range(MAX_NOTED + 1):
        buffer.play(b"\x80", 0.1)

    assert len(buffer.after_clear) == MAX_NOTED


def test_all_that_was_sent_is_counted_and_so_are_marks_that_the_end_kept_back() -> None:
    buffer = PlaybackBuffer()
    buffer.play(speech(1000), 0.0)
    buffer.mark("a", 0.0)
    buffer.clear(0.1)
    buffer.pop_due()
    buffer.play(speech(500), 0.2)
    buffer.mark("b", 0.2)
    buffer.mark("c", 0.2)
    buffer.stop(0.3)
    buffer.play(speech(20), 0.4)

    assert buffer.n_samples_sent == 1520 * 8
    assert buffer.n_marks_unreturned == 2
    assert buffer.after_clear[-1].at == 0.2
