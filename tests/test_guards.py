from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import ending as endings
from gateway.agent_limits import LimitsTable, PhrasesTable
from gateway.guards import Ask, Guards, Leave, Wish
from gateway.prices import Prices
from gateway.realtime.usage import TokenUsage

PHRASES = PhrasesTable()
STILL_THERE = Ask(PHRASES.still_there)
TIME_WARNING = Ask(PHRASES.time_warning)
NO_INPUT = Leave(PHRASES.goodbye_silence, endings.NO_INPUT)
MACHINE = Leave(None, endings.MACHINE)
MAX_DURATION = Leave(PHRASES.goodbye_time, endings.MAX_DURATION)
BUDGET = Leave(PHRASES.goodbye_budget, endings.BUDGET)
DOLLAR_A_TOKEN = Prices(text_in=1e6, text_out=1e6, audio_in=1e6, audio_out=1e6)


class Watched:
    """Guards of a call that began at 0, asked as a call asks them."""

    def __init__(
        self, prices: Prices | None = None, *, words_are_told: bool = True, **limits: float | None
    ) -> None:
        table = LimitsTable.model_validate(limits)
        self.guards = Guards(table, PHRASES, prices, words_are_told=words_are_told)
        self.guards.started(0.0)
        self.now = 0.0

    def until(
        self, end: float, *, audible: bool = False, generating: bool = False
    ) -> list[tuple[float, Wish]]:
        """What came due, and when, until ``end``."""
        wishes = []
        while self.now <= end:
            wish = self.guards.due(self.now, is_audible=audible, is_generating=generating)
            if wish is not None:
                wishes.append((round(self.now, 1), wish))
            wait = self.guards.until_next_look(self.now)
            if self.now + wait > end:
                break
            self.now += wait
        self.now = end
        return wishes

    def turn(self, seconds: float, text: str | None) -> list[tuple[float, Wish]]:
        """A turn of the caller's from now on, its words told at once."""
        self.guards.caller_speaks(self.now)
        wishes = self.until(self.now + seconds)
        self.guards.caller_silent(self.now)
        self.guards.caller_said(text, self.now)
        return wishes

    def turns(self, texts: Iterable[str | None]) -> list[Wish]:
        """Turns of 2 s, one after the other."""
        wishes = []
        for text in texts:
            self.turn(2.0, text)
            wishes += self.until(self.now + 1.0)
        return [wish for _, wish in wishes]


def test_silent_caller_is_asked_twice_and_then_left() -> None:
    assert Watched().until(120) == [(10, STILL_THERE), (20, STILL_THERE), (30, NO_INPUT)]


def test_silence_begins_when_the_agent_was_heard_out() -> None:
    call = Watched(no_input_seconds=5)

    assert call.until(4, generating=True) == []
    assert call.until(30, audible=True) == []
    assert [at for at, _ in call.until(36)] == [35]


def test_question_that_takes_a_while_to_be_said_is_not_asked_again_meanwhile() -> None:
    call = Watched(no_input_seconds=3)

    assert call.until(3) == [(3, STILL_THERE)]
    assert call.until(5) == []
    assert call.until(8, audible=True) == []
    assert call.until(11) == [(11, STILL_THERE)]


@pytest.mark.parametrize("sign", ["words", "key"])
def test_sign_of_the_caller_starts_the_questions_again(sign: str) -> None:
    call = Watched()
    call.until(22)

    if sign == "key":
        call.guards.key_pressed(call.now)
    else:
        call.turn(0, "Yes, I am.")

    assert call.until(60) == [(32, STILL_THERE), (42, STILL_THERE), (52, NO_INPUT)]


def test_noise_is_no_input() -> None:
    call = Watched()
    call.until(8)
    call.turn(0.4, "")

    assert call.until(32) == [(10, STILL_THERE), (20, STILL_THERE), (30, NO_INPUT)]


def test_text_of_marks_alone_is_noise() -> None:
    call = Watched()
    call.until(8)
    call.turn(0.4, " ... !? _ ")

    assert call.until(10) == [(10, STILL_THERE)]


def test_nobody_is_asked_while_the_caller_speaks_or_words_may_still_come() -> None:
    call = Watched()
    call.until(9)
    call.guards.caller_speaks(9)
    assert call.until(20) == []
    call.guards.caller_silent(20)
    assert call.until(24.9) == []

    call.guards.caller_said("I was thinking.", call.now)

    assert call.until(35) == [(34.9, STILL_THERE)]


def test_turn_of_which_nothing_is_told_counts_as_one_with_words() -> None:
    call = Watched()
    call.until(8)
    call.guards.caller_speaks(8)
    call.guards.caller_silent(9)

    assert call.until(20) == [(19, STILL_THERE)]


