"""Changing a session while it goes on: fields, tools, items, and starting anew."""

import asyncio
from typing import Any

import pytest

from gateway.errors import LocalProtocolError, RealtimeError, ToolError
from gateway.realtime import Provider, RealtimeClient, SemanticVad, SessionConfig
from gateway.tools import Tool
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import MANUAL, connected, record, until_handled, until_taken

MCP = {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com/mcp"}
DECLARED = {"type": "function", "name": "declared", "parameters": {"type": "object", "properties": {}}}


def get_hours() -> str:
    """Say when we are open."""
    return "9 to 5"


def get_menu() -> str:
    """Say what there is to eat."""
    return "soup"


def _names(session: Any) -> list[str]:
    return [tool.get("name") or tool["server_label"] for tool in session.config["tools"]]


# Fields


def test_change_reaches_the_server_before_the_call_returns_and_leaves_the_rest() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(instructions="a")) as each:
            await each.client.update_session(turn_detection=SemanticVad())
            audio = each.session.effective["audio"]["input"]
            assert audio["turn_detection"]["type"] == "semantic_vad"
            assert each.session.effective["instructions"] == "a"
            assert each.client.get_turn_detection_type() == "semantic_vad"
            await each.client.update_session(turn_detection=None)
            assert each.client.get_turn_detection_type() is None
            await each.client.update_session(turn_detection={"type": "server_vad"})
            assert each.client.get_turn_detection_type() == "server_vad"

    run(scenario())


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.8},
        {"instructions": "kept?", "no_such_field": 1},
        {"speed": 9.0},
        {"turn_detection": "none"},
        {"tools": ({"type": "function"},)},
        {"tools": (DECLARED, DECLARED)},
    ],
)
def test_change_that_cannot_be_is_refused_whole_and_nothing_is_sent(changes: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with connected() as each:
            config = each.client.config
            with pytest.raises(LocalProtocolError):
                await each.client.update_session(**changes)
            assert each.client.config == config
            await until_taken(each.client, each.session)
            assert len(each.session.events("session.update")) == 1

    run(scenario())


def test_changes_made_at_the_same_time_become_one_update() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await asyncio.gather(
                each.client.update_session(instructions="a"),
                each.client.add_tool(get_hours),
                each.client.add_tool(get_menu),
            )
            assert len(each.session.events("session.update")) == 2
            assert each.session.effective["instructions"] == "a"
            assert _names(each.session) == ["get_hours", "get_menu"]

    run(scenario())


def test_change_that_the_server_refuses_is_an_error_and_undone_here() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"), SessionConfig(instructions="a"))
            await client.connect()
            session = await server.session()
            session.behaviour = Behaviour(update_error="unknown_parameter")
            with pytest.raises(RealtimeError, match="refused") as caught:
                await client.update_session(instructions="b", turn_detection=None)
            assert caught.value.code == "unknown_parameter"
            assert client.config == SessionConfig(instructions="a")
            assert client.is_connected()
            with pytest.raises(RealtimeError):
                await client.add_tool(get_hours)
            session.behaviour = Behaviour()
            await client.add_tool(get_hours)
            assert _names(session) == ["get_hours"]
            await client.disconnect()
            assert server.faults == []

    run(scenario())


def test_two_changes_refused_together_are_both_undone() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            former = client.config
            await client.connect()
            session = await server.session()
            session.behaviour = Behaviour(update_error="unknown_parameter")
            results = await asyncio.gather(
                client.update_session(instructions="b"),
                client.update_session(output_modalities=("text",)),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [RealtimeError, RealtimeError]
            assert client.config == former
            await client.disconnect()

    run(scenario())


def test_voice_cannot_change_once_it_was_heard_and_is_not_named_again() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(voice="marin")) as each:
            await each.client.update_session(voice="cedar")
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.say("a1", bytes(960), "Hello.")
            await until_handled(each.client, each.session)
            with pytest.raises(LocalProtocolError, match="voice"):
                await each.client.update_session(voice="marin")
            await each.client.update_session(voice="cedar", instructions="b")
            updates = [received.event["session"] for received in each.session.events("session.update")]
            assert [update["audio"]["output"].get("voice") for update in updates] == ["marin", "cedar", None]

    run(scenario())


def test_changing_what_was_given_to_a_session_changes_neither_it_nor_the_next() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            properties: dict[str, Any] = {"type": "object", "properties": {}}
            client = RealtimeClient(
                Provider(server.url, "m"), SessionConfig(tools=({**DECLARED, "parameters": properties},))
            )
            properties["properties"]["changed"] = {}
            await client.update_session(instructions="b")
            await client.connect()
            session = await server.session()
            assert session.config["tools"] == [DECLARED]
            await client.reset()
            assert client.config == SessionConfig(tools=(DECLARED,))

    run(scenario())


# Tools


def test_tool_added_or_removed_while_connected_is_told_to_the_server() -> None:
    async def scenario() -> None:
        async with connected() as each:
            tool = await each.client.add_tool(get_hours)
            assert isinstance(tool, Tool)
            assert _names(each.session) == ["get_hours"]
            await each.client.remove_tool("get_hours")
            assert _names(each.session) == []
            await each.client.add_tool(
                {"name": "get_menu", "parameters": {"type": "object"}}, lambda _: "soup"
            )
            assert _names(each.session) == ["get_menu"]

    run(scenario())


def test_tools_of_the_configuration_mcp_servers_included_stay_when_others_come_and_go() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(tools=(MCP,))) as each:
            await each.client.add_tool(get_hours)
            await each.client.update_session(tools=(MCP, DECLARED))
            await each.client.add_tool(get_menu)
            await each.client.remove_tool("get_hours")
            assert _names(each.session) == ["crm", "declared", "get_menu"]
            assert each.session.config["tools"][:2] == [MCP, DECLARED]

    run(scenario())


