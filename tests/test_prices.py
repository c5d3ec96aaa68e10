import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices import KNOWN_PRICES, Prices, cost, price_of
from gateway.realtime.event_parts import Usage
from gateway.realtime.usage import TokenUsage

PRICES = Prices(
    text_in=1, text_cached=0.1, text_out=2, audio_in=10, audio_cached=0.5, audio_out=20, image_in=3
)
MILLION = 1_000_000


def used(**tokens: int) -> TokenUsage:
    return dataclasses.replace(TokenUsage(), **{kind: n * MILLION for kind, n in tokens.items()})


@pytest.mark.parametrize(
    ("model", "known_as"),
    [
        ("gpt-realtime-2.1", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-2026-09-01", "gpt-realtime-2.1"),
        ("gpt-realtime-2.1-mini-2026-09-01", "gpt-realtime-2.1-mini"),
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-realtime-mini-2025-10-06", "gpt-realtime-mini"),
        ("gpt-realtime-1.5", "gpt-realtime-1.5"),
    ],
)
def test_model_with_a_date_costs_what_it_does_without(model: str, known_as: str) -> None:
    assert price_of(model) is KNOWN_PRICES[known_as]


@pytest.mark.parametrize(
    "model",
    ["", "gpt-realtime-3", "gpt-realtime-2.1-max", "gpt-realtime-2.", "gpt-4o", "-2025-08-28", "my-model"],
)
def test_price_of_a_model_that_merely_sounds_alike_is_not_known(model: str) -> None:
    assert price_of(model) is None


def test_operators_own_price_wins_and_the_exact_name_over_the_one_without_a_date() -> None:
    dated = PRICES.model_copy(update={"text_in": 7.0})
    own = {"gpt-realtime": PRICES, "gpt-realtime-2025-08-28": dated, "desk": PRICES}

    assert price_of("gpt-realtime", own) is PRICES
    assert price_of("gpt-realtime-2025-08-28", own) is dated
    assert price_of("gpt-realtime-2025-12-01", own) is PRICES
    assert price_of("desk", own) is PRICES
    assert price_of("gpt-realtime-2", own) is KNOWN_PRICES["gpt-realtime-2"]


def test_every_kind_has_its_price_and_cached_tokens_are_among_the_input() -> None:
    usage = used(
        total_tokens=99, input_tokens=16, output_tokens=3, input_text_tokens=4, input_audio_tokens=10,
        input_image_tokens=2, cached_tokens=5, cached_text_tokens=3, cached_audio_tokens=2,
        output_text_tokens=1, output_audio_tokens=2,
    )  # fmt: skip

    text, audio, image = 1 * 1 + 3 * 0.1, 8 * 10 + 2 * 0.5, 2 * 3
    assert cost(usage, PRICES) == pytest.approx(text + audio + image + 1 * 2 + 2 * 20)


def test_flagship_is_priced_as_published() -> None:
    usage = used(
        input_tokens=2, input_text_tokens=1, input_audio_tokens=1, output_text_tokens=1, output_audio_tokens=1
    )

    assert cost(usage, KNOWN_PRICES["gpt-realtime-2.1"]) == pytest.approx(4 + 32 + 24 + 64)
    assert cost(usage, KNOWN_PRICES["gpt-realtime-1.5"]) == pytest.approx(4 + 32 + 16 + 64)
    assert cost(usage, KNOWN_PRICES["gpt-realtime-2.1-mini"]) == pytest.approx(0.6 + 10 + 2.4 + 20)


def test_tokens_of_which_no_kind_is_told_are_priced_as_audio() -> None:
    assert cost(used(input_tokens=3, output_tokens=2), PRICES) == pytest.approx(3 * 10 + 2 * 20)
    assert cost(used(input_tokens=3, cached_tokens=1), PRICES) == pytest.approx(2 * 10 + 0.5)
    assert cost(used(input_tokens=3, input_text_tokens=2), PRICES) == pytest.approx(2 * 1 + 10)
    assert cost(used(output_tokens=3, output_text_tokens=2), PRICES) == pytest.approx(2 * 2 + 20)


def test_cached_tokens_of_which_no_kind_is_told_reduce_the_cost_least() -> None:
    usage = used(input_tokens=5, input_text_tokens=2, input_audio_tokens=3, cached_tokens=3)

    assert cost(usage, PRICES) == pytest.approx(2 * 0.1 + 2 * 10 + 0.5)
    usage = used(input_tokens=2, input_text_tokens=1, input_image_tokens=1, cached_tokens=1)
    assert cost(usage, PRICES) == pytest.approx(1 + 3)


def test_more_cached_tokens_than_there_are_of_a_kind_make_nothing_else_cheaper() -> None:
    usage = used(
        input_tokens=6, input_text_tokens=1, input_audio_tokens=5, cached_tokens=3, cached_text_tokens=3
    )

    assert cost(usage, PRICES) == pytest.approx(0.1 + 5 * 10)


def test_without_a_price_for_cached_tokens_they_cost_what_others_do() -> None:
    plain = Prices(text_in=1, text_out=2, audio_in=10, audio_out=20)
    usage = used(input_tokens=3, input_text_tokens=1, input_audio_tokens=1, input_image_tokens=1, cached_tokens=3,
                 cached_text_tokens=1, cached_audio_tokens=1, cached_image_tokens=1)  # fmt: skip

    assert cost(usage, plain) == pytest.approx(1 + 10 + 10)


def test_nothing_used_costs_nothing() -> None:
    assert cost(TokenUsage.of(Usage()), PRICES) == 0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "4", True])
def test_odd_price_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="text_in"):
        Prices.model_validate({"text_in": value, "text_out": 1, "audio_in": 1, "audio_out": 1})


_TOKENS = st.integers(0, 1000)


@given(st.builds(TokenUsage, *[_TOKENS] * 12))
def test_cost_is_never_negative_and_never_beyond_that_of_audio(usage: TokenUsage) -> None:
    given_tokens = usage.input_text_tokens + usage.input_audio_tokens + usage.input_image_tokens
    made_tokens = usage.output_text_tokens + usage.output_audio_tokens
    most = 10 * max(usage.input_tokens, given_tokens) + 20 * max(usage.output_tokens, made_tokens)

    assert 0 <= cost(usage, PRICES) * MILLION <= most * (1 + 1e-9)


@given(st.lists(st.tuples(_TOKENS, _TOKENS), min_size=3, max_size=3))
def test_usage_without_details_never_costs_less_than_with_them(kinds: list[tuple[int, int]]) -> None:
    (text, text_cached), (audio, audio_cached), (made_text, made_audio) = (
        kinds[0],
        kinds[1],
        kinds[2],
    )
    cached = (min(text, text_cached), min(audio, audio_cached))
    full = TokenUsage(
        input_tokens=text + audio, input_text_tokens=text, input_audio_tokens=audio,
        cached_tokens=sum(cached), cached_text_tokens=cached[0], cached_audio_tokens=cached[1],
        output_tokens=made_text + made_audio, output_text_tokens=made_text, output_audio_tokens=made_audio,
    )  # fmt: skip
    no_cache_details = dataclasses.replace(full, cached_text_tokens=0, cached_audio_tokens=0)
    totals = TokenUsage(
        input_tokens=full.input_tokens, output_tokens=full.output_tokens, cached_tokens=full.cached_tokens
    )

    assert cost(full, PRICES) <= cost(no_cache_details, PRICES) + 1e-12
    assert cost(no_cache_details, PRICES) <= cost(totals, PRICES) + 1e-12
