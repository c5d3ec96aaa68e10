"""Whether a call goes on after all, once its guards have said that the agent should leave."""

from typing import Any

import pytest

from gateway import ending as endings
from gateway.caller_presence import WORDS_TIMEOUT
from gateway.guards import MAX_LOOK, PATIENCE, Leave
from gateway.realtime.usage import TokenUsage
from tests.test_guards import MACHINE, NO_INPUT, PHRASES, STILL_THERE, Watched


def left(**limits: Any) -> Watched:
    """A call in which nobody said anything, until the agent was to leave."""
    call = Watched(no_input_seconds=3, no_input_prompts=0, **limits)
    assert call.until(3) == [(3, NO_INPUT)]
    return call


@pytest.mark.parametrize("words_are_told", [True, False])
def test_nobody_wants_a_call_on_in_which_nobody_was_heard(words_are_told: bool) -> None:
    call = Watched(no_input_seconds=3, no_input_prompts=0, words_are_told=words_are_told)
    call.until(3)

    assert call.guards.is_wanted(5) is False


def test_words_a_key_and_a_text_are_signs_that_the_call_is_wanted() -> None:
    spoken, keyed, texted = left(), left(), left()
    spoken.turn(0.5, "I am here.")
    keyed.guards.key_pressed(4)
    texted.guards.text_sent(4)

    assert [each.guards.is_wanted(5) for each in (spoken, keyed, texted)] == [True, True, True]


def test_it_is_not_known_whether_the_call_is_wanted_until_the_words_of_a_turn_are() -> None:
    call = left()
    call.guards.caller_speaks(4)
    assert call.guards.is_wanted(5) is None
    call.guards.caller_silent(5)
    assert call.guards.is_wanted(6) is None

    call.guards.caller_said("", 6)

    assert call.guards.is_wanted(6) is False


def test_turn_of_which_no_words_are_told_in_time_is_a_sign() -> None:
    call = left()
    call.guards.caller_speaks(4)
    call.guards.caller_silent(5)

    assert call.guards.is_wanted(5 + WORDS_TIMEOUT) is True


def test_what_was_said_before_the_agent_left_is_no_sign() -> None:
    call = Watched(no_input_seconds=3, no_input_prompts=0)
    call.turn(0.5, "Hello.")
    call.guards.text_sent(0.5)
    assert [wish for _, wish in call.until(5)] == [NO_INPUT]

    assert call.guards.is_wanted(6) is False


def test_agent_that_stayed_for_a_noise_says_goodbye_again_after_the_next_silence() -> None:
    call = Watched(no_input_seconds=3, no_input_prompts=1)
    assert call.until(6) == [(3, STILL_THERE), (6, NO_INPUT)]

    call.guards.stayed(7)

    assert call.until(30) == [(10, NO_INPUT)]


def test_agent_that_stayed_for_words_or_a_text_asks_anew() -> None:
    for is_text in (True, False):
        call = Watched(no_input_seconds=3, no_input_prompts=1)
        call.until(6)
        if is_text:
            call.guards.text_sent(6.5)
        else:
            call.turn(0.5, "I am here.")
        call.guards.stayed(7)

        assert call.until(30) == [(10, STILL_THERE), (13, NO_INPUT)]


def test_noises_over_each_goodbye_are_a_machine_in_the_end() -> None:
    call = left(max_machine_seconds=5)
    for _ in range(2):
        call.turn(2, "")
        call.guards.stayed(call.now)
        call.until(call.now + 3.1)

    assert [wish for _, wish in call.turn(2, "")] == []
    call.guards.stayed(call.now)
    assert [wish for _, wish in call.until(call.now + 1)] == [MACHINE]


def test_call_that_was_not_watched_for_a_while_is_asked_nothing_for_that_and_may_be_left_again() -> None:
    call = Watched(no_input_seconds=3, no_input_prompts=0, max_minutes=1, warning_seconds=0)
    call.now = 50  # passed on to somebody who was busy
    call.guards.resumed(50)
    assert call.until(52) == []
    assert call.until(54) == [(53, NO_INPUT)]

    call.guards.resumed(60)  # in another media stream

    call.now = 60
    assert call.until(61) == [(60, Leave(PHRASES.goodbye_time, endings.MAX_DURATION))]


def test_answer_that_is_over_before_anybody_looks_is_an_answer() -> None:
    call = Watched(no_input_seconds=3)
    call.until(2.6)
    call.guards.agent_spoke(2.7)

    assert call.until(6) == [(5.7, STILL_THERE)]


def test_guards_that_have_left_are_looked_at_seldom_and_want_nothing() -> None:
    call = left(max_tokens=10)
    call.guards.used(TokenUsage(total_tokens=10), 4)

    assert call.until(4 + PATIENCE) == []
    assert call.guards.until_next_look(5) == MAX_LOOK
