"""The fake realtime server's conversation: replays, tools, and what it takes for a fault."""

import json
from typing import Any

import pytest

from tests.fake_behaviour import Event
from tests.fake_client import UPDATE, ask, call, created, event_of, message, opened, output
from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import run

SECOND = bytes(48_000)


def answers_to(*events: Event, behaviour: Behaviour | None = None) -> tuple[list[Event], FakeSession]:
    async def scenario() -> tuple[list[Event], FakeSession]:
        async with FakeRealtimeServer(behaviour) as server:
            client, session = await opened(server)
            answers = await ask(client, *events)
            await client.close()
            return answers, session

    return run(scenario())


def test_a_replayed_conversation_is_kept_in_its_order_and_can_be_read() -> None:
    answers, session = answers_to(
        created(message("user", "Are you open?", "item_2")),
        created(call("call_1", "item_3"), previous_item_id="item_2"),
        created(output("call_1", "item_4"), previous_item_id="item_3"),
        created(message("assistant", "Until five.", "item_5")),
        created(message("system", "Be brief.", "item_1"), previous_item_id="root"),
    )

    assert session.faults == []
    assert [item["id"] for item in session.items] == [f"item_{n}" for n in range(1, 6)]
    assert session.history_text().splitlines() == [
        "system: Be brief.",
        "user: Are you open?",
        "call call_1: get_hours {}",
        "output call_1: 9 to 5",
        "assistant: Until five.",
    ]
    before = [answer["previous_item_id"] for answer in answers]
    assert before == [None, None, "item_2", "item_2", "item_3", "item_3", "item_4", "item_4", None, None]


@pytest.mark.parametrize(
    ("items", "fault", "code"),
    [
        ([message("user", "a", "i"), message("user", "b", "i")], "id i was used", "item_create_duplicate_item_id"),
        ([message("user", "a", "i" * 33)], "longer than 32", "string_above_max_length"),
        ([call("c" * 33, "i")], "longer than 32", "string_above_max_length"),
        ([message("assistant", "a", "i", "output_audio")], "not output_audio", "invalid_value"),
        ([message("assistant", "a", "i", "text")], "not text", "invalid_value"),
        ([message("user", "a", "i", "output_text")], "not output_text", "invalid_value"),
        ([message("system", "a", "i", "input_audio")], "not input_audio", "invalid_value"),
        ([output("call_1", "i")], "unknown call call_1", "invalid_value"),
        ([call("c", "i"), output("c", "j"), output("c", "k")], "second output", "invalid_value"),
        ([{**message("user", "a", "i"), "content": [{"type": "input_text", "text": "a", "word": "b"}]}], "content.0.word", None),
        ([{**message("user", "a", "i"), "content": [{"type": "input_text"}]}], "without its text", "invalid_value"),
        ([{**message("user", "a", "i"), "content": [{"type": "input_audio"}]}], "without its audio", "invalid_value"),
        ([{**message("user", "a", "i"), "phase": "commentary"}], "unknown field item.phase", None),
    ],
)  # fmt: skip
def test_an_item_that_may_not_be_created_is_a_fault_and_refused(
    items: list[Event], fault: str, code: str | None
) -> None:
    events = [created(item, event_id=f"e{number}") for number, item in enumerate(items)]
    answers, session = answers_to(*events)

    (found,) = session.faults
    assert fault in found
    errors = [
        (answer["error"]["code"], answer["error"]["event_id"]) for answer in answers if "error" in answer
    ]
    assert errors == ([] if code is None else [(code, events[-1]["event_id"])])


def test_an_item_cannot_follow_one_that_is_not_there() -> None:
    answers, session = answers_to(created(message("user", "a", "i"), previous_item_id="item_9"))

    assert session.items == []
    assert answers[0]["error"]["message"] == "i follows the unknown item item_9"
    assert len(session.faults) == 1


def test_a_call_replayed_without_its_output_is_an_orphan() -> None:
    _, session = answers_to(
        created(call("call_1", "i")), created(call("call_2", "j")), created(output("call_1", "k"))
    )

    assert session.faults == []
    assert session.orphan_calls() == ["call_2"]


def test_what_was_replayed_cannot_be_truncated_but_deleted() -> None:
    place = {"item_id": "item_1", "content_index": 0, "audio_end_ms": 0}
    answers, session = answers_to(
        created(message("assistant", "Hello", "item_1")),
        {"type": "conversation.item.truncate", **place},
        {"type": "conversation.item.delete", "item_id": "item_1"},
    )

    assert [answer["type"] for answer in answers][2:] == ["error", "conversation.item.deleted"]
    assert "Only model output audio" in session.faults[0]
    assert session.items == []


def test_a_truncated_item_loses_its_words_on_the_server() -> None:
    async def scenario() -> str:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.speech_stopped(500, "Hi")
            await session.say("item_1", SECOND, "Good morning")
            assert session.history_text() == "user: Hi\nassistant: Good morning"
            place = {"item_id": "item_1", "content_index": 0, "audio_end_ms": 300}
            await client.send(json.dumps({"type": "conversation.item.truncate", **place}))
            await event_of(client, "conversation.item.truncated")
            await client.close()
            assert server.faults == []
            return session.history_text()

    assert run(scenario()) == "user: Hi\nassistant: "