def test_tool_that_was_removed_before_the_server_refused_it_is_no_further_error() -> None:
    async def scenario() -> None:
        async with connected() as each:
            each.session.behaviour = Behaviour(update_error="unknown_parameter")
            adding = asyncio.ensure_future(each.client.add_tool(get_hours))
            await asyncio.sleep(0)
            with pytest.raises(RealtimeError, match="refused"):
                await each.client.remove_tool("get_hours")
            with pytest.raises(RealtimeError, match="refused"):
                await adding

    run(scenario())


def test_tool_without_a_name_or_a_function_is_refused() -> None:
    async def scenario() -> None:
        client = RealtimeClient(Provider("ws://127.0.0.1", "m"))
        with pytest.raises(ToolError, match="name"):
            await client.add_tool({"description": "x"}, print)
        with pytest.raises(ToolError, match='Tool "x" handler must be a function'):
            await client.add_tool({"name": "x"})
        assert len(client.toolbox) == 0

    run(scenario())


def test_second_tool_of_a_name_is_refused_and_so_is_removing_one_that_is_not_there() -> None:
    async def scenario() -> None:
        client = RealtimeClient(Provider("ws://127.0.0.1", "m"))
        await client.add_tool(get_hours)
        with pytest.raises(ToolError, match=r'Tool "get_hours" already added\. Please use \.remove_tool'):
            await client.add_tool(Tool.from_function(get_hours))
        await client.remove_tool("get_hours")
        with pytest.raises(ToolError, match='Tool "get_hours" does not exist, can not be removed'):
            await client.remove_tool("get_hours")

    run(scenario())


def test_tool_of_a_name_that_the_configuration_declares_is_refused_either_way_round() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(tools=(DECLARED,))) as each:
            with pytest.raises(LocalProtocolError, match='Tool "declared" has already been defined'):
                await each.client.add_tool({"name": "declared"}, print)
            assert len(each.client.toolbox) == 0
            await each.client.add_tool(get_hours)
            clash = {"type": "function", "name": "get_hours"}
            with pytest.raises(LocalProtocolError, match='Tool "get_hours" has already been defined'):
                await each.client.update_session(tools=(clash,))
            assert each.client.config.tools == (DECLARED,)

    run(scenario())


