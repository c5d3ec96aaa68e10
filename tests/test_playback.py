import random

from gateway.playback import MAX_REMEMBERED, Cut, Playback, Unheard


def played(playback: Playback, item_id: str, ms: int, now: float) -> str:
    """The model makes and we send ``ms`` of audio; return the mark's name."""
    before = playback._items[item_id].said_ms if item_id in playback._items else 0
    playback.said(item_id, before + ms)
    return playback.sent(item_id, ms * 8, now)


def test_nothing_is_unheard_before_anything_was_sent() -> None:
    playback = Playback()

    assert not playback.is_unheard
    assert playback.cleared(now=1.0) == []


def test_heard_position_advances_with_the_clock_from_when_the_audio_was_sent() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)

    assert playback.heard_ms("item", now=1.0) == 0
    assert playback.heard_ms("item", now=1.125) == 125


def test_heard_position_never_passes_the_next_mark_that_has_not_come_back() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)
    played(playback, "item", 200, now=1.0)

    assert playback.heard_ms("item", now=9.0) == 200


def test_a_mark_confirms_what_was_played_and_the_clock_goes_on_from_there() -> None:
    playback = Playback()
    first = played(playback, "item", 200, now=1.0)
    played(playback, "item", 200, now=1.0)

    assert playback.marked(first, now=1.25)
    assert playback.heard_ms("item", now=1.25) == 200
    assert playback.heard_ms("item", now=1.3125) == 262


def test_audio_sent_after_a_silence_starts_when_it_is_sent() -> None:
    playback = Playback()
    playback.marked(played(playback, "item", 200, now=1.0), now=1.2)
    played(playback, "item", 200, now=5.0)

    assert playback.heard_ms("item", now=5.0625) == 262


def test_interrupted_item_is_cut_where_the_caller_stopped_hearing_it() -> None:
    playback = Playback()
    first = played(playback, "item", 200, now=1.0)
    played(playback, "item", 200, now=1.0)
    playback.marked(first, now=1.2)

    assert playback.cleared(now=1.25) == [Cut("item", 250)]
    assert not playback.is_unheard


def test_items_queued_behind_the_audible_one_are_cut_to_nothing() -> None:
    playback = Playback()
    played(playback, "first", 200, now=1.0)
    played(playback, "second", 200, now=1.0)
    played(playback, "third", 200, now=1.0)

    assert playback.cleared(now=1.125) == [Cut("first", 125), Cut("second", 0), Cut("third", 0)]


def test_item_that_was_heard_to_its_end_is_not_cut() -> None:
    playback = Playback()
    heard = played(playback, "first", 200, now=1.0)
    played(playback, "second", 200, now=1.0)
    playback.marked(heard, now=1.2)

    assert playback.cleared(now=1.25) == [Cut("second", 50)]


def test_item_that_has_sounded_by_the_clock_is_cleared_but_keeps_its_transcript() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)

    assert playback.is_unheard
    assert playback.cleared(now=1.5) == []


def test_mark_echoed_by_a_clear_does_not_count_as_heard() -> None:
    playback = Playback()
    old = played(playback, "first", 200, now=1.0)
    playback.cleared(now=1.0)
    played(playback, "second", 200, now=1.1)

    assert not playback.marked(old, now=1.1)
    assert playback.heard_ms("second", now=1.1) == 0


def test_marks_have_names_of_their_own_across_clears() -> None:
    playback = Playback()
    names = set()
    for round_ in range(5):
        names |= {played(playback, "item", 20, now=float(round_)) for _ in range(10)}
        playback.cleared(now=float(round_))

    assert len(names) == 50


def test_mark_vouches_for_earlier_ones_whose_echo_was_lost() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)
    second = played(playback, "item", 200, now=1.0)

    assert playback.marked(second, now=1.4)
    assert playback.heard_ms("item", now=1.4) == 400
    assert not playback.is_unheard


def test_cut_never_exceeds_the_audio_the_model_made() -> None:
    playback = Playback()
    playback.said("item", 150)
    playback.sent("item", 200 * 8, now=1.0)  # a filter's tail, say

    assert playback.cleared(now=1.175) == []


def test_unheard_amount_shrinks_as_it_plays() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)
    played(playback, "item", 200, now=1.0)

    assert playback.unheard_ms(now=1.0) == 400
    assert playback.unheard_ms(now=1.125) == 275


def test_finished_item_is_forgotten_once_it_was_heard() -> None:
    playback = Playback()
    mark = played(playback, "item", 200, now=1.0)
    playback.finished("item")
    assert playback.heard_ms("item", now=1.1) == 100

    playback.marked(mark, now=1.2)

    assert playback._items == {}


