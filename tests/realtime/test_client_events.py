"""What a client dispatches, and in which order."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.realtime import Provider, RealtimeClient, SessionConfig
from gateway.realtime.event_parts import ErrorDetail
from gateway.realtime.events import AudioDelta, Unknown
from tests.fakes import FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import Connected, connected, next_event, record, until_handled, until_taken

ITEM_EVENTS = (
    "conversation.item.appended",
    "conversation.updated",
    "conversation.item.completed",
    "conversation.item.incomplete",
    "response.completed",
    "conversation.interrupted",
)
SOUND = bytes(9600)


async def _answered(each: Connected, item_id: str = "a1", words: str = "Good morning.") -> None:
    """Have the server answer a request."""
    await each.client.create_response()
    await each.session.wait_for("response.create")
    await each.session.say(item_id, SOUND, words)
    await until_handled(each.client, each.session)


# realtime.event


def test_every_event_either_way_is_observed_with_its_time_and_source() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            client = RealtimeClient(Provider(server.url, "m"))
            seen = record(client, "realtime.event")
            begun = dt.datetime.now(dt.UTC)
            await client.connect()
            await client.disconnect()
            observed = [event for _, event in seen]
            assert [(each["source"], each["event"]["type"]) for each in observed] == [
                ("server", "session.created"),
                ("client", "session.update"),
                ("server", "session.updated"),
            ]
            assert all(set(each) == {"time", "source", "event"} for each in observed)
            times = [dt.datetime.fromisoformat(each["time"]) for each in observed]
            assert all(each.utcoffset() == dt.timedelta(0) for each in times)
            assert begun <= times[0] <= times[1] <= times[2]

    run(scenario())


def test_observer_that_was_taken_off_and_put_on_again_sees_each_event_once() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen: list[Any] = []
            for _ in range(3):
                handler = each.client.on("realtime.event", seen.append)
                each.client.off("realtime.event", handler)
            each.client.on("realtime.event", seen.append)
            await each.client.realtime.send("input_audio_buffer.clear")
            assert [event["event"]["type"] for event in seen] == ["input_audio_buffer.clear"]

    run(scenario())


def test_one_shot_observer_sees_one_event() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen: list[Any] = []
            each.client.on_next("realtime.event", seen.append)
            await each.client.realtime.send("input_audio_buffer.clear")
            await each.client.realtime.send("input_audio_buffer.clear")
            assert len(seen) == 1
            waiting = asyncio.ensure_future(next_event(each.client, "realtime.event"))
            await asyncio.sleep(0)
            await each.session.error("x")
            assert (await waiting)["event"]["type"] == "error"

    run(scenario())


def test_socket_shows_raw_events_of_the_session_to_the_application() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client.realtime, "server.response.created", "server.response.done")
            await _answered(each)
            assert [name for name, _ in seen] == ["server.response.created", "server.response.done"]
            assert seen[0][1]["response"]["id"] == "resp_a1"

    run(scenario())


def test_typed_events_come_after_the_conversation_has_seen_them() -> None:
    async def scenario() -> None:
        async with connected() as each:
            audible: list[int] = []

            def typed(event: Any) -> None:
                item = each.client.conversation.get_item("a1")
                if isinstance(event, AudioDelta) and item is not None:
                    audible.append(item.formatted.audio_ms)

            each.client.on_server_event = typed
            await _answered(each)
            assert audible == [200]

    run(scenario())


# Items


def test_answer_is_appended_updated_with_its_deltas_and_completed_in_this_order() -> None:
    async def scenario() -> None:
        async with connected() as each:
            steps: list[tuple[str, str | None]] = []
            each.client.on("conversation.item.appended", lambda event: steps.append(("appended", None)))
            each.client.on("conversation.item.completed", lambda event: steps.append(("completed", None)))

            def updated(event: Any) -> None:
                delta = event["delta"]
                what = None if delta is None else "audio" if delta.audio else f"words {delta.transcript}"
                steps.append(("updated", what))

            each.client.on("conversation.updated", updated)
            await _answered(each)
            assert steps[:2] == [("appended", None), ("updated", None)]
            assert [what for _, what in steps if what] == ["audio", "words Good morning."]
            assert steps.count(("completed", None)) == 1
            completed = steps.index(("completed", None))
            assert completed > steps.index(("updated", "words Good morning."))
            assert steps[completed - 1] == ("updated", None)

    run(scenario())


def test_item_events_carry_the_item_that_the_conversation_keeps() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, *ITEM_EVENTS[:4])
            await _answered(each)
            item = each.client.conversation.get_item("a1")
            assert item is not None
            assert all(event["item"] is item for _, event in seen)
            assert item.formatted.transcript == "Good morning."

    run(scenario())


def test_response_that_ends_is_told_with_its_status_and_usage() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "response.completed")
            await _answered(each)
            (response,) = [event["response"] for _, event in seen]
            assert (response.id, response.status, response.item_ids) == ("resp_a1", "completed", ["a1"])
            assert response.usage.total_tokens == 30
            assert each.client.conversation.usage.total_tokens == 30

    run(scenario())


def test_cut_answer_ends_incomplete_and_keeps_its_words() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, *ITEM_EVENTS)
            await each.client.create_response()
            await each.session.wait_for("response.create")
            await each.session.begin("a1")
            await each.session.speak("a1", SOUND)
            await each.session.finish("a1", "We are open", status="cancelled")
            await until_handled(each.client, each.session)
            ends = [(name, event) for name, event in seen if name.endswith("complete") or "completed" in name]
            assert [name for name, _ in ends] == ["conversation.item.incomplete", "response.completed"]
            assert ends[0][1]["item"].formatted.transcript == "We are open"
            assert ends[1][1]["response"].status == "cancelled"

    run(scenario())


def test_callers_speech_interrupts_and_becomes_an_item_that_is_completed_at_once() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, *ITEM_EVENTS)
            await each.session.speech_started(0)
            await each.session.speech_stopped(500, "hello")
            await until_handled(each.client, each.session)
            names = [name for name, _ in seen]
            assert names[0] == "conversation.interrupted"
            assert seen[0][1] is None
            assert names.index("conversation.item.appended") < names.index("conversation.item.completed")
            assert (
                names.count("conversation.item.appended") == names.count("conversation.item.completed") == 1
            )
            name, last = seen[-1]
            assert name == "conversation.updated"
            assert last["delta"].transcript == "hello"
            assert last["item"].formatted.transcript == "hello"

    run(scenario())


def test_interruption_can_be_waited_for_although_it_has_no_payload() -> None:
    async def scenario() -> None:
        async with connected() as each:
            waiting = asyncio.ensure_future(next_event(each.client, "conversation.interrupted"))
            await asyncio.sleep(0)
            await each.session.speech_started(0)
            assert await waiting is None

    run(scenario())


def test_text_answer_is_updated_by_text_deltas() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(output_modalities=("text",))) as each:
            seen = record(each.client, "conversation.updated")
            item = {
                "id": "t1",
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            await each.session.send(
                {"type": "conversation.item.added", "previous_item_id": None, "item": item}
            )
            place = {"response_id": "r", "item_id": "t1", "output_index": 0, "content_index": 0}
            await each.session.send({"type": "response.output_text.delta", **place, "delta": "Nine"})
            await until_handled(each.client, each.session)
            assert [event["delta"].text for _, event in seen if event["delta"]] == ["Nine"]

    run(scenario())


# Errors


def test_error_of_the_server_is_dispatched_as_it_was_told_and_the_session_goes_on() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "error")
            await each.session.error("some_code", "some words", event_id="e1")
            await until_handled(each.client, each.session)
            ((_, error),) = seen
            assert isinstance(error, ErrorDetail)
            assert (error.code, error.message, error.event_id) == ("some_code", "some words", "e1")
            assert each.client.is_connected()

    with capture_logs() as logs:
        run(scenario())
    assert [entry for entry in logs if entry["event"] == "model error"] == [
        {"event": "model error", "code": "some_code", "log_level": "warning"}
    ]


def test_error_that_only_says_that_a_race_was_lost_is_dispatched_but_not_logged() -> None:
    async def scenario() -> None:
        async with connected() as each:
            seen = record(each.client, "error")
            await each.client.cancel_response()
            await until_taken(each.client, each.session)
            assert {error.code for _, error in seen} == {"response_cancel_not_active"}

    with capture_logs() as logs:
        run(scenario())
    assert [entry for entry in logs if entry["event"] == "model error"] == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "an.event.of.next.year", "item": {"id": "x"}},
        {"type": "response.output_audio.delta", "item_id": "unknown", "delta": "AAAA"},
        {"type": "response.output_item.done", "item": {"id": "unknown", "type": "function_call"}},
        {"type": "conversation.item.deleted", "item_id": "unknown"},
        {"type": "conversation.item.truncated", "item_id": "unknown", "audio_end_ms": 1},
        {"type": "response.done", "response": {"id": "unknown", "status": "failed"}},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "unknown", "audio_end_ms": 10},
    ],
)
def test_event_about_something_unknown_never_ends_the_session(event: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with connected() as each:
            typed: list[Any] = []
            each.client.on_server_event = typed.append
            await each.session.send(event)
            await until_handled(each.client, each.session)
            assert len(typed) == 2
            assert isinstance(typed[0], Unknown) == (event["type"] == "an.event.of.next.year")
            assert each.client.is_connected()

    run(scenario())


def test_handlers_that_raise_or_hang_hold_up_nothing() -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with connected() as each:
            for name in ITEM_EVENTS:
                each.client.on(name, lambda _: 1 / 0)
                each.client.on(name, hang)
            seen = record(each.client, "conversation.item.completed")
            await _answered(each)
            assert len(seen) == 1

    with capture_logs():
        run(scenario())
