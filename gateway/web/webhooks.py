"""Twilio's webhooks of a call of ours: that it comes, how it goes on after its media stream, how it is doing."""

import time
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.active_calls import ActiveCalls, Refusal
from gateway.after_stream import AfterStream
from gateway.answering import Answering, Expected
from gateway.caller_limits import CallerLimits
from gateway.log import masked
from gateway.metrics import Metrics
from gateway.screening import Screening
from gateway.stream_twiml import StreamTwiml
from gateway.twilio import twiml
from gateway.web.signed import Answer, TwilioRequest, as_twiml

_OVER = {"completed", "busy", "failed", "no-answer", "canceled"}
"""Twilio, "Call resource": the statuses after which nothing more comes of a call."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Webhooks:
    """Answers Twilio."""

    active_calls: ActiveCalls
    caller_limits: CallerLimits
    answering: Answering
    after_stream: AfterStream
    connect: StreamTwiml
    metrics: Metrics

    def answers(self) -> dict[str, Answer]:
        """What answers which path below ``/twilio/``."""
        return {
            "voice": self.voice,
            "fallback": self.fallback,
            "outbound": self.outbound,
            "answered-by": self.answered_by,
            "after": self.after,
            "transferred": self.transferred,
            "status": self.status,
        }

    async def voice(self, request: TwilioRequest) -> Response:
        """Answer a new call: a media stream, or that we are busy; the query marks the calls that only try us."""
        if "probe" in request.query:
            _log.info("probing call", call_sid=request.call_sid, probe=True)
            if not self._has_room_for_probe():
                return as_twiml(twiml.busy())
        return self._admit(request, Expected(request.details))

    async def fallback(self, request: TwilioRequest) -> Response:
        """Answer where another answer of ours has failed: with another phone if there is one, else once more."""
        code = request.form.get("ErrorCode", "")
        _log.error("Twilio had no use for our answer", call_sid=request.call_sid, code=code[:10])
        fallback_number = self.answering.fallback_for(request.details.to_number)
        if fallback_number:
            return as_twiml(twiml.dial(fallback_number))
        return await (self.after(request) if request.is_on else self.voice(request))

    async def outbound(self, request: TwilioRequest) -> Response:
        """Answer a call that we have placed, and that somebody or something has taken; the query names the agent."""
        agent = request.query.get("agent", "")
        if not self.answering.knows(agent):
            _log.error("an outbound call for no agent of ours", call_sid=request.call_sid)
            return as_twiml(twiml.hang_up())
        return self._admit(request, Expected(request.details, agent, Screening()))

    async def answered_by(self, request: TwilioRequest) -> Response:
        """Take Twilio's word on who answered."""
        word = request.form.get("AnsweredBy", "")
        _log.info("answered", call_sid=request.call_sid, by=word[:30])
        self.answering.answered_by(request.call_sid, word)
        return Response(status_code=204)

    async def after(self, request: TwilioRequest) -> Response:
        """Say what follows the media stream."""
        document = await self.after_stream.stream_ended(
            request.call_sid, request.details, is_on=request.is_on, agent=request.query.get("agent")
        )
        return as_twiml(document)

    async def transferred(self, request: TwilioRequest) -> Response:
        """Say what follows a transfer."""
        status = request.form.get("DialCallStatus", "")
        document = self.after_stream.transferred(
            request.call_sid,
            request.details,
            status=status,
            is_on=request.is_on,
            agent=request.query.get("agent"),
        )
        return as_twiml(document)

    async def status(self, request: TwilioRequest) -> Response:
        """Take note of a call's status."""
        status = request.form.get("CallStatus", "")
        if status in _OVER:
            self.after_stream.call_over(request.call_sid)
        _log.debug("status callback", call_sid=request.call_sid, status=status[:20])
        return Response(status_code=204)

    def _admit(self, request: TwilioRequest, expected: Expected) -> Response:
        call_sid, details = request.call_sid, expected.details
        now = time.monotonic()
        token = self.active_calls.admit(call_sid, now)
        if isinstance(token, str) and not request.is_outbound and not self._may_call(call_sid, expected, now):
            self.active_calls.withdraw(call_sid)
            token = Refusal.CALLER_LIMIT
        decision = token.value if isinstance(token, Refusal) else "admitted"
        self.metrics.admissions.labels(decision).inc()
        caller = masked(details.from_number)
        _log.info("voice webhook", call_sid=call_sid, decision=decision, caller=caller)
        if token is Refusal.REPLAYED:
            raise HTTPException(409)
        if isinstance(token, Refusal):
            return as_twiml(self._turned_away(request, token))
        self.answering.expect(call_sid, expected)
        return as_twiml(self.connect(token, expected.agent))

    def _has_room_for_probe(self) -> bool:
        """Whether a probe leaves a place for a caller, or nobody calls."""
        n_taken = self.active_calls.n_taken(time.monotonic())
        return n_taken == 0 or n_taken + 1 < self.active_calls.max_calls

    def _may_call(self, call_sid: str, expected: Expected, now: float) -> bool:
        limits = self.answering.limits_for(expected)
        return self.caller_limits.admit(call_sid, expected.details.from_number, limits, now)

    def _turned_away(self, request: TwilioRequest, why: Refusal) -> str:
        if request.is_outbound:  # it is answered already, and nobody called us
            return twiml.hang_up()
        if why is Refusal.CALLER_LIMIT:
            return twiml.busy()
        fallback_number = self.answering.fallback_for(request.details.to_number)
        return twiml.dial(fallback_number) if fallback_number else twiml.busy()
