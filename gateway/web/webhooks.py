"""Twilio's webhooks: a new call, what comes after its stream, and news of its status."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.active_calls import ActiveCalls, Refusal
from gateway.agent_instructions import CallDetails
from gateway.log import masked
from gateway.metrics import Metrics
from gateway.twilio import twiml
from gateway.twilio.signature import is_signed_by_twilio, websocket_url

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 200
_CALL_SID = re.compile("CA[0-9a-fA-F]{32}")
_OVER = {"completed", "busy", "failed", "no-answer", "canceled"}
"""Twilio, "Call resource": the statuses after which nothing more comes of a call."""
FORM = "application/x-www-form-urlencoded"

_log = structlog.get_logger()
Form = dict[str, str]


@dataclass(frozen=True)
class Webhooks:
    """Answers Twilio. Every request must be signed by one of the tokens, over the public URL."""

    public_url: str
    auth_tokens: tuple[str, ...] = field(repr=False)
    account_sid: str | None
    active_calls: ActiveCalls
    expect: Callable[[str, CallDetails], None]
    """Told of every call that is admitted; returns at once."""
    forget: Callable[[str], None]
    """Told of every call that is over."""
    fallback_for: Callable[[str], str | None]
    """The phone for callers of a dialled number that cannot be answered."""
    metrics: Metrics

    def routes(self) -> list[Route]:
        """The webhooks' paths."""
        handlers = {"voice": self.voice, "after": self.after, "status": self.status}
        return [
            Route(f"/twilio/{name}", self._signed(handler), methods=["POST"])
            for name, handler in handlers.items()
        ]

    def voice(self, form: Form) -> Response:
        """Answer a new call: a media stream, or that we are busy."""
        call_sid = form.get("CallSid", "")
        if not _CALL_SID.fullmatch(call_sid):
            raise HTTPException(400)
        token = self.active_calls.admit(call_sid, time.monotonic())
        decision = token.value if isinstance(token, Refusal) else "admitted"
        self.metrics.admissions.labels(decision).inc()
        caller = masked(form.get("From", ""))
        _log.info("voice webhook", call_sid=call_sid, decision=decision, caller=caller)
        if token is Refusal.REPLAYED:
            raise HTTPException(409)
        if isinstance(token, Refusal):
            fallback_number = self.fallback_for(form.get("To", ""))
            return _twiml(twiml.dial(fallback_number) if fallback_number else twiml.busy())
        details = CallDetails(form.get("From", ""), form.get("To", ""), form.get("CallerName", ""), form)
        self.expect(call_sid, details)
        stream_url = websocket_url(self.public_url, "/twilio/media")
        return _twiml(twiml.connect_stream(stream_url, token, f"{self.public_url}/twilio/after"))

    def after(self, form: Form) -> Response:
        """Say what follows the media stream: another phone if ours was the fault, else nothing."""
        ending = self.active_calls.ending_of(form.get("CallSid", ""))
        fallback_number = self.fallback_for(form.get("To", ""))
        if ending is not None and ending.apology and fallback_number:
            return _twiml(twiml.dial(fallback_number))
        return _twiml(twiml.hang_up())

    def status(self, form: Form) -> Response:
        """Take note of a call's status."""
        call_sid, status = form.get("CallSid", ""), form.get("CallStatus", "")
        if status in _OVER:
            self.forget(call_sid)
        _log.debug("status callback", call_sid=call_sid[:34], status=status[:20])
        return Response(status_code=204)

    def _signed(self, answer: Callable[[Form], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            parameters = await _form(request)
            signature = request.headers.getlist("X-Twilio-Signature")
            if not is_signed_by_twilio(self._url(request), parameters, signature, self.auth_tokens):
                _log.warning("webhook refused: not signed by Twilio", path=request.url.path)
                raise HTTPException(403)
            form = dict(parameters)
            if self.account_sid not in {None, form.get("AccountSid")}:
                _log.warning("webhook refused: of another account", path=request.url.path)
                raise HTTPException(403)
            return answer(form)

        return endpoint

    def _url(self, request: Request) -> str:
        """The address Twilio used: our public one, with the raw path and query of the request."""
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii", "replace")
        return f"{self.public_url}{path}?{query}" if query else f"{self.public_url}{path}"


async def _form(request: Request) -> list[tuple[str, str]]:
    """The form's fields, blank and repeated ones included, of a request that is not too large."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413)
    except ClientDisconnect:
        raise HTTPException(400) from None  # nobody will read it
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400) from None


def _twiml(document: str) -> Response:
    return Response(document, media_type="application/xml")