def test_words_have_five_seconds_to_be_told() -> None:
    call = Watched(no_input_seconds=3)
    call.guards.caller_speaks(0)
    call.guards.caller_silent(1)

    assert call.until(6) == [(6, STILL_THERE)]


def test_turn_that_is_given_up_does_not_undo_a_later_key() -> None:
    call = Watched()
    call.guards.caller_speaks(1)
    call.guards.caller_silent(2)
    call.until(4)
    call.guards.key_pressed(4)

    assert call.until(14) == [(14, STILL_THERE)]


def test_every_turn_counts_where_words_are_not_told() -> None:
    call = Watched(words_are_told=False, max_machine_seconds=10)
    for _ in range(10):
        call.guards.caller_speaks(call.now)
        assert call.until(call.now + 8) == []
        call.guards.caller_silent(call.now)

    assert call.until(100) == [(90, STILL_THERE), (100, STILL_THERE)]


def test_agent_may_leave_without_having_asked_or_never() -> None:
    assert Watched(no_input_prompts=0).until(60) == [(10, NO_INPUT)]
    assert Watched(no_input_seconds=0).until(600) == []


def test_sound_without_end_is_a_machine_even_while_the_agent_talks() -> None:
    call = Watched()
    call.guards.caller_speaks(0)

    assert call.until(300, audible=True) == [(90, MACHINE)]


def test_turn_that_is_told_twice_begins_once() -> None:
    call = Watched(max_machine_seconds=20)
    call.guards.caller_speaks(0)
    call.until(15)
    call.guards.caller_speaks(15)

    assert call.until(25) == [(20, MACHINE)]


def test_silence_after_no_turn_is_nothing() -> None:
    call = Watched()
    call.guards.caller_silent(3)
    call.guards.caller_said("", 3)

    assert call.until(10) == [(10, STILL_THERE)]


def test_music_that_is_cut_into_turns_is_a_machine() -> None:
    call = Watched(no_input_seconds=0)

    assert call.turns([""] * 44) == []
    assert call.turns([""]) == [MACHINE]


def test_words_between_the_noise_make_it_a_person() -> None:
    assert Watched(no_input_seconds=0).turns((["", ""] * 20 + ["Hello?"]) * 4) == []


def test_failing_recogniser_ends_no_call() -> None:
    assert Watched(no_input_seconds=0).turns([None] * 100) == []


def test_key_makes_it_a_person() -> None:
    call = Watched(no_input_seconds=0)
    call.turns([""] * 40)
    call.guards.key_pressed(call.now)

    assert call.turns([""] * 40) == []


def test_announcement_is_a_machine_the_fourth_time_however_it_is_written_down() -> None:
    call = Watched()
    texts = [
        "Please hold the line.",
        "please hold the line",
        "Please, hold  the LINE!",
        "Please hold the line...",
    ]

    assert call.turns(texts[:3]) == []
    assert call.turns(["", texts[3]]) == [MACHINE]


def test_announcement_that_is_cut_into_turns_is_a_machine() -> None:
    texts = ["Your call is important to us.", "All our agents are busy.", "Please hold the line."]

    assert Watched().turns(texts[:2] * 4) == [MACHINE]
    assert Watched().turns(texts * 4) == [MACHINE]
    assert Watched().turns(["Welcome to the bank.", *texts * 3]) == []


@pytest.mark.parametrize(
    "texts",
    [
        ["Hello?"] * 20,
        ["Hello, hello?"] * 20,
        ["I need a plumber.", "I need a plumber.", "I need a plumber.", "Thank you very much."] * 5,
        ["Yes.", "That is quite right."] * 10,
    ],
)
def test_caller_who_repeats_himself_is_no_machine(texts: list[str]) -> None:
    assert Watched().turns(texts) == []


def test_key_between_two_announcements_makes_them_a_menu() -> None:
    call = Watched()
    call.turns(["For sales, press one."] * 3)
    call.guards.key_pressed(call.now)

    assert call.turns(["For sales, press one."] * 3) == []


def test_nothing_is_taken_for_a_machine_where_that_is_not_wanted() -> None:
    call = Watched(no_input_seconds=0, max_machine_seconds=0)
    assert call.turns(["Please hold the line."] * 10 + [""] * 100) == []
    call.guards.caller_speaks(call.now)

    assert call.until(call.now + 900) == []


def test_caller_is_warned_before_the_longest_call_ends() -> None:
    call = Watched(no_input_seconds=0, max_minutes=2)

    assert call.until(300) == [(90, TIME_WARNING), (120, MAX_DURATION)]


def test_warning_waits_for_a_moment_in_which_nobody_speaks() -> None:
    call = Watched(max_minutes=2)
    assert call.until(95, audible=True) == []
    call.guards.caller_speaks(95)
    assert call.until(99) == []
    call.guards.caller_silent(99)
    assert call.until(99.5, generating=True) == []

    assert call.until(105) == [(99.5, TIME_WARNING)]


