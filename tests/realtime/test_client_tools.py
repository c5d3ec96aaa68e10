"""Tools, from the model's call to its answer."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.errors import ToolError
from gateway.realtime import SessionConfig
from gateway.realtime.events import AudioDelta
from gateway.realtime.tool_calls import MAX_CALLS_PER_RESPONSE
from gateway.tools import Tool
from tests.fakes import Behaviour, FakeSession
from tests.gateways import run
from tests.realtime.clients import Connected, connected, record, until_handled, until_taken

MCP = {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com/mcp"}
DECLARED = {"type": "function", "name": "declared", "parameters": {"type": "object", "properties": {}}}


def tool(function: Callable[[dict[str, Any]], Any], name: str = "look_up", timeout: float = 5.0) -> Tool:
    return Tool.from_definition({"name": name}, function, timeout=timeout)


async def echo(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"got": arguments}


async def output(session: FakeSession) -> str:
    """The next output that the client gives."""
    item = (await session.wait_for("conversation.item.create")).event["item"]
    assert item["type"] == "function_call_output"
    return str(item["output"])


async def quiet(each: Connected) -> None:
    """Whatever is under way has been sent and answered."""
    await until_handled(each.client, each.session)
    await until_taken(each.client, each.session)


def n_asked(each: Connected) -> int:
    return len(each.session.events("response.create"))


class Slow:
    """A tool that takes until it is let go."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.n_calls = 0

    async def __call__(self, arguments: dict[str, Any]) -> str:
        self.n_calls += 1
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"


@contextlib.asynccontextmanager
async def slow_tool_running(**options: Any) -> AsyncIterator[tuple[Connected, Slow]]:
    """A session in which a slow tool has been called."""
    slow = Slow()
    async with connected(None, None, tool(slow, **options)) as each:
        await each.session.call_tool("call", "c1", "look_up", "{}")
        await slow.begun.wait()
        yield each, slow


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"day": "Monday"}', {"got": {"day": "Monday"}}),
        ("", {"got": {}}),
        ("{}", {"got": {}}),
        ('{"day": ', None),
        ("[1]", None),
    ],
)
def test_call_is_carried_out_with_its_final_arguments_and_its_output_spoken_of(
    arguments: str, expected: object
) -> None:
    async def scenario() -> None:
        async with connected(None, None, tool(echo)) as each:
            await each.session.call_tool("call", "c1", "look_up", arguments)
            given = json.loads(await output(each.session))
            if expected is None:
                assert set(given) == {"error"}
            else:
                assert given == expected
            await each.session.wait_for("response.create")
            assert each.session.orphan_calls() == []

    run(scenario())


@pytest.mark.parametrize(
    "function",
    [lambda _: "9 to 5", lambda _: asyncio.sleep(0, "9 to 5"), lambda _: threading.get_ident() and "9 to 5"],
)
def test_functions_of_every_kind_are_called(
    function: Callable[[dict[str, Any]], str | Awaitable[str]],
) -> None:
    async def scenario() -> None:
        async with connected(None, None, tool(function)) as each:
            await each.session.call_tool("call", "c1", "look_up", "{}")
            assert await output(each.session) == "9 to 5"

    run(scenario())


def test_tool_that_fails_becomes_an_output_that_says_so() -> None:
    def refuse(_: object) -> None:
        raise ToolError("no such day")

    async def scenario() -> None:
        async with connected(None, None, tool(refuse), tool(lambda _: 1 / 0, "broken")) as each:
            await each.session.call_tool("call1", "c1", "look_up", "{}")
            assert json.loads(await output(each.session)) == {"error": "no such day"}
            await each.session.wait_for("response.create")
            await each.session.call_tool("call2", "c2", "broken", "{}")
            assert "division" not in await output(each.session)

    with capture_logs():
        run(scenario())


def test_tool_that_nobody_knows_becomes_an_output_that_says_so() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.session.call_tool("call", "c1", "n" * 100, "{}")
            error = json.loads(await output(each.session))["error"]
            assert error == f"there is no tool '{'n' * 64}'"
            await each.session.wait_for("response.create")

    run(scenario())


def test_tool_that_takes_too_long_becomes_an_output_that_says_so() -> None:
    async def scenario() -> None:
        async with slow_tool_running(timeout=0.05) as (each, slow):
            assert "took too long" in await output(each.session)
            assert slow.cancelled.is_set()

    with capture_logs():
        run(scenario())


