from random import Random

import pytest

from gateway.realtime import retry


@pytest.mark.parametrize(
    "code", ["timeout", "unavailable", "rate_limit_exceeded", "closed_1006", "closed_1001"]
)
def test_what_may_pass_is_worth_another_try(code: str) -> None:
    assert retry.is_retryable(code)


@pytest.mark.parametrize(
    "code", ["invalid_api_key", "insufficient_quota", "redirect", "closed_1008", "", "new"]
)
def test_what_is_for_good_or_unknown_is_not_tried_again(code: str) -> None:
    assert not retry.is_retryable(code)


def test_no_code_is_both_worth_a_try_and_fatal() -> None:
    assert not retry.RETRYABLE_CODES & retry.FATAL_CODES


def test_every_fatal_close_code_is_not_tried_again() -> None:
    assert not any(retry.is_retryable(retry.closed(code)) for code in retry.FATAL_CLOSE_CODES)


def test_first_attempt_is_at_once_and_the_others_later_and_later() -> None:
    delays = list(retry.delays(Random(1)))

    assert len(delays) == len(retry.DELAYS)
    assert delays[0] == 0.0
    assert delays == sorted(delays)


def test_delays_are_shortened_at_random_by_up_to_a_quarter() -> None:
    many = [list(retry.delays(Random(seed))) for seed in range(50)]

    for place, delay in enumerate(retry.DELAYS):
        drawn = [delays[place] for delays in many]
        assert all(0.75 * delay <= each <= delay for each in drawn)
    assert len({tuple(delays) for delays in many}) == 50


def test_all_delays_fit_into_the_time_a_caller_waits() -> None:
    assert sum(retry.DELAYS) < retry.TOTAL_TIMEOUT