def test_warning_waits_ten_seconds_for_an_agent_that_speaks_on() -> None:
    assert Watched(max_minutes=2).until(150, audible=True) == [(100, TIME_WARNING), (120, MAX_DURATION)]


def test_without_a_wish_for_it_there_is_no_warning() -> None:
    assert Watched(no_input_seconds=0, max_minutes=2, warning_seconds=0).until(150) == [(120, MAX_DURATION)]


def test_call_that_is_too_long_ends_when_the_caller_has_finished() -> None:
    call = Watched(max_minutes=1)
    call.until(59, audible=True)
    call.guards.caller_speaks(59)
    assert call.until(64) == []

    call.guards.caller_silent(64)

    assert call.until(65) == [(64, MAX_DURATION)]


def test_call_that_is_too_long_does_not_wait_for_ever() -> None:
    call = Watched(max_minutes=1)
    call.until(59, audible=True)
    call.guards.caller_speaks(59)

    assert call.until(120) == [(70, MAX_DURATION)]


def test_tokens_of_all_responses_are_counted_even_where_no_total_is_told() -> None:
    call = Watched(max_tokens=100)
    call.guards.used(TokenUsage(total_tokens=60), 1)
    call.guards.used(TokenUsage(input_tokens=20, output_tokens=19), 2)
    assert call.until(3, audible=True) == []

    call.guards.used(TokenUsage(total_tokens=1), 3)

    assert call.until(10, audible=True) == [(3, BUDGET)]


def test_cost_of_all_responses_is_counted() -> None:
    call = Watched(DOLLAR_A_TOKEN, max_cost=3)
    call.guards.used(TokenUsage(total_tokens=2, input_tokens=2), 0)
    assert call.until(3) == []

    call.guards.used(TokenUsage(total_tokens=1, output_tokens=1), 3)

    assert call.until(10) == [(3, BUDGET)]


def test_call_that_is_too_dear_lets_the_caller_finish_for_ten_seconds() -> None:
    call = Watched(max_tokens=1)
    call.guards.caller_speaks(0)
    call.until(5)
    call.guards.used(TokenUsage(total_tokens=1), 5)
    call.until(8)
    call.guards.used(TokenUsage(total_tokens=1), 8)

    assert call.until(60) == [(15, BUDGET)]


def test_cost_is_not_limited_where_the_price_is_not_known() -> None:
    call = Watched(max_cost=0.01)
    call.guards.used(TokenUsage(total_tokens=10**9, input_tokens=10**9), 0)

    assert call.until(9) == []


def test_nothing_is_due_before_the_call_has_started() -> None:
    guards = Guards(LimitsTable(), PHRASES, None, words_are_told=True)

    assert guards.due(1e6, is_audible=False, is_generating=False) is None
    assert guards.until_next_look(1e6) == 0.5


def test_limits_are_kept_to_the_moment_they_are_reached() -> None:
    call = Watched(no_input_seconds=3.3)

    assert call.guards.until_next_look(0.0) == 0.5
    assert call.guards.until_next_look(3.2) == pytest.approx(0.1)
    assert [at for at, _ in call.until(4)] == [3.3]


_TEXTS = st.sampled_from(["", "Hello?", "Please hold the line.", None])
_STEPS = st.lists(
    st.one_of(
        st.sampled_from(["speaks", "silent", "key", "used", "look", "look", "busy"]),
        _TEXTS.map(lambda text: ("said", text)),
    ),
    max_size=80,
)


@given(_STEPS, st.lists(st.floats(0, 20), min_size=80, max_size=80), st.booleans())
def test_whatever_happens_nobody_is_talked_over_and_the_call_is_left_once(
    steps: list[str | tuple[str, str | None]], waits: list[float], words_are_told: bool
) -> None:
    limits = LimitsTable(max_minutes=5, max_tokens=10, max_machine_seconds=30)
    guards = Guards(limits, PHRASES, None, words_are_told=words_are_told)
    guards.started(0.0)
    now, speaks, left = 0.0, False, False
    for step, wait in zip(steps, waits, strict=False):
        now += wait
        match step:
            case "speaks":
                guards.caller_speaks(now)
                speaks = True
            case "silent":
                guards.caller_silent(now)
                speaks = False
            case "key":
                guards.key_pressed(now)
            case "used":
                guards.used(TokenUsage(total_tokens=1), now)
            case ("said", text):
                guards.caller_said(text, now)
        wish = guards.due(now, is_audible=step == "busy", is_generating=False)
        assert 0 < guards.until_next_look(now) <= 0.5
        assert wish is None or not left
        if isinstance(wish, Ask) or wish == NO_INPUT:
            assert not speaks
            assert step != "busy" or wish == TIME_WARNING
        if now >= 310:
            left = left or wish is not None
            assert left
        left = left or isinstance(wish, Leave)
