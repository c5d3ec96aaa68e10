"""Who answered an outbound call: the agent keeps silent until that is a person.

Twilio, "Answering Machine Detection": the result comes once, seconds into the call, or never.
"""

import asyncio
from typing import Literal

TIMEOUT = 35.0
"""Seconds to wait for the result; Twilio's own limit is 30 by default. Then we believe in a person."""

AnsweredBy = Literal["person", "machine", "fax"]


class Screening:
    """Waits for Twilio's word."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[AnsweredBy] = asyncio.get_running_loop().create_future()

    def answered_by(self, word: str) -> None:
        """Take Twilio's ``AnsweredBy``; the first one counts."""
        if self._answered.done():
            return
        if word == "fax":
            self._answered.set_result("fax")
        else:
            self._answered.set_result("machine" if word.startswith("machine") else "person")

    async def result(self) -> AnsweredBy:
        """Wait until it is known, or as good as known."""
        done, _ = await asyncio.wait([self._answered], timeout=TIMEOUT)
        return self._answered.result() if done else "person"
