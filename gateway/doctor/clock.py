"""This machine's clock, held against those of the public address and of Twilio: the Date of their answers.

No signature of Twilio's depends on it; certificates, tokens and every time that is written down do.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp

from gateway.doctor.check import Finding, failed, ok, skipped, warning

MAX_SKEW = 5.0
"""Seconds that nobody minds."""
BROKEN_SKEW = 300.0
"""Seconds at which certificates and tokens begin to be refused."""
TIMEOUT = aiohttp.ClientTimeout(total=6.0)
"""Seconds."""


async def check_clock(addresses: Mapping[str, str]) -> Finding:
    """Ask every address, by the name of whose clock it shows, for the time."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()), timeout=TIMEOUT
    ) as http:
        skews = await asyncio.gather(*(_skew(http, url) for url in addresses.values()))
    return judged({name: skew for name, skew in zip(addresses, skews, strict=True) if skew is not None})


def judged(skews: Mapping[str, float]) -> Finding:
    """Judge by how many seconds this clock is ahead of each of the others, by name."""
    if not skews:
        return skipped("nobody could be asked for the time", "Is there a network here?")
    words = "; ".join(f"{_words(skew)} {name}" for name, skew in skews.items())
    worst = max(map(abs, skews.values()))
    advice = "Set the clocks over the network (NTP): those of this machine, and of the gateway's."
    if worst > BROKEN_SKEW:
        return failed(words, advice)
    return warning(words, advice) if worst > MAX_SKEW else ok(words)


def skew_of(date: str, asked_at: float, answered_at: float) -> float | None:
    """Tell how far ahead of an answer's Date (RFC 9110, whole seconds) this clock is; None for what is no date.

    Times are seconds since the epoch by this clock. What the second, or the way, may account for is none.
    """
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    begun = (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    if answered_at < begun:
        return answered_at - begun
    return max(0.0, asked_at - begun - 1.0)


async def _skew(http: aiohttp.ClientSession, url: str) -> float | None:
    asked_at = time.time()
    try:
        async with http.get(url, allow_redirects=False) as response:
            return skew_of(response.headers.get("Date", ""), asked_at, time.time())
    except (aiohttp.ClientError, OSError):
        return None


def _words(skew: float) -> str:
    if abs(skew) < 1.0:
        return "within a second of"
    return f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"
