"""Requests of Twilio's: forms, signed with one of the account's tokens over the public URL."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.agent_instructions import CallDetails
from gateway.metrics import Metrics
from gateway.twilio.signature import is_signed_by_twilio

MAX_BODY_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_ADDRESS = 45
"""Characters of an address in the log: those of the longest IPv6 address."""
FORM = "application/x-www-form-urlencoded"
_CALL_SID = re.compile("CA[0-9a-fA-F]{32}")

_log = structlog.get_logger()


@dataclass(frozen=True)
class TwilioRequest:
    """What Twilio tells or asks."""

    form: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str]

    @property
    def call_sid(self) -> str:
        """The call it is about.

        Raises:
            HTTPException: it names none.
        """
        call_sid = self.form.get("CallSid", "")
        if not _CALL_SID.fullmatch(call_sid):
            raise HTTPException(400)
        return call_sid

    @property
    def is_outbound(self) -> bool:
        """Whether it is about a call that we placed."""
        return self.form.get("Direction", "").startswith("outbound")

    @property
    def is_on(self) -> bool:
        """Whether the caller is still on the line."""
        return self.form.get("CallStatus") == "in-progress"

    @property
    def details(self) -> CallDetails:
        """What is known of the call; the caller is the human, also where we have called them."""
        caller, number = self.form.get("From", ""), self.form.get("To", "")
        if self.is_outbound:
            caller, number = number, caller
        return CallDetails(caller, number, self.form.get("CallerName", ""), self.form)


Answer = Callable[[TwilioRequest], Awaitable[Response]]


@dataclass(frozen=True)
class SignedRoutes:
    """Lets nothing through that Twilio has not signed."""

    public_url: str
    auth_tokens: tuple[str, ...] = field(repr=False)
    account_sid: str | None
    metrics: Metrics

    def routes(self, answers: Mapping[str, Answer]) -> list[Route]:
        """Paths below ``/twilio/``, by name."""
        return [
            Route(f"/twilio/{name}", self._signed(answer), methods=["POST"])
            for name, answer in answers.items()
        ]

    def _signed(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            parameters = await _form(request)
            signature = request.headers.getlist("X-Twilio-Signature")
            if not is_signed_by_twilio(self._url(request), parameters, signature, self.auth_tokens):
                raise self._refusal(request, "webhook refused: not signed by Twilio")
            form = dict(parameters)
            if _CALL_SID.fullmatch(call_sid := form.get("CallSid", "")):
                # For every line of what this leads to, the model's session included.
                structlog.contextvars.bind_contextvars(call_sid=call_sid)
            if self.account_sid not in {None, form.get("AccountSid")}:
                raise self._refusal(request, "webhook refused: of another account")
            return await answer(TwilioRequest(form, dict(request.query_params)))

        return endpoint

    def _refusal(self, request: Request, why: str) -> HTTPException:
        self.metrics.refused_requests.labels("webhook").inc()
        client = request.client.host if request.client else ""
        _log.warning(why, path=request.url.path, client=client[:MAX_ADDRESS])
        return HTTPException(403)

    def _url(self, request: Request) -> str:
        """The address Twilio used: our public one, with the raw path and query of the request."""
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii", "replace")
        return f"{self.public_url}{path}?{query}" if query else f"{self.public_url}{path}"


def as_twiml(document: str) -> Response:
    """Answer with what Twilio shall do."""
    return Response(document, media_type="application/xml")


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