def test_item_that_was_heard_before_it_finished_is_forgotten_then() -> None:
    playback = Playback()
    playback.marked(played(playback, "item", 200, now=1.0), now=1.2)
    assert "item" in playback._items

    playback.finished("item")
    playback.finished("item")

    assert playback._items == {}


def test_heard_position_agrees_with_a_phone_that_plays_in_real_time() -> None:
    """Random deltas against a simulated playback buffer: never ahead of it, never more than a mark behind."""
    random.seed(7)
    playback = Playback()
    end = now = 0.0
    marks: list[tuple[float, str]] = []
    n_ms = 0
    for _ in range(2000):
        now += random.random() * 0.2
        while marks and marks[0][0] <= now:
            at, name = marks.pop(0)
            assert playback.marked(name, now=at)
        if random.random() < 0.7:
            ms = random.randint(1, 200)
            n_ms += ms
            end = max(end, now) + ms / 1000
            marks.append((end, played(playback, "item", ms, now=now)))
        true_ms = n_ms - max(0.0, end - now) * 1000
        assert abs(playback.heard_ms("item", now=now) - true_ms) <= 2


def test_cuts_say_what_stopping_now_would_leave_unheard_and_change_nothing() -> None:
    playback = Playback()
    played(playback, "first", 200, now=1.0)
    played(playback, "second", 200, now=1.0)

    assert playback.cuts(now=1.125) == [Cut("first", 125), Cut("second", 0)]
    assert playback.cuts(now=1.25) == playback.cleared(now=1.25) == [Cut("second", 0)]
    assert playback.cuts(now=1.25) == []


def test_items_heard_to_their_end_are_given_once_in_order() -> None:
    playback = Playback()
    marks = [played(playback, item, 200, now=1.0) for item in ("first", "second", "third")]
    playback.finished("first")
    playback.finished("second")
    assert playback.pop_heard() == []
    for mark in marks:
        playback.marked(mark, now=1.6)
    assert playback.pop_heard() == ["first", "second"]

    playback.finished("third")

    assert playback.pop_heard() == ["third"]
    assert playback.pop_heard() == []


def test_clear_gives_items_as_heard_that_had_sounded_whole_and_not_those_it_cuts() -> None:
    playback = Playback()
    played(playback, "first", 200, now=1.0)
    playback.finished("first")

    assert playback.cleared(now=1.5) == []
    assert playback.pop_heard() == ["first"]

    played(playback, "second", 200, now=2.0)
    playback.finished("second")
    playback.cleared(now=2.1)
    assert playback.pop_heard() == []


def test_item_that_had_sounded_so_far_when_it_was_cleared_is_remembered_to_be_cut_there() -> None:
    playback = Playback()
    played(playback, "item", 200, now=1.0)
    playback.cleared(now=1.5)

    assert playback.heard_ms("item", now=1.6) == 200


def test_items_whose_end_never_comes_and_heard_ones_nobody_asks_for_are_bounded() -> None:
    playback = Playback()
    for n in range(10 * MAX_REMEMBERED):
        playback.marked(played(playback, f"endless {n}", 20, now=float(n)), now=n + 0.02)
        playback.finished("unknown")
    assert len(playback._items) == MAX_REMEMBERED

    for n in range(10 * MAX_REMEMBERED):
        playback.marked(played(playback, f"item {n}", 20, now=float(n)), now=n + 0.02)
        playback.finished(f"item {n}")
    assert len(playback.pop_heard()) == MAX_REMEMBERED


def test_item_on_its_way_is_never_forgotten_however_many_there_are() -> None:
    playback = Playback()
    for n in range(2 * MAX_REMEMBERED):
        played(playback, f"item {n}", 20, now=1.0)

    assert len(playback.cleared(now=1.0)) == 2 * MAX_REMEMBERED


def test_what_has_not_sounded_is_known_to_the_sample_if_its_payload_was_given() -> None:
    playback = Playback()
    playback.said("item", 300)
    playback.sent("item", 4, now=0.0, payload=b"abcd")
    playback.sent("other", 4, now=0.0)
    playback.sent("item", 4, now=0.0, payload=b"efgh")

    assert playback.unheard(now=0.00025) == [Unheard("item", b"cd", 2, 300), Unheard("item", b"efgh", 4, 300)]
    assert playback.unheard(now=1.0) == [Unheard("item", b"efgh", 4, 300)]
    playback.cleared(now=0.0)
    assert playback.unheard(now=0.0) == []


def test_item_taken_up_again_is_heard_and_cut_from_where_it_stopped() -> None:
    playback = Playback()
    playback.go_on("item", 800, 200)
    playback.sent("item", 800, now=1.0)
    playback.finished("item")

    assert playback.heard_ms("item", now=1.0) == 100
    assert playback.cleared(now=1.0625) == [Cut("item", 162)]
