"""The fake realtime server in other dialects and audio formats."""

import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.fake_behaviour import Event
from tests.fake_client import APPEND, OFFICIAL, created, event_of, message, opened
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run

MULAW = {"type": "audio/pcmu"}
BETA_SESSION = {
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "voice": "alloy",
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "turn_detection": {"type": "server_vad"},
}
XAI_SESSION = {
    "voice": "ara",
    "turn_detection": {"type": "server_vad"},
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}, "output": {"format": MULAW}},
}


def update(session: Event) -> Event:
    return {"type": "session.update", "session": session}


def appended(n_bytes: int) -> Event:
    return {**APPEND, "audio": base64.b64encode(bytes(n_bytes)).decode()}


def truncate(end_ms: int) -> Event:
    place = {"item_id": "item_1", "content_index": 0, "audio_end_ms": end_ms}
    return {"type": "conversation.item.truncate", **place}


def test_g711_both_ways_counts_eight_bytes_a_millisecond() -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer() as server:
            audio = {"input": {"format": MULAW}, "output": {"format": MULAW}}
            client, session = await opened(server, update({"type": "realtime", "audio": audio}))
            await client.send(json.dumps(appended(161)))
            await session.wait_for_audio(161)
            await session.say("item_1", bytes(800), "hm", delta_ms=20)
            deltas = [await event_of(client, "response.output_audio.delta") for _ in range(5)]
            assert {len(base64.b64decode(event["delta"])) for event in deltas} == {160}
            await client.send(json.dumps(truncate(101)))
            await event_of(client, "error")
            await client.send(json.dumps(truncate(100)))
            await event_of(client, "conversation.item.truncated")
            await client.close()
            return server.faults

    (fault,) = run(scenario())
    assert "100ms is already shorter than 101ms" in fault


def test_the_beta_is_flat_with_its_own_names() -> None:
    async def scenario() -> tuple[list[str], list[Event]]:
        async with FakeRealtimeServer(dialect="beta", pcm16_input_rate=16_000) as server:
            client, session = await opened(server, update(BETA_SESSION), "beta")
            assert session.effective["input_audio_format"] == "pcm16"
            assert session.effective["output_audio_format"] == "g711_ulaw"
            for event in (
                appended(640),
                created(message("assistant", "Hello", "item_0", "text")),
                {"type": "response.create", "response": {"modalities": ["text", "audio"]}},
            ):
                await client.send(json.dumps(event))
            await session.wait_for("response.create")
            await session.say("item_1", bytes(1600), "Good morning")
            await session.speech_stopped(500, "Hi")
            await session.call_tool("item_2", "call_1", "get_hours", "{}")
            await client.send(json.dumps(truncate(200)))
            await event_of(client, "conversation.item.created", "beta")
            await session.wait_for("conversation.item.truncate")
            await session.close()
            return server.faults, [json.loads(text) async for text in client]

    faults, events = run(scenario())
    for event in events:
        OFFICIAL["beta"].validate_python(event)
    assert faults == []
    assert [event["type"] for event in events][:9] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.delta",
        "response.audio_transcript.done",
        "response.content_part.done",
    ]
    assert events[9]["item"]["content"][0] == {"type": "audio", "transcript": "Good morning"}
    assert not {"conversation.item.added", "conversation.item.done"} & {event["type"] for event in events}