def test_several_calls_of_one_response_run_beside_each_other_and_lead_to_one_further_response() -> None:
    async def scenario() -> None:
        first, second = Slow(), Slow()
        async with connected(None, None, tool(first, "a"), tool(second, "b")) as each:
            await each.session.open_response("r1")
            await each.session.call_tool("call1", "c1", "a", "{}")
            await each.session.call_tool("call2", "c2", "b", "{}")
            await each.session.close_response()
            await asyncio.gather(first.begun.wait(), second.begun.wait())
            second.may_end.set()
            await output(each.session)
            await quiet(each)
            assert n_asked(each) == 0
            first.may_end.set()
            await output(each.session)
            await each.session.wait_for("response.create")
            await quiet(each)
            assert n_asked(each) == 1

    run(scenario())


def test_further_response_waits_for_the_end_of_the_one_that_called() -> None:
    async def scenario() -> None:
        async with connected(None, None, tool(echo)) as each:
            await each.session.open_response("r1")
            await each.session.call_tool("call1", "c1", "look_up", "{}")
            await output(each.session)
            await quiet(each)
            assert n_asked(each) == 0
            await each.session.close_response()
            await each.session.wait_for("response.create")

    run(scenario())


def test_call_announced_twice_is_carried_out_once() -> None:
    async def scenario() -> None:
        async with slow_tool_running() as (each, slow):
            done = {"type": "function_call", "id": "call", "call_id": "c1", "name": "look_up"}
            item = {**done, "object": "realtime.item", "status": "completed", "arguments": "{}"}
            place = {"response_id": "resp_call", "output_index": 0}
            await each.session.send({"type": "response.output_item.done", **place, "item": item})
            await quiet(each)
            slow.may_end.set()
            await each.session.wait_for("response.create")
            assert slow.n_calls == 1
            assert len(each.session.events("conversation.item.create")) == 1

    run(scenario())


def test_call_that_was_cut_off_is_not_carried_out() -> None:
    async def scenario() -> None:
        slow = Slow()
        async with connected(None, None, tool(slow)) as each:
            incomplete = record(each.client, "conversation.item.incomplete")
            await each.session.call_tool("call", "c1", "look_up", '{"day', status="incomplete")
            await quiet(each)
            assert slow.n_calls == n_asked(each) == 0
            assert len(incomplete) == 1

    run(scenario())


def test_complete_call_of_a_cancelled_response_is_answered_so_that_none_is_left_open() -> None:
    async def scenario() -> None:
        async with connected(None, None, tool(echo)) as each:
            await each.session.open_response("r1")
            await each.session.call_tool("call", "c1", "look_up", "{}")
            await each.session.close_response("cancelled")
            await output(each.session)
            await quiet(each)
            assert each.session.orphan_calls() == []

    run(scenario())


def test_slow_tool_holds_up_neither_audio_nor_barge_in() -> None:
    async def scenario() -> None:
        async with slow_tool_running() as (each, slow):
            heard: list[bytes] = []
            each.client.on_server_event = lambda event: (
                heard.append(event.delta) if isinstance(event, AudioDelta) else None
            )
            seen = record(each.client, "conversation.interrupted")
            await each.client.append_input_audio(bytes(960))
            await each.session.wait_for_audio(480)
            await each.session.say("a1", bytes(960), "One moment.")
            await each.session.speech_started(0)
            await quiet(each)
            assert heard == [bytes(960)]
            assert len(seen) == 1
            assert slow.n_calls == 1

    run(scenario())


def test_tool_that_runs_at_the_end_is_cancelled_and_gives_nothing_to_the_next_session() -> None:
    async def scenario() -> None:
        async with slow_tool_running() as (each, slow):
            await each.client.disconnect()
            assert slow.cancelled.is_set()
            await each.client.connect()
            session = await each.server.session()
            await until_taken(each.client, session)
            assert session.events("conversation.item.create") == []

    run(scenario())


def test_answer_to_the_callers_turn_that_knows_the_output_makes_the_further_response_needless() -> None:
    async def scenario() -> None:
        async with slow_tool_running() as (each, slow):
            await each.session.speech_started(0)
            await until_handled(each.client, each.session)
            slow.may_end.set()
            await output(each.session)
            await quiet(each)
            assert n_asked(each) == 0
            await each.session.speech_stopped(500, "And?")
            await each.session.say("a1", bytes(960), "We open at nine.")
            await quiet(each)
            assert n_asked(each) == 0

    run(scenario())


