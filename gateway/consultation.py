"""The person whom a caller shall be passed on to is rung and told what it is about, before the caller leaves the agent."""

import asyncio

import structlog

from gateway.errors import TwilioRestError
from gateway.transfer import TransferOrder
from gateway.twilio.rest import CallOrder, TwilioRest

WHISPER_TIMEOUT = 60.0
"""Seconds in which a person who has picked up must take the call."""
_UNREACHED = {
    "busy": "the line is busy",
    "no-answer": "nobody answered",
    "completed": "they did not take the call",
}
_log = structlog.get_logger()


def in_words(status: str) -> str:
    """Why somebody was not reached, from Twilio's ``CallStatus`` or ``DialCallStatus``."""
    return _UNREACHED.get(status, "the call to them could not be made")


class Consultation:
    """A person who is rung, and told what it is about."""

    def __init__(self, order: TransferOrder) -> None:
        self.order = order
        self.has_left = False
        """Whether their line is over, before they were with the caller."""
        self._answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def settle(self, why_not: str | None) -> None:
        """Take their answer, None if they take the call; the first one counts."""
        if not self._answer.done():
            self._answer.set_result(why_not)

    def left(self, status: str) -> None:
        """Take the end of their line, ``status`` as Twilio names it."""
        self.has_left = True
        self.settle(in_words(status))

    async def answer(self) -> str | None:
        """Wait for them: None once they take the call, else why not."""
        seconds = self.order.target.ring_seconds + WHISPER_TIMEOUT
        done, _ = await asyncio.wait([self._answer], timeout=seconds)
        return self._answer.result() if done else in_words("no-answer")


async def ring(rest: TwilioRest, order: CallOrder) -> str | None:
    """Ring a person; return their CallSid, or None if it could not be done."""
    try:
        return await rest.dial(order)
    except TwilioRestError as exc:
        _log.warning("nobody was rung", reason=str(exc))
        return None


async def call_off(rest: TwilioRest, ringing: asyncio.Task[str | None]) -> None:
    """End the line of a person who is rung, once it is known."""
    person_sid = await ringing
    if person_sid is None:
        return
    try:
        await rest.hang_up(person_sid)
    except TwilioRestError as exc:
        _log.warning("a person may still be rung", call_sid=person_sid, reason=str(exc))
