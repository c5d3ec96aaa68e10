"""Whole calls that we place: silence until it is known who answered, then a greeting, a message, or the end."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gateway import screening
from gateway.active_calls import ActiveCalls
from gateway.agent_limits import TransferTarget
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.steps import End
from gateway.transfer import TransferOrder
from gateway.transfers import Transfers
from gateway.twilio.rest import TwilioRest
from tests.fake_twilio_rest import ACCOUNT_SID
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running
from tests.test_calls import ended_by, heard, tone
from tests.transfer_calls import closed, hang_up
from tests.web.test_webhooks import post

AGENTS = """
[agents.default]
instructions = "Nobody expects this one."

[agents.polite]
instructions = "{caller} was called from {number}."
greeting = "Hello, this is Example Outfitters."
voicemail = "Your parcel can be collected."

[agents.quiet]
instructions = "Say little."
"""
US, THEM = "+15005550006", "+15005550001"
Script = Callable[["Outbound"], Coroutine[Any, Any, None]]


@dataclass
class Outbound:
    """A call that we have placed, and that goes on."""

    at: Running
    session: FakeSession
    callee: RecordedCaller

    async def answered_by(self, word: str) -> int:
        """Tell the gateway who answered, as Twilio; give the status."""
        fields = [("CallSid", self.callee.identity.call_sid), ("AnsweredBy", word)]
        return (await post(self.at, "/twilio/answered-by", fields))[0]

    async def says_hello(self) -> None:
        """Whoever answered speaks, and the model hears it."""
        await self.session.wait_for("input_audio_buffer.append")
        await self.session.speech_started(100, item_id="item_who")
        await self.session.speech_stopped(600, "Yes, who is there?", item_id="item_who")


def detection(session: FakeSession) -> dict[str, Any]:
    """The turn detection that the session has by now."""
    found: dict[str, Any] = session.config["audio"]["input"]["turn_detection"]
    return found


@contextlib.asynccontextmanager
async def up(folder: Path, **settings: Any) -> AsyncIterator[tuple[Running, FakeRealtimeServer]]:
    path = folder / "agents.toml"
    path.write_text(AGENTS)
    async with FakeRealtimeServer(api_key="sk-test") as model:
        given = {"realtime_url": model.url, "openai_api_key": "sk-test", "agents_file": path}
        async with running(**given, **settings) as at:
            yield at, model
    assert model.faults == []


def call(
    folder: Path, agent: str, script: Script, seconds: float = 2.0
) -> tuple[Outcome, RecordedCaller, list[str]]:
    """One call of that agent's, in which the model and Twilio do as the script says."""

    async def whole() -> tuple[Outcome, RecordedCaller, list[str]]:
        async with up(folder) as (at, model):
            callee = calling(at, agent, seconds)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(
                    place_call(callee, connect_to=at.address, status_url="/twilio/status")
                )
                session = await model.session()
                await session.wait_for("session.update")
                await script(Outbound(at, session, callee))
            await closed(session)
            assert len(model.sessions) == 1
            return placed.result(), callee, ended_by(at)

    outcome, callee, endings = run(whole())
    assert outcome.faults == {}
    return outcome, callee, endings


def calling(at: Running, agent: str, seconds: float = 2.0) -> RecordedCaller:
    return at.caller(
        seconds,
        identity=replace(new_identity(direction="outbound-api")),
        voice_url=f"/twilio/outbound?agent={agent}",
    )


async def greets(call: Outbound) -> None:
    await call.session.wait_for("response.create")
    await call.session.say("item_hello", tone(500), "Hello.")


@pytest.mark.parametrize("word", ["human", "unknown"])
def test_nothing_is_said_before_a_person_has_answered_who_then_is_greeted(tmp_path: Path, word: str) -> None:
    async def script(call: Outbound) -> None:
        assert detection(call.session)["create_response"] is False
        await call.says_hello()
        await asyncio.sleep(0.4)
        assert call.session.events("response.create") == []
        assert await call.answered_by(word) == 204
        await greets(call)
        (asked,) = call.session.events("response.create")
        assert "Hello, this is Example Outfitters." in asked.event["response"]["instructions"]

    outcome, callee, endings = call(tmp_path, "polite", script)

    assert outcome.end == End("caller-hung-up")
    assert len(heard(callee)) == 500 * 8
    assert endings == ["hangup"]


