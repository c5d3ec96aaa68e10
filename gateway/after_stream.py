"""How a call goes on when its media stream has ended: the TwiML with which Twilio's question is answered."""

import asyncio
import time
from dataclasses import dataclass

import structlog

from gateway import ending as endings
from gateway.active_calls import ActiveCalls, Refusal
from gateway.agent_instructions import CallDetails
from gateway.answering import Answering, Expected
from gateway.consultation import in_words
from gateway.ending import Ending
from gateway.outbound import for_agent
from gateway.stream_twiml import StreamTwiml
from gateway.transfers import Transfers
from gateway.twilio import twiml

RESTART_PAUSE = 3
"""Seconds after which Twilio asks again, when we are about to be replaced by another process."""
SUPERSEDE_TIMEOUT = 3.0
"""Seconds in which a media stream that is over by Twilio's word must have ended here too."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class AfterStream:
    """Decides by the ending: hang up, pass on, apologise and dial another phone, or open a new media stream."""

    public_url: str
    active_calls: ActiveCalls
    answering: Answering
    transfers: Transfers
    connect: StreamTwiml

    async def stream_ended(
        self, call_sid: str, details: CallDetails, *, is_on: bool, agent: str | None = None
    ) -> str:
        """Say what follows the media stream; ``is_on`` tells whether the caller is still there.

        ``agent`` is that of a call we placed, here and below.
        """
        await self._supersede(call_sid)
        self.active_calls.answered(call_sid)
        ending = self.active_calls.ending_of(call_sid)
        document = self.transfers.document(call_sid)
        if not is_on:
            self.call_over(call_sid)
            return twiml.hang_up()
        if document is not None:
            return document
        if ending == endings.DRAINED:
            return self._later(agent)
        if ending is None or ending.goes_on:
            return self._another_stream(call_sid, details, agent)
        return self._farewell(details, ending)

    def transferred(
        self, call_sid: str, details: CallDetails, *, status: str, is_on: bool, agent: str | None = None
    ) -> str:
        """Say what follows a transfer, ``status`` as Twilio's ``DialCallStatus``."""
        if status in {"completed", "answered"} or not is_on:
            self.call_over(call_sid)
            return twiml.hang_up()
        self.transfers.forget(call_sid)
        _log.info("transfer failed", call_sid=call_sid, status=status[:20])
        self.answering.came_back(call_sid, in_words(status))
        return self._another_stream(call_sid, details, agent)

    def call_over(self, call_sid: str) -> None:
        """Forget a call of which nothing more comes."""
        self.transfers.forget(call_sid)
        self.answering.forget(call_sid)

    async def _supersede(self, call_sid: str) -> None:
        """Twilio knows better than our socket whether a media stream is over."""
        try:
            async with asyncio.timeout(SUPERSEDE_TIMEOUT):
                await self.active_calls.supersede(call_sid, endings.SUPERSEDED)
        except TimeoutError:
            _log.warning("a media stream does not end", call_sid=call_sid)

    def _another_stream(self, call_sid: str, details: CallDetails, agent: str | None) -> str:
        token = self.active_calls.admit_again(call_sid, time.monotonic())
        if token is Refusal.DRAINING:
            return self._later(agent)
        if isinstance(token, Refusal):
            _log.warning("no other media stream", call_sid=call_sid, reason=token.value)
            self.answering.forget(call_sid)
            return self._farewell(details, endings.BUG)
        self.answering.expect(call_sid, Expected(details, agent))
        return self.connect(token, agent)

    def _later(self, agent: str | None) -> str:
        """Have Twilio ask again, when another process has taken our place."""
        url = for_agent(f"{self.public_url}/twilio/after", agent)
        return twiml.redirect(url, pause_seconds=RESTART_PAUSE)

    def _farewell(self, details: CallDetails, ending: Ending) -> str:
        fallback_number = self.answering.fallback_for(details.to_number)
        return twiml.dial(fallback_number) if ending.apology and fallback_number else twiml.hang_up()
