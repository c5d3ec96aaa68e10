"""What a model's tokens cost. Prices: OpenAI's pages of the realtime models, read in November 2026."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from gateway.agent_limits import Table
from gateway.realtime.usage import TokenUsage

_Price = Annotated[float, Field(ge=0, le=1_000_000)]
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}")


class Prices(Table):
    """US dollars for a million tokens of one model; a table ``[prices."MODEL"]`` of the file of agents."""

    text_in: _Price
    text_out: _Price
    audio_in: _Price
    audio_out: _Price
    text_cached: _Price | None = None
    """None, here and below: there is no reduction for cached tokens."""
    audio_cached: _Price | None = None
    image_in: _Price | None = None
    """None for that of audio."""
    image_cached: _Price | None = None


_FLAGSHIP = Prices(
    text_in=4, text_cached=0.4, text_out=24, audio_in=32, audio_cached=0.4, audio_out=64,
    image_in=5, image_cached=0.5,
)  # fmt: skip
_EARLIER = _FLAGSHIP.model_copy(update={"text_out": 16.0})
_MINI = Prices(
    text_in=0.6, text_cached=0.06, text_out=2.4, audio_in=10, audio_cached=0.3, audio_out=20,
    image_in=0.8, image_cached=0.08,
)  # fmt: skip

KNOWN_PRICES: Mapping[str, Prices] = MappingProxyType(
    {
        "gpt-realtime-2.1": _FLAGSHIP,
        "gpt-realtime-2": _FLAGSHIP,
        "gpt-realtime-1.5": _EARLIER,
        "gpt-realtime": _EARLIER,
        "gpt-realtime-2.1-mini": _MINI,
        "gpt-realtime-mini": _MINI,
    }
)


def price_of(model: str, own: Mapping[str, Prices] = MappingProxyType({})) -> Prices | None:
    """Find the prices of a model, by its name with or without a date at its end; None if they are not known.

    The longest name that fits wins; ``own`` are the operator's, which come before the known ones. A name that merely
    begins alike is another model, which may be dearer.
    """
    known = {**KNOWN_PRICES, **own}
    undated = _DATE.sub("", model) if _DATE.fullmatch(model[-11:]) else model
    return known.get(model) or known.get(undated)


def cost(usage: TokenUsage, prices: Prices) -> float:
    """Give US dollars for what was used, rather too much than too little.

    Cached tokens are among the input tokens. Tokens of which no kind is told count as audio, the dearest kind; cached
    ones of which no kind is told, as those whose reduction is least.
    """
    return (_input_cost(usage, prices) + _output_cost(usage, prices)) / 1_000_000


def _input_cost(usage: TokenUsage, prices: Prices) -> float:
    image_in = _or(prices.image_in, prices.audio_in)
    audio_cached = _or(prices.audio_cached, prices.audio_in)
    told = usage.input_text_tokens + usage.input_audio_tokens + usage.input_image_tokens
    kinds = [
        (usage.input_text_tokens, usage.cached_text_tokens, prices.text_in, prices.text_cached),
        (usage.input_audio_tokens, usage.cached_audio_tokens, prices.audio_in, audio_cached),
        (usage.input_image_tokens, usage.cached_image_tokens, image_in, prices.image_cached),
        (max(usage.input_tokens - told, 0), 0, prices.audio_in, audio_cached),
    ]
    untold = max(usage.cached_tokens - sum(cached for _, cached, _, _ in kinds), 0)
    dollars = 0.0
    for reduction, full, tokens, cached in sorted(
        (full - _or(reduced, full), full, tokens, min(cached, tokens))
        for tokens, cached, full, reduced in kinds
    ):
        more = min(untold, tokens - cached)
        untold -= more
        dollars += full * tokens - reduction * (cached + more)
    return dollars


def _output_cost(usage: TokenUsage, prices: Prices) -> float:
    told = usage.output_text_tokens + usage.output_audio_tokens
    audio = usage.output_audio_tokens + max(usage.output_tokens - told, 0)
    return prices.text_out * usage.output_text_tokens + prices.audio_out * audio


def _or(price: float | None, other: float) -> float:
    return other if price is None else price
