"""A Twilio REST API on loopback: the requests about calls, taken strictly, and the failures a test asks for.

Requests, fields and codes: Twilio, "Call resource", "Modifying live calls", "Error and warning dictionary". What is
asked about numbers, applications and the account itself is in `fake_twilio_numbers`.
"""

import asyncio
import base64
import inspect
import re
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from xml.etree import ElementTree as ET

from aiohttp import web

from tests.fake_twilio_numbers import FakeAccount

ACCOUNT_SID = "AC" + 32 * "a"
AUTH_TOKEN = "canary-auth-token"
IN_ORDER = ("queued", "ringing", "in-progress")
OVER = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
CREATE_FIELDS = frozenset(
    {
        "To", "From", "Url", "Twiml", "Method", "FallbackUrl", "FallbackMethod", "StatusCallback",
        "StatusCallbackEvent", "StatusCallbackMethod", "Timeout", "TimeLimit", "SendDigits", "MachineDetection",
        "MachineDetectionTimeout", "MachineDetectionSpeechThreshold", "MachineDetectionSpeechEndThreshold",
        "MachineDetectionSilenceTimeout", "AsyncAmd", "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod",
        "CallerId", "CallReason", "Record",
    }
)  # fmt: skip
UPDATE_FIELDS = frozenset(
    {
        "Url", "Method", "Twiml", "Status", "FallbackUrl", "FallbackMethod", "StatusCallback", "StatusCallbackMethod",
        "TimeLimit",
    }
)  # fmt: skip
REPEATED = frozenset({"StatusCallbackEvent"})

Form = Mapping[str, str]
Hook = Callable[[str, Form], Awaitable[None] | None]


@dataclass(frozen=True)
class Refuse:
    """Answer the next request with an error of Twilio's shape."""

    status: int
    code: int


@dataclass(frozen=True)
class Raw:
    """Answer the next request with any body."""

    status: int
    body: str = "<html>Bad gateway</html>"
    content_type: str = "text/html"


@dataclass(frozen=True)
class Hang:
    """Never answer the next request."""


@dataclass(frozen=True)
class Drop:
    """Cut the connection in place of an answer to the next request."""


@dataclass
class FakeCall:
    """A call as Twilio knows it."""

    sid: str
    to: str
    from_: str
    status: str = "queued"
    upcoming: deque[str] = field(default_factory=deque)
    """A status more for each time that somebody asks."""
    order: list[tuple[str, str]] = field(default_factory=list)
    """The form that placed it."""
    documents: list[str] = field(default_factory=list)
    """TwiML that it was given while it went on."""
    answered_by: str | None = None
    duration: int | None = None


@dataclass(frozen=True)
class Recorded:
    """A request that came in."""

    at: float
    """On the monotonic clock."""
    method: str
    path: str
    form: list[tuple[str, str]]


