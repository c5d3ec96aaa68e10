"""What the model's tokens of one call add up to, against its limits."""

from gateway.agent_limits import LimitsTable
from gateway.prices import Prices, cost
from gateway.realtime.usage import TokenUsage


class Spending:
    """What the model's tokens add up to."""

    def __init__(self, limits: LimitsTable, prices: Prices | None) -> None:
        self._max_tokens = limits.max_tokens
        self._max_cost = limits.max_cost if prices is not None else None
        self._prices = prices
        self._n_tokens = 0
        self._dollars = 0.0
        self.reached_at: float | None = None

    def add(self, usage: TokenUsage, now: float) -> None:
        """Add what one response has used; the first that reaches a limit sets ``reached_at``."""
        self._n_tokens += max(usage.total_tokens, usage.input_tokens + usage.output_tokens)
        if self._prices is not None:
            self._dollars += cost(usage, self._prices)
        too_many = self._max_tokens is not None and self._n_tokens >= self._max_tokens
        too_dear = self._max_cost is not None and self._dollars >= self._max_cost
        if self.reached_at is None and (too_many or too_dear):
            self.reached_at = now
