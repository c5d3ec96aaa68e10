"""The rules of calling out: who may be called, and how a call for an agent is ordered. Values only."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from gateway.agent_limits import NUMBER
from gateway.twilio.call_order import CallOrder

RING_TIMEOUT = 45
"""Seconds that a phone rings before we give up."""

_NUMBER = re.compile(NUMBER)


def is_number(text: str) -> bool:
    """Whether a text is a phone number as we write them, E.164."""
    return _NUMBER.fullmatch(text) is not None


def is_allowed(number: str, patterns: Iterable[str]) -> bool:
    """Whether a number may be called: it is in the list, or begins as an entry with a ``*`` at its end does.

    An empty list allows nobody; what is no number (E.164) is never allowed.
    """
    return is_number(number) and any(
        number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern
        for pattern in patterns
    )


def for_agent(url: str, agent: str | None) -> str:
    """Name the agent of a call that we placed in an address that Twilio shall ask: it leads to no number of ours."""
    return url if agent is None else f"{url}?agent={quote(agent, safe='')}"


def dial_order(
    number: str,
    agent: str,
    *,
    public_url: str,
    from_number: str,
    ring_timeout: int = RING_TIMEOUT,
    time_limit: int | None = None,
) -> CallOrder:
    """Order a call that an agent shall hold, machine detection included. Whether it is allowed was asked before.

    Args:
        number: Whom to call, E.164.
        agent: The agent's name.
        public_url: Where Twilio finds us, without a slash at the end.
        from_number: The number of ours to call from, E.164.
        ring_timeout: Seconds.
        time_limit: Seconds that the call may last; Twilio's own limit if not given.
    """
    return CallOrder(
        to=number,
        from_=from_number,
        url=for_agent(f"{public_url}/twilio/outbound", agent),
        status_callback=f"{public_url}/twilio/status",
        machine_detection="DetectMessageEnd",
        async_amd_status_callback=f"{public_url}/twilio/answered-by",
        timeout=ring_timeout,
        time_limit=time_limit,
    )