@pytest.mark.parametrize(
    ("dialect", "event", "fault"),
    [
        ("beta", update({"output_modalities": ["audio"]}), "session.output_modalities"),
        ("beta", update({"audio": {"output": {"format": MULAW}}}), "session.audio"),
        ("beta", update({"input_audio_format": "audio/pcmu"}), "not a client event"),
        ("beta", created(message("assistant", "a", "i")), "not output_text"),
        ("beta", {"type": "response.create", "response": {"output_modalities": []}}, "output_modalities"),
        ("xai", update({"audio": {"output": {"voice": "ara"}}}), "its place is the top of the session"),
        ("xai", update({"audio": {"input": {"turn_detection": None}}}), "its place is the top"),
        ("xai", update({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 7}}}}), "not a client event"),
        ("ga", update({"type": "realtime", "voice": "marin"}), "session.voice"),
        ("ga", update({"type": "realtime", "audio": {"input": {"format": "pcm16"}}}), "not a client event"),
        ("ga", update({}), "not a client event"),
    ],
)  # fmt: skip
def test_what_belongs_to_another_dialect_is_a_fault_and_refused(
    dialect: str, event: Event, fault: str
) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(dialect=dialect) as server:
            async with connect(server.url + "?model=m") as client:
                await client.send(json.dumps({**event, "event_id": "e"}))
                await client.send(json.dumps({"type": "input_audio_buffer.clear"}))
                session = await server.session()
                await session.wait_for("input_audio_buffer.clear")
            return server.faults

    (found,) = run(scenario())
    assert fault in found


def test_xai_opens_a_conversation_first_hides_an_id_and_repeats_itself() -> None:
    async def scenario() -> tuple[list[str], list[Event]]:
        async with FakeRealtimeServer(dialect="xai") as server:
            client = await connect(server.url + "?model=m")
            session = await server.session()
            for event in (update(XAI_SESSION), appended(640)):
                await client.send(json.dumps(event))
                await session.wait_for(event["type"])
            for number in range(2):
                await session.speech_stopped(500, "two words", item_id=f"caller_{number}")
            await session.say("item_1", bytes(800), "hm")
            await session.wait_for_audio(320)
            await session.close()
            return server.faults, [json.loads(text) async for text in client]

    faults, events = run(scenario())
    assert faults == []
    assert [event["type"] for event in events[:3]] == [
        "conversation.created",
        "session.created",
        "session.updated",
    ]
    confirmed = events[2]["session"]
    assert confirmed["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 16_000}
    assert (confirmed["voice"], "voice" in confirmed["audio"]["output"]) == ("ara", False)
    added = [event["item"].get("id") for event in events if event["type"] == "conversation.item.added"]
    assert added == [None, "caller_1", "item_1"]
    prefix = "conversation.item.input_audio_transcription."
    told = [(event["type"], event["transcript"]) for event in events if event["type"].startswith(prefix)]
    completed = (prefix + "completed", "two words")
    assert told[:4] == [(prefix + "updated", "two"), (prefix + "updated", "two words"), completed, completed]


@pytest.mark.parametrize(
    ("dialect", "session", "given", "at"),
    [
        ("beta", BETA_SESSION, "pcm16", ("output_audio_format",)),
        ("xai", XAI_SESSION, {"type": "audio/pcma"}, ("audio", "output", "format")),
    ],
)
def test_another_output_format_than_asked_for_can_be_confirmed(
    dialect: str, session: Event, given: Any, at: tuple[str, ...]
) -> None:
    async def scenario() -> Any:
        async with FakeRealtimeServer(Behaviour(output_format=given), dialect=dialect) as server:
            async with connect(server.url + "?model=m") as client:
                await client.send(json.dumps(update(session)))
                await (await server.session()).wait_for("session.update")
            return server.sessions[0].effective

    found = run(scenario())
    for name in at:
        found = found[name]
    assert found == given


@pytest.mark.parametrize("dialect", ["beta", "xai"])
def test_turn_detection_and_the_locked_voice_are_found_in_every_dialect(dialect: str) -> None:
    async def scenario() -> list[str]:
        async with FakeRealtimeServer(dialect=dialect) as server:
            client = await connect(server.url + "?model=m")
            session = await server.session()
            quiet = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
            await client.send(json.dumps(update(quiet)))
            await session.wait_for("session.update")
            await session.begin("item_1")
            await session.speak("item_1", bytes(4800))
            await session.speech_started(0)
            await session.finish("item_1", "not interrupted")
            await client.send(json.dumps(update({"voice": "sage"})))
            await session.wait_for("session.update")
            client.transport.abort()
            return server.faults

    assert run(scenario()) == ["session.update refused: the voice changes after audio"]
