"""Calls whose model transfers the caller: the agents, what the model does, and the gateway with Twilio round it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity, new_identity
from gateway.loadtest.line import Line, new_http
from gateway.loadtest.place import Outcome
from tests.fake_phone_company import FakePhoneCompany, NotReached
from tests.fake_twilio_rest import ACCOUNT_SID, FakeTwilioRest
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, humming, running
from tests.test_calls import tone
from tests.web.test_webhooks import post

ACCOUNTS = "+15005550009"
RETURNS = "+15005550010"
DESK = "+15005550011"
AGENTS = f"""
[agents.default]
instructions = "Help."
greeting = "Hello."
tools = ["transfer_call"]

[[agents.default.transfers]]
number = "{ACCOUNTS}"
name = "accounts"
description = "Invoices."
ring_seconds = 17
caller_id = "+15005550006"

[[agents.default.transfers]]
number = "{RETURNS}"
name = "returns"

[[agents.default.transfers]]
number = "{DESK}"
name = "desk"
mode = "warm"
ring_seconds = 12
"""
PATIENCE = 10.0
"""Seconds that a test waits for what should come."""


@dataclass
class Office:
    """A gateway that is up, its model, and the phones that can be reached."""

    at: Running
    model: FakeRealtimeServer
    rest: FakeTwilioRest
    company: "Company"

    def caller(self, seconds: float = 6.0, **options: Any) -> RecordedCaller:
        """Somebody who calls; nobody whom they are passed on to answers, unless ``dialled`` says so."""
        identity = new_identity(account_sid=ACCOUNT_SID)
        return self.at.caller(seconds, **{"identity": identity, **options})

    async def ask(self, path: str, caller: RecordedCaller, **fields: str) -> str:
        """Ask a webhook about a caller's call, as Twilio; give the TwiML."""
        form = {
            "CallSid": caller.identity.call_sid,
            "AccountSid": ACCOUNT_SID,
            "CallStatus": "in-progress",
            **fields,
        }
        status, _, body = await post(self.at, f"/twilio/{path}", list(form.items()))
        assert status < 300
        return body

    async def tell(self, url: str, **fields: str) -> None:
        """Tell a status callback of our own something, as Twilio."""
        form = [("CallSid", "CA" + 32 * "e"), ("AccountSid", ACCOUNT_SID), *fields.items()]
        status, _, _ = await post(self.at, url.removeprefix(PUBLIC_URL), form)
        assert status == 204


class Company(FakePhoneCompany):
    """People who stay in the conference that they have joined until the ``talk_is_over``."""

    talk_is_over: asyncio.Event
    rung: list[Outcome]

    async def call(self, caller: RecordedCaller, **options: Any) -> Outcome:
        """Make a call; the end of a person's line is reported once they have left the conference."""
        status_url = options.pop("status_url", None)
        outcome = await super().call(caller, **options)
        if caller.identity.is_outbound:
            self.rung.append(outcome)
            if outcome.end.reason == "transferred":
                self.rest.calls[caller.identity.call_sid].status = "in-progress"
                await self.talk_is_over.wait()
        if status_url is not None:
            await self.report(caller, status_url)
        return outcome

    async def report(self, caller: RecordedCaller, status_url: str) -> None:
        """Report the end of a call."""
        self.rest.calls[caller.identity.call_sid].status = "completed"
        async with new_http() as http:
            await Line(caller.signalling, http, self.connect_to).report(status_url)


def person(presses: str = "1", **options: Any) -> Callable[[CallIdentity, str], RecordedCaller | NotReached]:
    """Somebody who picks up, hears what it is about, and presses keys."""

    def answers(identity: CallIdentity, url: str) -> RecordedCaller:
        return RecordedCaller(
            humming(1.0), PUBLIC_URL, AUTH_TOKEN, identity, voice_url=url, presses=presses, **options
        )

    return answers


@contextlib.asynccontextmanager
async def office(
    folder: Path, *, with_rest: bool = False, agents: str = AGENTS, **settings: Any
) -> AsyncIterator[Office]:
    """Run a gateway, with REST credentials or without; all that went wrong on either side is asserted not to have."""
    path = folder / "agents.toml"
    path.write_text(agents)
    async with contextlib.AsyncExitStack() as stack:
        model = await stack.enter_async_context(FakeRealtimeServer(api_key="sk-test"))
        rest = await stack.enter_async_context(FakeTwilioRest(password=AUTH_TOKEN))
        login = {"twilio_account_sid": ACCOUNT_SID, "twilio_api_url": rest.url} if with_rest else {}
        given = {"realtime_url": model.url, "openai_api_key": "sk-test", "agents_file": path}
        at = await stack.enter_async_context(running(**given, **login, **settings))
        company = Company(rest, PUBLIC_URL, AUTH_TOKEN, at.address)
        company.talk_is_over, company.rung = asyncio.Event(), []
        async with company:
            yield Office(at, model, rest, company)
            company.talk_is_over.set()
    assert model.faults == []
    assert rest.faults == []


async def greeted(model: FakeRealtimeServer) -> FakeSession:
    """Let the agent greet the caller; give its session."""
    session = await model.session()
    await session.wait_for("response.create")
    await session.say("item_hello", tone(200), "Hello.")
    await session.wait_for("session.update")
    await session.wait_for("session.update")
    await session.wait_for("input_audio_buffer.append")
    await session.speech_started(100, item_id="item_please")
    await session.speech_stopped(300, "Accounts, please.", item_id="item_please")
    return session


async def transfer(
    session: FakeSession, to: str, n: int = 1, *, announcement_ms: int = 300, summary: str = ""
) -> None:
    """Announce the n-th transfer of a call, and call the tool in the same response."""
    await session.begin(f"item_say_{n}")
    await session.speak(f"item_say_{n}", tone(announcement_ms))
    await session.finish_item(f"item_say_{n}", "I will connect you.")
    await call_tool(session, to, n, summary)
    await session.close_response()


async def call_tool(session: FakeSession, to: str, n: int = 1, summary: str = "") -> None:
    """Call the tool, in the response that is active or one of its own."""
    arguments = json.dumps({"to": to, **({"summary": summary} if summary else {})})
    await session.call_tool(f"item_tool_{n}", f"call_{n}", "transfer_call", arguments)


async def output(session: FakeSession, n: int = 1) -> str:
    """Wait for what the tool's n-th call came to."""
    item = await session.wait_for_item(
        lambda item: item["type"] == "function_call_output" and item["call_id"] == f"call_{n}"
    )
    return str(json.loads(item["output"])["error"])


async def answer(session: FakeSession, n: int, ms: int = 400) -> None:
    """Say something on the outcome, as the gateway must ask for; ``n`` names the item."""
    await session.wait_for("response.create")
    await session.say(f"item_answer_{n}", tone(ms), "I am sorry.")


async def closed(session: FakeSession) -> None:
    """Wait until the gateway has closed a session."""
    async with asyncio.timeout(PATIENCE):
        await session.closed.wait()


def hang_up(caller: RecordedCaller) -> None:
    """Have a caller hang up now."""
    caller.hang_up_after = 0.0
    assert caller.signalling.on_change is not None
    caller.signalling.on_change()


def events(outcome: Outcome, kind: str) -> list[str]:
    """The details of a call's events of one kind."""
    return [event.detail for event in outcome.timeline.events if event.kind == kind]
