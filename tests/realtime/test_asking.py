"""When a response is asked for, asked for again, and not asked for."""

import asyncio
from typing import Any

import pytest

from gateway.errors import LocalProtocolError
from gateway.realtime import SessionConfig, dialogue, response_gate
from gateway.realtime.session_fields import ServerVad
from tests.fake_behaviour import Event
from tests.fakes import Behaviour, FakeSession
from tests.gateways import run
from tests.realtime.clients import MANUAL, connected, record, until_handled, until_taken
from tests.realtime.recoveries import SECOND, Ticks, lose, sessions, upcoming

ACTIVE = "conversation_already_has_active_response"
ONLY_DETECTS = SessionConfig(turn_detection=ServerVad(create_response=False))


def asked(session: FakeSession) -> list[Any]:
    """What each response.create of a session asked for."""
    return [received.event.get("response") for received in session.events("response.create")]


class SlowTool:
    """Looks up something until it may answer."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> str:
        self.begun.set()
        await self.may_end.wait()
        return "found"

    __name__ = "look_up"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"temperature": 0.8}, LocalProtocolError),
        ({"metadata": {"made_by": object()}}, TypeError),
        ({"metadata": {"rates": {1.5 + 2j}}}, TypeError),
    ],
    ids=["unknown", "object", "complex"],
)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_response_that_cannot_be_asked_for_is_refused_at_once_and_harms_nothing(
    params: dict[str, Any], error: type[Exception], busy: bool
) -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            client, session = each.client, each.session
            if busy:
                await client.create_response(instructions="first")
                await session.wait_for("response.create")
                await session.begin("item_a")
                await until_handled(client, session)
            await client.append_input_audio(SECOND)
            with pytest.raises(error):
                await client.create_response(**params)
            assert session.events("input_audio_buffer.commit") == []
            await client.create_response(instructions="next")
            if busy:
                await session.finish("item_a", "Hello.")
            await session.wait_for("input_audio_buffer.commit")
            await until_taken(client, session)
            await until_taken(client, session)
            assert asked(session) == [{"instructions": "first"}] * busy + [{"instructions": "next"}]
            assert client.is_connected()

    run(scenario())


def test_request_that_is_never_answered_is_made_again_and_then_in_another_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_gate, "CREATED_TIMEOUT", 0.1)
    monkeypatch.setattr("gateway.realtime.leg.TICK", 0.01)

    async def scenario() -> None:
        async with sessions(Behaviour(drops_created=True), Behaviour()) as (client, server, session):
            lost = upcoming(client, "session.lost")
            await client.create_response(instructions="Greet.")
            second = await server.session()
            await second.wait_for("response.create")
            assert await lost == {"code": "stalled"}
            assert asked(session) == [{"instructions": "Greet."}] * 2
            await second.say("item_a", SECOND, "Hello.")
            await until_taken(client, second)
            assert asked(second) == [{"instructions": "Greet."}]

    run(scenario())


def test_request_refused_by_no_fault_of_ours_is_made_once_more_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialogue, "RETRY_AFTER", 0.02)
    ticks = Ticks(monkeypatch)

    async def scenario() -> None:
        async with connected(None, Behaviour(create_error="server_error")) as each:
            await each.client.create_response(instructions="Greet.")
            for _ in range(2):
                await each.session.wait_for("response.create")
            await until_taken(each.client, each.session)
            await ticks.some(10)
            assert asked(each.session) == [{"instructions": "Greet."}] * 2
            assert each.client.is_connected()

    run(scenario())


def test_nothing_is_asked_for_while_a_tool_runs() -> None:
    async def scenario() -> None:
        slow = SlowTool()
        async with connected(None, None, slow) as each:
            await each.session.call_tool("item_c", "call_1", "look_up", "{}")
            await slow.begun.wait()
            await each.client.create_response(instructions="Say that it takes a while.")
            await until_taken(each.client, each.session)
            assert asked(each.session) == []
            slow.may_end.set()
            await each.session.wait_for("response.create")
            kinds = [received.event["type"] for received in each.session.received]
            assert kinds.index("conversation.item.create") < kinds.index("response.create")

    run(scenario())


def test_answer_after_a_preamble_that_was_heard_is_asked_for_once_when_the_tool_has_answered() -> None:
    async def scenario() -> None:
        slow = SlowTool()
        async with sessions() as (client, server, session):
            await client.add_tool(slow)
            await session.begin("item_a")
            await session.speak("item_a", SECOND)
            await session.finish_item("item_a", "One moment.")
            await session.call_tool("item_c", "call_1", "look_up", "{}")
            await slow.begun.wait()
            second = await lose(client, server, session)
            await until_taken(client, second)
            assert asked(second) == []
            slow.may_end.set()
            await second.wait_for("response.create")
            assert second.history_text().splitlines() == [
                "assistant: One moment.",
                "call call_1: look_up {}",
                "output call_1: found",
            ]
            await second.say("item_b", SECOND, "It was found.")
            await until_taken(client, second)
            assert asked(second) == [None]

    run(scenario())


def test_refusal_that_names_no_event_but_an_active_response_lets_the_request_wait_for_its_end() -> None:
    async def scenario() -> None:
        async with connected(None, Behaviour(drops_created=True)) as each:
            await each.client.create_response(instructions="Greet.")
            await each.session.wait_for("response.create")
            await each.session.begin("item_a")
            await each.session.error(ACTIVE)
            await until_taken(each.client, each.session)
            assert len(asked(each.session)) == 1
            await each.session.finish("item_a", "Hello.")
            await each.session.wait_for("response.create")
            assert asked(each.session) == [{"instructions": "Greet."}] * 2

    run(scenario())


@pytest.mark.parametrize("is_over", [False, True], ids=["speaking", "spoken"])
def test_application_that_answers_itself_is_not_forestalled_after_a_loss(
    is_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "ASK_AGAIN_AFTER", 0.0)
    ticks = Ticks(monkeypatch)

    async def scenario() -> None:
        async with sessions(config=ONLY_DETECTS) as (client, server, session):
            await session.speech_started(0)
            if is_over:
                await session.speech_stopped(1000, "Are you there?")
            await until_handled(client, session)
            second = await lose(client, server, session)
            await ticks.some()
            await until_taken(client, second)
            assert asked(second) == []
            assert second.history_text() == ("user: Are you there?" if is_over else "")

    run(scenario())


def test_caller_who_was_speaking_when_the_session_was_lost_is_asked_to_say_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialogue, "ASK_AGAIN_AFTER", 0.0)
    ticks = Ticks(monkeypatch)

    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.speech_started(0)
            await until_handled(client, session)
            second = await lose(client, server, session)
            await ticks.some()
            await second.wait_for("response.create")
            assert second.history_text().startswith("system: ")
            assert asked(second) == [None]

    run(scenario())


def test_callers_words_that_could_not_be_restored_are_asked_for_again() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.speech_started(0)
            await session.speech_stopped(1000)  # and no transcript
            await until_handled(client, session)
            second = await lose(client, server, session)
            await second.wait_for("response.create")
            assert second.history_text().startswith("system: ")

    run(scenario())


def test_answer_that_was_cut_by_the_loss_is_gone_on_with() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.begin("item_a")
            await session.speak("item_a", 4 * SECOND)
            await session.finish_item("item_a", "one two three four")
            await until_handled(client, session)
            second = await lose(client, server, session)
            await second.wait_for("response.create")
            spoken, note = second.history_text().splitlines()
            assert spoken == "assistant: one two three four"
            assert note.startswith("system: ")

    run(scenario())


def test_call_in_a_response_outside_of_the_conversation_is_left_to_the_application() -> None:
    async def scenario() -> None:
        async with connected() as each:
            calls: list[str] = []
            await each.client.add_tool({"name": "look_up"}, lambda _: calls.append("called"))
            ids = {"response_id": "resp_x", "output_index": 0}
            call = {"type": "function_call", "id": "item_c", "call_id": "c", "name": "look_up"}
            response = {"id": "resp_x", "object": "realtime.response", "conversation_id": None}
            created: Event = {**response, "status": "in_progress", "output": []}
            await each.session.send({"type": "response.created", "response": created})
            for kind, status in (("added", "in_progress"), ("done", "completed")):
                item = {**call, "status": status, "arguments": "{}"}
                await each.session.send({"type": f"response.output_item.{kind}", **ids, "item": item})
            done = {**response, "status": "completed", "output": [item]}
            await each.session.send({"type": "response.done", "response": done})
            await until_handled(each.client, each.session)
            await until_taken(each.client, each.session)
            assert calls == []
            assert each.session.events("conversation.item.create") == []
            assert asked(each.session) == []

    run(scenario())


def test_response_without_an_id_ends_and_is_not_told() -> None:
    async def scenario() -> None:
        async with connected() as each:
            told = record(each.client, "response.completed")
            response = {"id": "", "object": "realtime.response", "status": "completed", "output": []}
            await each.session.send({"type": "response.done", "response": response})
            await until_handled(each.client, each.session)
            assert told == []
            assert each.client.is_connected()

    run(scenario())
