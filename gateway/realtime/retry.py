"""When a lost or refused session is worth another try, and after how long. No clock."""

from collections.abc import Iterator
from random import Random

RETRYABLE_CODES = frozenset(
    {
        "inference_rate_limit_exceeded", "not_connected", "rate_limit_exceeded", "server_error", "session_expired",
        "stalled", "timeout", "unavailable", "unreachable",
    }
)  # fmt: skip
"""Error codes, the servers' and our own, that another try may not meet again. All others say no for good."""
FATAL_CODES = frozenset(
    {
        "account_deactivated", "beta_api_shape_disabled", "billing_hard_limit_reached", "credit_balance_exhausted",
        "insufficient_quota", "invalid_api_key", "model_not_found",
    }
)  # fmt: skip
"""Errors about the account: whatever closes the socket after one of them, it would meet it again."""
FATAL_CLOSE_CODES = frozenset({1002, 1003, 1007, 1008, 3000, 3003, 4000, 4001, 4003, 4004})
"""Close codes of the other kind: a protocol fault of ours, a policy, authorisation, the beta's shape."""
DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Seconds before each attempt: no more attempts than these."""
ATTEMPT_TIMEOUT = 4.0
"""Seconds for one attempt, from the socket to the restored session."""
TOTAL_TIMEOUT = 8.0
"""Seconds for all of them; a caller waits on the line."""
MAX_LOSSES = 5
LOSS_PERIOD = 60.0
"""Losing so many sessions within so many seconds means that there is no use in another."""


def closed(close_code: int) -> str:
    """The error code of a socket that was closed with this close code."""
    return f"closed_{close_code}"


def is_retryable(code: str) -> bool:
    """Whether a failure with this error code is worth another try."""
    if code.startswith("closed_"):
        return int(code.removeprefix("closed_")) not in FATAL_CLOSE_CODES
    return code in RETRYABLE_CODES


def delays(random: Random) -> Iterator[float]:
    """The seconds to wait before each attempt, shortened at random by up to a quarter so that calls spread."""
    return (delay * (1.0 - 0.25 * random.random()) for delay in DELAYS)
