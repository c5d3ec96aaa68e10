"""Twilio as a whole on loopback: the calls of recorded callers, and the REST API that places and changes them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity, new_sid
from gateway.loadtest.line import Address, Line, new_http
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.signalling import Signalling
from gateway.loadtest.steps import End
from gateway.loadtest.timeline import Event
from tests.fake_twilio_rest import FakeCall, FakeTwilioRest, Form

NotReached = Literal["busy", "no-answer"]
_WHY: dict[NotReached, End] = {"busy": End("busy"), "no-answer": End("rejected")}

Answers = Callable[[CallIdentity, str], RecordedCaller | NotReached]
"""Tells who answers a call that is placed over REST, given its identifiers and the URL for its first webhook."""


@dataclass(eq=False, repr=False)
class FakePhoneCompany:
    """Makes the calls of one gateway and lets its REST requests act on them, inside ``async with``."""

    rest: FakeTwilioRest
    public_url: str
    auth_token: str
    connect_to: Address
    answers: Answers = lambda *_: "no-answer"
    detection_seconds: float = 0.2
    """After the start of an outbound call's stream, when ``rest.answered_by`` knows who answered."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By CallSid: the calls that are over."""
    _live: dict[str, RecordedCaller] = field(default_factory=dict)
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def __aenter__(self) -> Self:
        self.rest.on_dial, self.rest.on_update = self._dial, self._update
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.__aexit__(kind, exc, trace)

    async def call(self, caller: RecordedCaller, **options: Any) -> Outcome:
        """Make a call that REST knows of; ``options`` are those of ``place_call``."""
        identity = caller.identity
        known = self.rest.calls.setdefault(
            identity.call_sid, FakeCall(identity.call_sid, identity.to_number, identity.from_number)
        )
        known.status = "in-progress" if identity.is_outbound else "ringing"
        known.upcoming.clear()
        told = options.pop("on_event", None)

        def happened(event: Event) -> None:
            if event.kind == "twiml-taken":
                known.status = "in-progress"
            elif event.kind == "ended":
                known.status = "completed"
            if told:
                told(event)

        self._live[identity.call_sid] = caller
        outcome = await place_call(caller, connect_to=self.connect_to, on_event=happened, **options)
        self.outcomes[identity.call_sid] = outcome
        return outcome

    def _update(self, call_sid: str, form: Form) -> None:
        caller = self._live.get(call_sid)
        if caller is None:
            return
        now = asyncio.get_running_loop().time()
        if "Twiml" in form:
            caller.redirect(form["Twiml"], now)
        else:
            caller.end_by_rest(now)

    def _dial(self, call_sid: str, form: Form) -> None:
        identity = CallIdentity(
            self.rest.account_sid,
            call_sid,
            new_sid("MZ", call_sid),
            from_number=form["From"],
            to_number=form["To"],
            direction="outbound-api",
        )
        who = self.answers(identity, form["Url"])
        work = self._unreached(identity, who, form) if isinstance(who, str) else self._outbound(who, form)
        self._tasks.create_task(work, name=f"call to {form['To']}")

    async def _outbound(self, caller: RecordedCaller, form: Form) -> None:
        found = self.rest.answered_by.get(form["To"])
        options: dict[str, Any] = {"status_url": form.get("StatusCallback")}
        if found and "AsyncAmdStatusCallback" in form:
            options["answered_by"] = (self.detection_seconds, found)
            options["answered_by_url"] = form["AsyncAmdStatusCallback"]
        await self.call(caller, **options)

    async def _unreached(self, identity: CallIdentity, status: NotReached, form: Form) -> None:
        known = self.rest.calls[identity.call_sid]
        known.status = status
        known.upcoming.clear()
        signalling = Signalling(self.public_url, self.auth_token, identity)
        signalling.finish(_WHY[status], asyncio.get_running_loop().time())
        if "StatusCallback" in form:
            async with new_http() as http:
                await Line(signalling, http, self.connect_to).report(form["StatusCallback"])