def test_answer_begun_before_the_output_was_known_is_followed_by_a_further_one() -> None:
    async def scenario() -> None:
        async with slow_tool_running() as (each, slow):
            await each.session.speech_started(0)
            await each.session.speech_stopped(500, "And?")
            await each.session.begin("a1")
            await until_handled(each.client, each.session)
            slow.may_end.set()
            await output(each.session)
            await quiet(each)
            assert n_asked(each) == 0
            await each.session.finish("a1", "One moment.")
            await each.session.wait_for("response.create")

    run(scenario())


def test_request_refused_because_another_response_is_active_is_made_again_after_its_end() -> None:
    async def scenario() -> None:
        busy = Behaviour(create_error="conversation_already_has_active_response")
        async with connected(None, busy) as each:
            await each.session.begin("a1")  # of the server's own accord, unknown to us when we ask
            create = asyncio.ensure_future(each.client.create_response())
            await until_handled(each.client, each.session)
            await create
            each.session.behaviour = Behaviour()
            await each.session.finish("a1", "Hello.")
            await each.session.wait_for("response.create")

    run(scenario())


def test_request_that_met_an_active_response_is_made_again_after_its_end() -> None:
    async def scenario() -> None:
        busy = Behaviour(create_error="conversation_already_has_active_response")
        async with connected(None, busy) as each:
            errors = record(each.client, "error")
            await each.client.create_response(instructions="greet")
            await each.session.wait_for("response.create")
            await each.session.begin("a1")
            await until_handled(each.client, each.session)
            assert [error.code for _, error in errors] == ["conversation_already_has_active_response"]
            each.session.behaviour = Behaviour()
            await each.session.finish("a1", "Hello.")
            again = (await each.session.wait_for("response.create")).event
            assert again["response"]["instructions"] == "greet"
            await quiet(each)
            assert n_asked(each) == 2

    run(scenario())


def test_request_refused_for_another_reason_is_not_made_again() -> None:
    async def scenario() -> None:
        async with connected(None, Behaviour(create_error="invalid_value")) as each:
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await quiet(each)
            each.session.behaviour = Behaviour()
            await each.client.create_response(instructions="another")
            await each.session.wait_for("response.create")
            await quiet(each)
            assert n_asked(each) == 2

    run(scenario())


def test_mcp_servers_pass_through_and_their_calls_are_the_providers() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(tools=(MCP,))) as each:
            assert each.session.config["tools"] == [MCP]
            item = {"id": "m1", "type": "mcp_call", "server_label": "crm", "name": "find", "arguments": "{}"}
            place = {"response_id": "r", "output_index": 0}
            await each.session.send({"type": "response.output_item.done", **place, "item": item})
            await quiet(each)
            assert each.session.events("conversation.item.create") == []

    run(scenario())


def test_call_of_a_tool_that_the_configuration_declares_is_left_to_the_application() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(tools=(DECLARED,)), None, tool(echo)) as each:
            completed: asyncio.Queue[Any] = asyncio.Queue()
            each.client.on("conversation.item.completed", completed.put_nowait)
            await each.session.call_tool("call", "c1", "declared", '{"a": 1}')
            item = (await completed.get())["item"]
            assert (item.formatted.tool.name, item.formatted.tool.arguments) == ("declared", '{"a": 1}')
            await quiet(each)
            assert each.session.events("conversation.item.create") == []
            answer = {"type": "function_call_output", "call_id": "c1", "output": "by hand"}
            await each.client.realtime.send("conversation.item.create", {"item": answer})
            await each.client.create_response()
            await each.session.wait_for("response.create")
            assert each.session.orphan_calls() == []

    run(scenario())


def test_model_that_goes_round_in_circles_is_told_so() -> None:
    async def scenario() -> None:
        async with connected(None, None, tool(echo)) as each:
            await each.session.open_response("r1")
            for number in range(MAX_CALLS_PER_RESPONSE + 1):
                await each.session.call_tool(f"call{number}", f"c{number}", "look_up", "{}")
            await each.session.close_response()
            outputs = [await output(each.session) for _ in range(MAX_CALLS_PER_RESPONSE + 1)]
            assert sum("too many tool calls" in each for each in outputs) == 1

    with capture_logs():
        run(scenario())