def test_items_can_be_refused_by_id_and_taken_without_a_word() -> None:
    behaviour = Behaviour(refuses_items=frozenset({"a"}), silent_items=lambda item: bool(item["id"] == "b"))
    events = [created(message("user", name, name), event_id=f"event_{name}") for name in "abc"]
    answers, session = answers_to(*events, behaviour=behaviour)

    assert session.faults == []
    assert [item["id"] for item in session.items] == ["b", "c"]
    assert answers[0]["error"]["event_id"] == "event_a"
    assert [answer["item"]["id"] for answer in answers[1:]] == ["c", "c"]


async def opened_to_calls(session: FakeSession) -> None:
    await session.begin("item_1")
    await session.speak("item_1", SECOND)
    await session.finish_item("item_1", "Let me look.")
    await session.call_tool("item_2", "call_1", "get_hours", '{"day": "today"}')
    await session.call_tool("item_3", "call_2", "get_hours", "{}")
    await session.call_tool("item_4", "call_3", "get_hours", '{"da', status="incomplete")
    await session.close_response()


def test_calls_in_one_response_are_official_and_in_order() -> None:
    async def scenario() -> tuple[list[Event], list[str]]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await opened_to_calls(session)
            events = await ask(client)
            await client.close()
            return events, session.orphan_calls()

    events, orphans = run(scenario())
    about_call = [event["type"] for event in events if event.get("output_index") == 1]
    assert about_call == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert [item["id"] for item in events[-1]["response"]["output"]] == [f"item_{n}" for n in range(1, 5)]
    deltas = [
        event["delta"] for event in events if event["type"] == about_call[1] and event["call_id"] == "call_1"
    ]
    assert "".join(deltas) == '{"day": "today"}'
    assert orphans == ["call_1", "call_2"]


@pytest.mark.parametrize(
    ("answered", "fault"),
    [
        (["call_1", "call_2"], None),
        (["call_1"], "while the call call_2 is unanswered"),
        (["call_1", "call_2", "call_3"], "call_3, which was not completed"),
    ],
)
def test_a_response_is_asked_for_once_every_completed_call_is_answered(
    answered: list[str], fault: str | None
) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await opened_to_calls(session)
            outputs = [created(output(call_id, f"output_{call_id}")) for call_id in answered]
            await ask(client, *outputs, {"type": "response.create"})
            await client.close()
            return server.faults

    faults = run(scenario())
    assert len(faults) == (fault is not None)
    assert all(str(fault) in found for found in faults)


def test_a_call_alone_makes_a_response_and_metadata_come_back_in_it() -> None:
    async def scenario() -> list[Event]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await client.send(
                json.dumps({"type": "response.create", "response": {"metadata": {"turn": "1"}}})
            )
            await session.wait_for("response.create")
            await session.call_tool("item_1", "call_1", "get_hours", "{}")
            events = await ask(client)
            await client.close()
            assert server.faults == []
            return events

    events = run(scenario())
    assert events[0]["response"]["metadata"] == {"turn": "1"}
    assert events[-1]["response"]["status"] == "completed"


def test_a_response_can_end_badly_in_every_documented_way() -> None:
    async def scenario() -> list[Event]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            for name, status, details in (
                ("a", "failed", {"error": "rate_limit_exceeded"}),
                ("b", "incomplete", {"reason": "max_output_tokens"}),
                ("c", "cancelled", {"reason": "client_cancelled"}),
            ):
                await session.open_response(name)
                await session.close_response(status, **details)
            events = await ask(client)
            await client.close()
            return [
                event["response"]["status_details"] for event in events if event["type"] == "response.done"
            ]

    failed, incomplete, cancelled = run(scenario())
    assert failed == {"type": "failed", "error": {"type": "server_error", "code": "rate_limit_exceeded"}}
    assert incomplete == {"type": "incomplete", "reason": "max_output_tokens"}
    assert cancelled == {"type": "cancelled", "reason": "client_cancelled"}


def test_a_response_outside_of_the_conversation_may_be_asked_for_at_any_time() -> None:
    aside = {"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"]}}
    answers, session = answers_to(aside, {"type": "response.create"}, aside)

    assert (answers, session.faults) == ([], [])


def test_an_item_cannot_be_truncated_before_it_has_sounded() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.begin("item_1")
            place = {"item_id": "item_1", "content_index": 0, "audio_end_ms": 0}
            await ask(client, {"type": "conversation.item.truncate", **place})
            await client.close()
            return server.faults

    (fault,) = run(scenario())
    assert "Only model output audio" in fault


def test_a_waited_for_item_is_returned_once_it_is_there() -> None:
    async def scenario() -> Event:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await client.send(json.dumps(created(message("user", "now", "item_1"))))
            item = await session.wait_for_item(lambda item: bool(item["role"] == "user"))
            await client.close()
            return item

    assert run(scenario())["content"][0]["text"] == "now"


@pytest.mark.parametrize(("voice", "refused"), [("cedar", True), ("marin", False)])
def test_the_voice_cannot_change_once_the_model_has_spoken(voice: str, refused: bool) -> None:
    async def scenario() -> tuple[list[Event], list[str]]:
        async with FakeRealtimeServer() as server:
            client, session = await opened(server)
            await session.say("item_1", SECOND, "Hello")
            await event_of(client, "response.done")
            audio = {"output": {"voice": voice}}
            update = {**UPDATE, "event_id": "v", "session": {"type": "realtime", "audio": audio, "tools": []}}
            answers = await ask(client, update)
            await client.close()
            return answers, server.faults

    (answer,), faults = run(scenario())
    assert bool(faults) is refused
    if refused:
        assert (answer["error"]["code"], answer["error"]["event_id"]) == ("cannot_update_voice", "v")
    else:
        kept: Any = answer["session"]["audio"]["output"]
        assert kept == {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24_000}}
