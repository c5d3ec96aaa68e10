"""``gateway dial`` from end to end: the command, Twilio, a gateway that is up, and whoever picks up."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.steps import End
from tests.cli import test_dial
from tests.fake_phone_company import FakePhoneCompany, NotReached
from tests.fake_twilio_rest import ACCOUNT_SID, FakeTwilioRest
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, run, running
from tests.test_calls import ended_by, heard, tone

TO, OTHER = test_dial.TO, test_dial.OTHER
AGENTS = '[agents.desk]\ninstructions = "Call {caller}."\ngreeting = "Hello."\n'


@dataclass
class World:
    """A gateway, Twilio and phones; ``picked_up`` are those who were called."""

    folder: Path
    model: FakeRealtimeServer
    rest: FakeTwilioRest
    company: FakePhoneCompany
    picked_up: list[RecordedCaller]

    def pick_up(self, identity: CallIdentity, url: str) -> RecordedCaller:
        """Answer, and listen for a while."""
        callee = RecordedCaller(humming(2.0), PUBLIC_URL, AUTH_TOKEN, identity, voice_url=url, linger=0.3)
        self.picked_up.append(callee)
        return callee

    async def dial(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        settings = {"TWILIO_API_URL": self.rest.url, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "LOG_FORMAT": "json"}
        return await asyncio.to_thread(
            lambda: test_dial.gateway(*arguments, tmp_path=self.folder, **settings)
        )


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    path = folder / "gateway.toml"
    path.write_text(AGENTS)
    async with (
        FakeRealtimeServer(api_key="sk-test") as model,
        FakeTwilioRest(password=AUTH_TOKEN) as rest,
        running(
            realtime_url=model.url,
            openai_api_key="sk-test",
            agents_file=path,
            twilio_account_sid=ACCOUNT_SID,
            twilio_api_url=rest.url,
        ) as at,
        at.company(rest) as company,
    ):
        here = World(folder, model, rest, company, [])
        company.answers = here.pick_up
        yield here
    assert model.faults == []
    assert rest.faults == []
    assert all(outcome.faults == {} for outcome in company.outcomes.values())
    assert ended_by(at) == ["hangup"] * bool(here.picked_up)


def test_who_picks_up_is_greeted_once_they_are_known_to_be_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as here:
            here.rest.answered_by[TO] = "human"
            async with asyncio.TaskGroup() as tasks:
                dialling = tasks.create_task(here.dial(TO, "--agent", "desk", "--wait", "--json"))
                session = await here.model.session()
                await session.wait_for("response.create")
                await session.say("item_hello", tone(600), "Hello.")
            done = dialling.result()

            assert (done.returncode, done.stderr) == (0, "")
            report = json.loads(done.stdout)
            assert (report["to"], report["status"], report["answered_by"]) == (TO, "completed", "human")
            (outcome,) = here.company.outcomes.values()
            assert outcome.end == End("caller-hung-up")
            assert len(heard(here.picked_up[0])) == 600 * 8
            assert session.config["instructions"] == f"Call {TO}."

    run(scenario(), seconds=60)


def test_nobody_who_is_busy_or_not_there_costs_a_model_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as here:
            unreached: dict[str, NotReached] = {TO: "busy", OTHER: "no-answer"}
            here.company.answers = lambda identity, _: unreached[identity.to_number]
            done = await here.dial(TO, OTHER, "--agent", "desk", "--json")

            assert (done.returncode, done.stderr) == (1, "")
            statuses = {each["to"]: each["status"] for each in map(json.loads, done.stdout.splitlines())}
            assert statuses == unreached
            assert here.model.sessions == []

    run(scenario(), seconds=60)


def test_a_number_that_is_not_allowed_is_not_called(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as here:
            done = await here.dial(TO, "+4915005550006", "--agent", "desk")

            assert done.returncode == 2
            assert "+4915005550006: OUTBOUND_ALLOWED does not allow it" in done.stderr
            assert here.rest.requests == []

    run(scenario(), seconds=60)


def test_an_agent_that_the_gateway_does_not_have_ends_the_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as here:
            done = await here.dial(
                TO, "--agent", "default", "--wait", "--json"
            )  # in the command's file alone

            assert json.loads(done.stdout)["status"] == "completed"
            (outcome,) = here.company.outcomes.values()
            assert outcome.end == End("gateway-hung-up", "hangup")
            assert here.model.sessions == []
            here.picked_up.clear()

    run(scenario(), seconds=60)
