"""What RealtimeClient really writes, against the published types of client events."""

import base64
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from gateway.realtime import Provider, RealtimeClient, SessionConfig
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import run
from tests.realtime.configs import CONFIGS
from tests.realtime.test_translation import unknown_fields

Event = dict[str, Any]
Scenario = Callable[[RealtimeClient, FakeRealtimeServer, FakeSession], Awaitable[None]]

OFFICIAL: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
BY_HAND = SessionConfig(turn_detection=None)
WORDS = "response.output_audio_transcript"
SECOND = bytes(48_000)
FUNCTION = {
    "type": "function",
    "name": "look_up",
    "description": "Looks up.",
    "parameters": {"type": "object"},
}
PARAMS: list[Event] = [
    {"instructions": "Greet the caller.", "output_modalities": ["text"], "max_output_tokens": 200},
    {"conversation": "none", "metadata": {"why": "summary"}, "max_output_tokens": "inf"},
    {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "look_up"}},
    {"tool_choice": "none", "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}}},
    {
        "conversation": "none",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And this?"}]},
        ],
    },
]


def written(scenario: Scenario, config: SessionConfig | None = None) -> list[Event]:
    """Every event that a client writes in a scenario, over all of its sessions."""

    async def connected() -> list[Event]:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"), config)
            await client.connect()
            await scenario(client, server, await server.session())
            await client.disconnect()
            assert server.faults == []
            return [received.event for session in server.sessions for received in session.received]

    return run(connected())


def check(events: list[Event], *kinds: str) -> None:
    """Hold events against the published types, and see that there are some of those kinds."""
    for event in events:
        assert unknown_fields(OFFICIAL.validate_python(event, strict=True)) == [], event
    assert {event["type"] for event in events} >= set(kinds)


def of_kind(events: list[Event], kind: str) -> Iterator[Event]:
    return (event for event in events if event["type"] == kind)


def test_field_that_no_published_type_has_is_found_at_any_depth() -> None:
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi", "tone": "kind"}],
    }

    with pytest.raises(AssertionError, match="tone"):
        check([{"type": "conversation.item.create", "item": item}])


async def wait_only(client: RealtimeClient, server: FakeRealtimeServer, session: FakeSession) -> None:
    await session.wait_for("session.update")


@given(CONFIGS)
@settings(max_examples=30, deadline=None)
def test_session_updates_of_all_kinds_are_of_the_published_type(config: SessionConfig) -> None:
    check(written(wait_only, config), "session.update")


def test_audio_and_its_commit_are_of_the_published_types() -> None:
    async def scenario(client: RealtimeClient, _: FakeRealtimeServer, session: FakeSession) -> None:
        await client.append_input_audio(SECOND)
        await client.create_response()
        await session.wait_for("response.create")

    events = written(scenario, BY_HAND)

    check(events, "input_audio_buffer.append", "input_audio_buffer.commit", "response.create")
    (append,) = of_kind(events, "input_audio_buffer.append")
    assert base64.b64decode(append["audio"], validate=True) == SECOND


def test_every_kind_of_content_is_of_the_published_type() -> None:
    content: list[Event] = [
        {"type": "text", "text": "What is this?"},
        {"type": "input_text", "text": "\u00e9\u4e2d\U0001f600"},
        {"type": "input_audio", "audio": SECOND},
        {"type": "input_audio", "audio": base64.b64encode(SECOND).decode()},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
    ]

    async def scenario(client: RealtimeClient, _: FakeRealtimeServer, session: FakeSession) -> None:
        await client.send_user_message_content(content)
        await session.wait_for("response.create")

    events = written(scenario)

    check(events, "conversation.item.create", "response.create")
    (create,) = of_kind(events, "conversation.item.create")
    assert len(create["item"]["content"]) == len(content)


@pytest.mark.parametrize("params", PARAMS)
def test_response_with_parameters_is_of_the_published_type(params: Event) -> None:
    async def scenario(client: RealtimeClient, _: FakeRealtimeServer, session: FakeSession) -> None:
        await client.create_response(**params)
        await session.wait_for("response.create")

    events = written(scenario)

    check(events, "response.create")
    assert [event["response"] for event in of_kind(events, "response.create")] == [params]


def test_cancelling_cutting_and_deleting_are_of_the_published_types() -> None:
    async def scenario(client: RealtimeClient, _: FakeRealtimeServer, session: FakeSession) -> None:
        completed = client.wait_for_next_completed_item(5.0)
        await session.say("item_a", SECOND, "Nine to five.")
        await completed
        await client.cancel_response("item_a", 12_000)
        client.cancel_response_nowait("resp_item_a")
        await client.delete_item("item_a")
        await session.wait_for("conversation.item.delete")

    events = written(scenario)

    check(events, "response.cancel", "conversation.item.truncate", "conversation.item.delete")
    assert [event.get("response_id") for event in of_kind(events, "response.cancel")] == [None, "resp_item_a"]


async def talk(client: RealtimeClient, session: FakeSession) -> None:
    """Have a conversation with items of every kind: typed and spoken words, an answer, a tool's call and output."""

    async def look_up(day: str) -> str:
        return f"open on {day}"

    await client.add_tool(look_up)
    await client.send_user_message_content([{"type": "text", "text": "Hello?"}])
    await session.wait_for("response.create")
    await session.say("item_a", SECOND, "Good morning.")
    await session.speech_started(0)
    await session.speech_stopped(500, "Are you open on Monday?")
    await session.call_tool("item_b", "call_1", "look_up", '{"day": "Monday"}')
    await session.wait_for_item(lambda item: item["type"] == "function_call_output")
    await session.wait_for("response.create")


def test_history_told_to_a_new_session_is_of_the_published_types() -> None:
    async def scenario(client: RealtimeClient, server: FakeRealtimeServer, session: FakeSession) -> None:
        await talk(client, session)
        await session.begin("item_c")
        await session.speak("item_c", SECOND)
        await session._about("item_c", f"{WORDS}.delta", delta="We are open from nine to five.")
        await client.realtime.wait_for_next(f"server.{WORDS}.delta", 5.0)
        restored = client.wait_for_next("session.restored", 5.0)
        session.drop()
        await restored
        after = await server.session()
        await after.wait_for("response.create")
        client.truncate_item_nowait("item_a", 800)
        await after.wait_for("conversation.item.delete")

    events = written(scenario)

    check(events, "conversation.item.create", "conversation.item.delete")
    items = [event["item"] for event in of_kind(events, "conversation.item.create")]
    assert {item["type"] for item in items} == {"message", "function_call", "function_call_output"}
    assert {item.get("role") for item in items} == {"user", "assistant", "system", None}
    assert [event for event in of_kind(events, "conversation.item.create") if "previous_item_id" in event]