def test_from_then_on_it_is_a_call_like_any_other(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.answered_by("human")
        await greets(call)
        while not detection(call.session)["interrupt_response"]:
            await call.session.wait_for("session.update")
        assert detection(call.session)["create_response"] is True
        await asyncio.sleep(0.7)  # the greeting is heard out
        await call.session.say("item_long", tone(5000), "A long sentence.")
        await asyncio.sleep(0.3)
        await call.session.speech_started(1900)
        await call.session.wait_for("conversation.item.truncate")

    _, callee, _ = call(tmp_path, "polite", script, 3.0)
    assert len(heard(callee)) < 2000 * 8


def test_an_agent_without_a_greeting_answers_what_it_has_heard(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.answered_by("human")
        asked = await call.session.wait_for("response.create")
        assert "instructions" not in asked.event.get("response", {})
        assert detection(call.session)["create_response"] is True
        assert detection(call.session)["interrupt_response"] is True
        await call.session.say("item_me", tone(400), "It is me.")

    outcome, callee, _ = call(tmp_path, "quiet", script)
    assert outcome.end == End("caller-hung-up")
    assert len(heard(callee)) == 400 * 8


def test_who_still_speaks_when_they_are_known_to_be_a_person_is_answered_once(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.session.speech_started(700, item_id="item_more")
        await call.answered_by("human")
        while not detection(call.session)["create_response"]:
            await call.session.wait_for("session.update")
        await call.session.speech_stopped(1200, "Who is there?", item_id="item_more")
        await call.session.say("item_me", tone(300), "It is me.")  # by itself, as servers do
        await asyncio.sleep(0.5)  # time for an answer too many
        assert call.session.events("response.create") == []

    _, callee, _ = call(tmp_path, "quiet", script)
    assert len(heard(callee)) == 300 * 8


@pytest.mark.parametrize("word", ["machine_end_beep", "machine_end_silence", "machine_end_other"])
def test_a_machine_hears_the_whole_message_whatever_noise_it_makes(tmp_path: Path, word: str) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.answered_by(word)
        asked = await call.session.wait_for("response.create")
        assert "Your parcel can be collected." in asked.event["response"]["instructions"]
        await call.session.begin("item_message")
        await call.session.speech_started(900)
        await call.session.speak("item_message", tone(1200))
        await call.session.finish("item_message", "Your parcel can be collected.")
        await asyncio.sleep(0.3)
        await call.session.speech_stopped(1200)
        await call.session.speech_started(1300, item_id="item_noise")

    outcome, callee, endings = call(tmp_path, "polite", script, 8.0)

    assert outcome.end == End("gateway-hung-up", "hangup")
    assert len(heard(callee)) == 1200 * 8
    assert endings == ["voicemail"]


@pytest.mark.parametrize(
    ("agent", "word"), [("quiet", "machine_end_beep"), ("quiet", "machine_start"), ("polite", "fax")]
)
def test_a_machine_for_which_there_is_no_message_is_hung_up_on(tmp_path: Path, agent: str, word: str) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.answered_by(word)

    outcome, callee, endings = call(tmp_path, agent, script, 8.0)

    assert outcome.end == End("gateway-hung-up", "hangup")
    assert heard(callee) == b""
    assert endings == ["voicemail"]


def test_without_a_result_a_person_is_believed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "TIMEOUT", 0.3)

    _, callee, endings = call(tmp_path, "polite", greets)

    assert len(heard(callee)) == 500 * 8
    assert endings == ["hangup"]


def test_a_result_that_comes_before_the_stream_counts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with up(tmp_path) as (at, model):
            callee = calling(at, "polite")
            identity = callee.identity
            fields = [
                ("CallSid", identity.call_sid), ("From", US), ("To", THEM), ("Direction", "outbound-api"),
                ("CallStatus", "in-progress"),
            ]  # fmt: skip
            first = await post(at, "/twilio/outbound?agent=polite", fields)
            session = await model.session()
            early = Outbound(at, session, callee)
            await early.answered_by("human")
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(callee, connect_to=at.address))
                await greets(early)
            assert "<Connect" in first[2]
            assert placed.result().faults == {}
            assert len(heard(callee)) == 500 * 8

    run(scenario())


def test_a_second_result_changes_nothing(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        await call.answered_by("human")
        await call.answered_by("fax")
        await greets(call)
        assert await call.answered_by("machine_end_beep") == 204

    outcome, callee, endings = call(tmp_path, "polite", script)
    assert outcome.end == End("caller-hung-up")
    assert len(heard(callee)) == 500 * 8
    assert endings == ["hangup"]


def test_who_hangs_up_before_it_is_known_who_they_are_leaves_nothing_behind(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        await call.says_hello()
        hang_up(call.callee)
        await closed(call.session)
        assert await call.answered_by("human") == 204
        assert call.session.events("response.create") == []

    outcome, callee, endings = call(tmp_path, "polite", script)
    assert outcome.end == End("caller-hung-up")
    assert heard(callee) == b""
    assert endings == ["hangup"]


def test_a_line_that_breaks_before_it_is_known_who_answered_is_screened_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with up(tmp_path) as (at, model):
            callee = calling(at, "polite", 3.0)
            callee.breaks_at = (0.4,)
            has_broken = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(
                    place_call(
                        callee,
                        connect_to=at.address,
                        on_event=lambda event: has_broken.set() if "/after" in event.detail else None,
                    )
                )
                session = await model.session()
                await session.wait_for("input_audio_buffer.append")
                await has_broken.wait()
                assert session.events("response.create") == []
                line = Outbound(at, session, callee)
                await line.answered_by("human")
                await greets(line)
            assert placed.result().end == End("caller-hung-up")
            assert len(model.sessions) == 1
            assert len(heard(callee)) == 500 * 8

    run(scenario())


def test_the_caller_of_the_instructions_is_the_person_who_was_called(tmp_path: Path) -> None:
    async def script(call: Outbound) -> None:
        assert call.session.config["instructions"] == f"{THEM} was called from {US}."

    call(tmp_path, "polite", script, 0.5)


@pytest.mark.parametrize("query", ["?agent=nobody", "?agent=", ""])
def test_a_call_for_no_agent_of_ours_is_hung_up(tmp_path: Path, query: str) -> None:
    async def scenario() -> Outcome:
        async with up(tmp_path) as (at, model):
            callee = calling(at, "nobody")
            callee.signalling.voice_url = f"/twilio/outbound{query}"
            outcome = await place_call(callee, connect_to=at.address)
            assert model.sessions == []
            return outcome

    outcome = run(scenario())
    assert (outcome.end, outcome.faults) == (End("gateway-hung-up", "hangup"), {})


@pytest.mark.parametrize("path", ["/twilio/outbound?agent=polite", "/twilio/answered-by"])
def test_what_twilio_has_not_signed_is_refused(tmp_path: Path, path: str) -> None:
    async def scenario() -> list[int]:
        async with up(tmp_path) as (at, _):
            fields = [("CallSid", "CA" + 32 * "1"), ("AnsweredBy", "human")]
            unsigned = functools.partial(post, at, path, fields)
            return [(await unsigned(signature=each))[0] for each in (None, "AAAA")]

    assert run(scenario()) == [403, 403]


@pytest.mark.parametrize("settings", [{"max_calls": 1}, {}])
def test_an_outbound_call_that_finds_no_place_is_hung_up(tmp_path: Path, settings: dict[str, int]) -> None:
    async def scenario() -> str:
        async with up(tmp_path, fallback_number="+15005550009", **settings) as (at, _):
            await post(at, "/twilio/voice", [("CallSid", "CA" + 32 * "1")])
            at.gateway.active_calls.draining = not settings
            fields = [("CallSid", "CA" + 32 * "2"), ("Direction", "outbound-api")]
            return (await post(at, "/twilio/outbound?agent=polite", fields))[2]

    body = run(scenario())
    assert "<Hangup" in body
    assert "<Dial" not in body


def test_a_call_that_another_process_has_placed_goes_on_with_its_own_agent(tmp_path: Path) -> None:
    """The number that it was placed from is our default agent's."""
    fields = [("Direction", "outbound-api"), ("From", US), ("To", THEM), ("CallStatus", "in-progress")]

    async def scenario() -> list[str]:
        async with up(tmp_path) as (at, model):
            documents = []
            for n, path in enumerate(("outbound", "after", "transferred"), 1):
                form = [("CallSid", f"CA{n:032x}"), *fields]
                status, _, document = await post(at, f"/twilio/{path}?agent=polite", form)
                assert status == 200
                documents.append(document)
                session = await model.session()
                await session.wait_for("session.update")
                assert session.config["instructions"] == f"{THEM} was called from {US}."
            return documents

    for document in run(scenario()):
        connect = ET.fromstring(document).find("Connect")
        assert connect is not None
        assert connect.attrib["action"] == "https://voice.example.com/twilio/after?agent=polite"


def test_while_another_process_takes_our_place_twilio_asks_for_the_same_agent(tmp_path: Path) -> None:
    fields = [("CallSid", "CA" + "1" * 32), ("Direction", "outbound-api"), ("CallStatus", "in-progress")]

    async def scenario() -> str:
        async with up(tmp_path) as (at, _):
            at.gateway.active_calls.draining = True
            return (await post(at, "/twilio/after?agent=polite", fields))[2]

    redirect = ET.fromstring(run(scenario())).find("Redirect")
    assert redirect is not None
    assert redirect.text == "https://voice.example.com/twilio/after?agent=polite"


def test_a_transfer_of_a_call_that_we_placed_comes_back_to_its_own_agent() -> None:
    document = []

    class Rest(TwilioRest):
        async def redirect(self, call_sid: str, twiml: str) -> bool:
            document.append(twiml)
            return True

    async def scenario() -> None:
        rest = Rest(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN)
        async with rest, Transfers(PUBLIC_URL, ActiveCalls(1), rest) as transfers:
            target = TransferTarget(number="+15005550009", name="accounts")
            order = TransferOrder("CA" + "1" * 32, target, US, THEM, "", "polite")
            assert await transfers.begin(order) is None

    run(scenario())
    dial = ET.fromstring(document[0]).find("Dial")
    assert dial is not None
    assert dial.attrib["action"] == "https://voice.example.com/twilio/transferred?agent=polite"