class FakeTwilioRest:
    """One account's calls, on a free port of this machine inside ``async with``.

    ``script`` holds what becomes of the next requests instead of a proper answer; what broke a documented rule is in
    ``faults``. The hooks hear of what was done: ``on_dial`` with the new CallSid, ``on_update`` with the changed one.
    """

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        username: str | None = None,
        password: str = AUTH_TOKEN,
        on_dial: Hook | None = None,
        on_update: Hook | None = None,
    ) -> None:
        self.account_sid = account_sid
        self.calls: dict[str, FakeCall] = {}
        self.requests: list[Recorded] = []
        self.faults: list[str] = []
        self.script: deque[Refuse | Raw | Hang | Drop] = deque()
        self.over_code = 21220
        """How a change to a call that is over is refused: 21220, or 20404."""
        self.progress: dict[str, tuple[str, ...]] = {}
        """By number: the statuses that a call to it goes through, the first at once."""
        self.answered_by: dict[str, str] = {}
        """By number: what machine detection finds once the call is answered."""
        self.on_dial = on_dial
        self.on_update = on_update
        login = f"{username or account_sid}:{password}".encode()
        self.authorization = f"Basic {base64.b64encode(login).decode()}"
        self.account = FakeAccount(account_sid)
        """Its state, numbers and applications."""
        self._arrived = asyncio.Condition()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._front])
        calls = f"/2010-04-01/Accounts/{self.account_sid}/Calls"
        app.router.add_post(f"{calls}.json", self._create)
        app.router.add_get(f"{calls}/{{sid}}.json", self._fetch)
        app.router.add_post(f"{calls}/{{sid}}.json", self._update)
        self.account.add_routes(app, self._form)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def add_call(self, status: str = "in-progress", *, to: str = "+15005550006") -> FakeCall:
        """Let there be a call."""
        call = FakeCall(f"CA{secrets.token_hex(16)}", to, "+15005550001", status)
        self.calls[call.sid] = call
        return call

    async def wait_for_request(self, n: int = 1) -> Recorded:
        """Wait until so many requests have come in; give the last of them."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= n)
        return self.requests[n - 1]

    @web.middleware
    async def _front(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Record a request, let the script have its way, ask for the password."""
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        self.requests.append(Recorded(time.monotonic(), request.method, request.path, form))
        async with self._arrived:
            self._arrived.notify_all()
        if self.script:
            return await self._scripted(request, self.script.popleft())
        if request.headers.get("Authorization") != self.authorization:
            return self._refusal(request, 401, 20003)
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return self._refusal(request, 404, 20404)
        except web.HTTPBadRequest as exc:
            return self._refusal(request, 400, int(exc.reason))

    async def _scripted(self, request: web.Request, step: Refuse | Raw | Hang | Drop) -> web.StreamResponse:
        match step:
            case Refuse(status, code):
                return self._refusal(request, status, code)
            case Raw(status, body, content_type):
                return web.Response(status=status, text=body, content_type=content_type)
            case Hang():
                await self._closing.wait()
            case Drop():
                pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def _create(self, request: web.Request) -> web.Response:
        form = self._form(request, CREATE_FIELDS)
        if code := self._wrong_with_order(form):
            return self._refusal(request, 400, code)
        call = FakeCall(f"CA{secrets.token_hex(16)}", form["To"], form["From"], order=self.requests[-1].form)
        call.upcoming.extend(self.progress.get(call.to, IN_ORDER))
        call.status = call.upcoming.popleft()
        self.calls[call.sid] = call
        await _told(self.on_dial, call.sid, form)
        return web.json_response(self._resource(call), status=201)

    async def _fetch(self, request: web.Request) -> web.Response:
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            return self._refusal(request, 404, 20404)
        if call.upcoming:
            call.status = call.upcoming.popleft()
        if call.status in {"in-progress", "completed"}:
            call.answered_by = self.answered_by.get(call.to)
        if call.status in OVER and call.duration is None:
            call.duration = 7 if call.status == "completed" else 0
        return web.json_response(self._resource(call))

    async def _update(self, request: web.Request) -> web.Response:
        form = self._form(request, UPDATE_FIELDS)
        call = self.calls.get(request.match_info["sid"])
        if call is None:
            return self._refusal(request, 404, 20404)
        if call.status in OVER:
            return self._refusal(request, 404 if self.over_code == 20404 else 400, self.over_code)
        self._check_update(form)
        if "Status" in form:
            call.status, call.duration = form["Status"], 7
            call.upcoming.clear()
        elif call.status != "in-progress":
            return self._refusal(request, 400, 21220)
        else:
            call.documents.append(form.get("Twiml", ""))
        await _told(self.on_update, call.sid, form)
        return web.json_response(self._resource(call))

    def _form(self, request: web.Request, known: frozenset[str]) -> dict[str, str]:
        """Read the request's form, noting what it should not hold."""
        pairs = self.requests[-1].form
        names = [name for name, _ in pairs]
        self.faults += [f"unknown field {name}" for name in names if name not in known]
        self.faults += [f"repeated field {name}" for name in set(names) - REPEATED if names.count(name) > 1]
        if request.content_type != "application/x-www-form-urlencoded":
            self.faults.append(f"content type {request.content_type}")
        return dict(pairs)

    def _wrong_with_order(self, form: Form) -> int:
        """Check an order of a call; the code with which it is refused, or 0."""
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")):
            return 21211
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("From", "")):
            return 21212
        if "Twiml" not in form and not form.get("Url", "").startswith("https://"):
            return 21205
        events = {value for name, value in self.requests[-1].form if name == "StatusCallbackEvent"}
        wrong = {
            "Timeout": not 1 <= int(form.get("Timeout", "60")) <= 600,
            "TimeLimit": int(form.get("TimeLimit", "1")) < 1,
            "MachineDetection": form.get("MachineDetection", "Enable") not in {"Enable", "DetectMessageEnd"},
            "AsyncAmd": form.get("AsyncAmd", "true") not in {"true", "false"},
            "AsyncAmdStatusCallback": "AsyncAmdStatusCallback" in form and form.get("AsyncAmd") != "true",
            "StatusCallbackEvent": not events <= EVENTS,
            "Twiml": "Twiml" in form and "Url" in form,
        }
        self.faults += [f"value of {name}" for name, is_wrong in wrong.items() if is_wrong]
        return 0

    def _check_update(self, form: Form) -> None:
        if len({"Twiml", "Url", "Status"} & form.keys()) != 1:
            self.faults.append("not one of Twiml, Url and Status")
        if form.get("Status", "completed") not in {"completed", "canceled"}:
            self.faults.append("value of Status")
        if "Twiml" in form:
            if len(form["Twiml"]) > 4000:
                self.faults.append("Twiml is too long")
            try:
                ET.fromstring(form["Twiml"])
            except ET.ParseError:
                self.faults.append("Twiml is not XML")

    def _refusal(self, request: web.Request, status: int, code: int) -> web.Response:
        """Twilio's error; its words repeat what was asked, as the real ones do."""
        asked = dict(self.requests[-1].form)
        body = {
            "code": code,
            "message": f"The requested resource {request.path} for {asked.get('To', '')} cannot be had",
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
        return web.json_response(body, status=status)

    def _resource(self, call: FakeCall) -> dict[str, Any]:
        return {
            "sid": call.sid,
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "to": call.to,
            "from": call.from_,
            "status": call.status,
            "direction": "outbound-api",
            "answered_by": call.answered_by,
            "duration": None if call.duration is None else str(call.duration),
            "queue_time": "0",
            "price": None,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Calls/{call.sid}.json",
        }


async def _told(hook: Hook | None, call_sid: str, form: Form) -> None:
    if hook is not None:
        result = hook(call_sid, form)
        if inspect.isawaitable(result):
            await result