# Items


def test_item_that_is_deleted_goes_at_the_server_and_then_here() -> None:
    async def scenario() -> None:
        async with connected(MANUAL) as each:
            await each.client.send_user_message_content([{"type": "text", "text": "a"}])
            await until_taken(each.client, each.session)
            (item,) = each.client.conversation.get_items()
            updated = record(each.client, "conversation.updated")
            await each.client.delete_item(item.id)
            assert each.client.conversation.get_items() == [item]
            await until_taken(each.client, each.session)
            assert each.session.items == []
            assert each.client.conversation.get_items() == []
            assert [event["item"] for _, event in updated] == [item]

    run(scenario())


def test_answer_being_heard_is_cancelled_and_cut_at_the_samples_heard() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.begin("a1")
            await each.session.speak("a1", bytes(48_000))
            await until_handled(each.client, each.session)
            result = await each.client.cancel_response("a1", 6000)
            await each.session.wait_for("response.cancel")
            truncate = (await each.session.wait_for("conversation.item.truncate")).event
            assert (truncate["item_id"], truncate["content_index"], truncate["audio_end_ms"]) == (
                "a1",
                0,
                250,
            )
            await until_handled(each.client, each.session)
            assert result == {"item": each.client.conversation.get_item("a1")}
            assert result["item"].formatted.audio_ms == 250

    run(scenario())


@pytest.mark.parametrize(("samples", "ms"), [(10**9, 1000), (-1, 0), (0, 0)])
def test_cut_is_never_beyond_what_was_said(samples: int, ms: int) -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.say("a1", bytes(48_000), "Hello there.")
            await until_handled(each.client, each.session)
            await each.client.cancel_response("a1", samples)
            truncate = (await each.session.wait_for("conversation.item.truncate")).event
            assert truncate["audio_end_ms"] == ms

    run(scenario())


def test_cancelling_without_an_item_only_cancels() -> None:
    async def scenario() -> None:
        async with connected() as each:
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.begin("a1")
            assert await each.client.cancel_response() == {"item": None}
            await each.session.wait_for("response.cancel")
            await until_taken(each.client, each.session)
            assert each.session.events("conversation.item.truncate") == []

    run(scenario())


@pytest.mark.parametrize(
    ("item_id", "words"),
    [
        ("nowhere", 'Could not find item "nowhere"'),
        ("call", 'with type "message"'),
        ("user", 'with role "assistant"'),
        ("silent", "Could not find audio on item to cancel"),
    ],
)
def test_item_that_cannot_be_cut_is_an_error_before_anything_is_sent(item_id: str, words: str) -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(tools=(DECLARED,))) as each:
            await each.session.speech_started(0, item_id="user")
            await each.session.speech_stopped(100, item_id="user")
            await each.session.call_tool("call", "c1", "declared", "{}")
            await each.session.say("silent", b"", "")
            await until_handled(each.client, each.session)
            with pytest.raises(LookupError, match=words):
                await each.client.cancel_response(item_id, 100)
            await until_taken(each.client, each.session)
            (only,) = each.session.events("response.cancel")
            assert only.event["response_id"] == "none"  # the test's own

    run(scenario())


# Anew


def test_reset_disconnects_and_forgets_handlers_tools_and_changes() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(instructions="a")) as each:
            closes = record(each.client, "close")
            events = record(each.client, "realtime.event")
            await each.client.update_session(instructions="b")
            await each.client.add_tool(get_hours)
            await each.client.reset()
            await each.session.closed.wait()
            assert len(closes) == 1
            n_events = len(events)
            assert not each.client.is_connected()
            assert each.client.config == SessionConfig(instructions="a")
            assert len(each.client.toolbox) == 0
            await each.client.connect()
            session = await each.server.session()
            assert session.config["instructions"] == "a"
            assert _names(session) == []
            assert len(events) == n_events
            again = record(each.client, "realtime.event")
            await each.client.realtime.send("input_audio_buffer.clear")
            assert len(again) == 1

    run(scenario())
