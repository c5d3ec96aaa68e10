"""The official client holds conversations with the embedded server; every event is strictly of its types."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import ConversationItem, SessionUpdateEvent
from openai.types.realtime.response_create_event import ResponseCreateEvent
from pydantic import TypeAdapter

from gateway.local_realtime import Answer, LocalRealtimeServer, RecordedVoice, Said, ToolCall, Turn
from tests.local_realtime.sessions import (
    Event,
    ScriptedPersona,
    function,
    of_type,
    parse,
    recorded_call,
    typed,
)
from tests.local_realtime.sessions import spoken as speech_of
from voice_codecs import CallerToModel, sine

UTTERANCE = recorded_call()[: 8 * 3000]
"""Quiet until 1.0 s, "five five" until 2.2 s, then quiet."""
FRAME_BYTES = 960
"""20 ms of PCM16 at 24 kHz."""
SPEED = 50.0
_item: TypeAdapter[ConversationItem] = TypeAdapter(ConversationItem)


class OfficialClient:
    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection

    async def until(self, kind: str) -> list[Event]:
        """Receive to the first event of a kind, checking each on the way."""
        events: list[Event] = []
        async with asyncio.timeout(10):
            while not events or events[-1]["type"] != kind:
                raw = await self.connection.recv_bytes()
                events.append(parse(raw))
                assert self.connection.parse_event(raw).type == events[-1]["type"]
        return events

    async def update(self, **session: Any) -> Event:
        event = {"type": "session.update", "session": {"type": "realtime", **session}}
        await self.connection.send(SessionUpdateEvent.model_validate(event))
        (updated,) = await self.until("session.updated")
        settled: Event = updated["session"]
        return settled

    async def add(self, item: Event) -> list[Event]:
        param: Any = _item.validate_python(item).model_dump(exclude_unset=True)
        await self.connection.conversation.item.create(item=param)
        return await self.until("conversation.item.done")

    async def respond(self, **response: Any) -> list[Event]:
        event = {"type": "response.create", "response": response}
        await self.connection.send(ResponseCreateEvent.model_validate(event))
        return await self.until("response.done")

    async def append(self, pcm16: bytes) -> None:
        for start in range(0, len(pcm16), FRAME_BYTES):
            audio = base64.b64encode(pcm16[start : start + FRAME_BYTES]).decode()
            await self.connection.input_audio_buffer.append(audio=audio)


@asynccontextmanager
async def official_client(server: LocalRealtimeServer) -> AsyncIterator[OfficialClient]:
    base_url = server.url.removesuffix("/realtime")
    api = openai.AsyncOpenAI(api_key="none", websocket_base_url=base_url)
    async with api, api.realtime.connect(model="m") as connection:
        client = OfficialClient(connection)
        (created,) = await client.until("session.created")
        assert created["session"]["model"] == "m"
        yield client


def converse(server: LocalRealtimeServer, conversation: Callable[[OfficialClient], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with server, official_client(server) as client:
            await conversation(client)

    asyncio.run(scenario())


def response_of(events: list[Event]) -> Event:
    assert events[-1]["type"] == "response.done"
    response: Event = events[-1]["response"]
    return response


def spoken(events: list[Event]) -> bytes:
    return b"".join(
        base64.b64decode(delta["delta"]) for delta in of_type(events, "response.output_audio.delta")
    )


def caller_pcm16() -> bytes:
    return CallerToModel().feed(UTTERANCE)


class ToneVoice:
    """Says anything: a tone of 100 ms a word."""

    def pieces(self, text: str) -> list[str]:
        return [text]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        return sine(440.0, int(100 / speed) * len(piece.split()), 24_000).astype("<i2").tobytes()


class Clerk:
    """Looks up the weather, then two more things at once, and speaks of what came back."""

    def answer(self, turn: Turn) -> Answer | str:
        assert [tool.name for tool in turn.tools] == ["weather", "time"]
        match [given.name for given in turn.tool_outputs]:
            case []:
                return Answer(calls=(ToolCall("weather", '{"city": "Paris"}'),))
            case ["weather"]:
                both = ToolCall("weather", '{"city": "Rome"}'), ToolCall("time", '{"city": "Rome"}')
                return Answer("Now the other city", both)
            case _:
                return "I found " + " and ".join(given.output for given in turn.tool_outputs)


def test_a_conversation_in_text(voice: RecordedVoice) -> None:
    async def conversation(client: OfficialClient) -> None:
        assert (await client.update(output_modalities=["text"]))["output_modalities"] == ["text"]
        first = response_of(await client.respond())
        added, _ = await client.add({**typed("Good morning"), "id": "mine"})
        second = await client.respond(metadata={"turn": "two"})

        assert first["output"][0]["content"] == [{"type": "output_text", "text": voice.texts["hello"]}]
        assert (added["item"]["id"], added["previous_item_id"]) == ("mine", first["output"][0]["id"])
        words = "".join(delta["delta"] for delta in of_type(second, "response.output_text.delta"))
        assert words == voice.texts["text"]
        assert response_of(second)["metadata"] == {"turn": "two"}
        assert spoken(second) == b""

    converse(LocalRealtimeServer(voice=voice, first_delta_delay=0.01, speed=SPEED), conversation)


def test_a_conversation_in_audio(voice: RecordedVoice) -> None:
    async def conversation(client: OfficialClient) -> None:
        await client.append(caller_pcm16())
        events = await client.until("response.done")

        (started,) = of_type(events, "input_audio_buffer.speech_started")
        (stopped,) = of_type(events, "input_audio_buffer.speech_stopped")
        assert abs(started["audio_start_ms"] - 948) <= 64
        assert abs(stopped["audio_end_ms"] - 2740) <= 64
        deltas = of_type(events, "response.output_audio.delta")
        assert all(len(base64.b64decode(delta["delta"])) % 2 == 0 for delta in deltas)
        assert spoken(events) == speech_of(voice, voice.texts["answer_1"])
        assert len(spoken(events)) == 1250 * 48
        (transcript,) = of_type(events, "response.output_audio_transcript.done")
        assert transcript["transcript"] == voice.texts["answer_1"]

    converse(LocalRealtimeServer(voice=voice, first_delta_delay=0.01, speed=SPEED), conversation)


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_a_conversation_with_tools(modality: str) -> None:
    async def conversation(client: OfficialClient) -> None:
        await client.update(output_modalities=[modality], tools=[function("weather"), function("time")])
        await client.add(typed("How warm is it?"))
        (call,) = response_of(await client.respond())["output"]
        assert (call["type"], call["status"]) == ("function_call", "completed")
        await answer_calls(client, [call], ["15 degrees"])

        message, *calls = response_of(await client.respond())["output"]
        assert message["role"] == "assistant"
        assert [(call["name"], call["arguments"]) for call in calls] == [
            ("weather", '{"city": "Rome"}'),
            ("time", '{"city": "Rome"}'),
        ]
        await answer_calls(client, calls, ["20 degrees", "noon"])

        events = await client.respond()
        (content,) = response_of(events)["output"][0]["content"]
        said = content["text" if modality == "text" else "transcript"]
        assert said == "I found 20 degrees and noon"
        assert len(spoken(events)) == (600 * 48 if modality == "audio" else 0)

    server = LocalRealtimeServer(voice=ToneVoice(), persona=Clerk, first_delta_delay=0.01, speed=SPEED)
    converse(server, conversation)


async def answer_calls(client: OfficialClient, calls: list[Event], outputs: list[str]) -> None:
    for call, output in zip(calls, outputs, strict=True):
        await client.add({"type": "function_call_output", "call_id": call["call_id"], "output": output})


MANY_CITIES = '{"cities": [' + 500 * '"Paris", ' + '"Rome"]}'


def slow_caller_of_tools() -> LocalRealtimeServer:
    """Its call takes over a minute to generate, so that it is always stopped in the middle."""
    call = ToolCall("weather", MANY_CITIES)
    return LocalRealtimeServer(
        voice=ToneVoice(),
        persona=lambda: ScriptedPersona(Answer(calls=(call,)), "Excuse me"),
        first_delta_delay=0.01,
        speed=1.0,
    )


def assert_stopped(events: list[Event], reason: str) -> None:
    response = response_of(events)
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", reason)
    (call,) = response["output"]
    (arguments,) = of_type(events, "response.function_call_arguments.done")
    assert call["status"] == "incomplete"
    assert call["arguments"] == arguments["arguments"]
    assert MANY_CITIES.startswith(call["arguments"])
    assert of_type(events, "response.output_item.done")[0]["item"] == call


def test_a_call_is_cancelled_in_the_middle() -> None:
    async def conversation(client: OfficialClient) -> None:
        await client.connection.response.create()
        begun = await client.until("response.function_call_arguments.delta")
        await client.connection.response.cancel(response_id=begun[0]["response"]["id"])
        assert_stopped(await client.until("response.done"), "client_cancelled")
        assert response_of(await client.respond())["status"] == "completed"

    converse(slow_caller_of_tools(), conversation)


def test_a_call_is_interrupted_by_speech() -> None:
    async def conversation(client: OfficialClient) -> None:
        await client.connection.response.create()
        await client.until("response.function_call_arguments.delta")
        await client.append(caller_pcm16())
        events = await client.until("response.done")
        assert "input_audio_buffer.speech_started" in [event["type"] for event in events]
        assert_stopped(events, "turn_detected")
        answered = await client.until("response.done")
        assert response_of(answered)["status"] == "completed"

    converse(slow_caller_of_tools(), conversation)


def test_a_conversation_goes_on_in_a_new_session(voice: RecordedVoice) -> None:
    persona = ScriptedPersona(voice.texts["text"])

    async def scenario() -> None:
        server = LocalRealtimeServer(voice=voice, speed=SPEED, session_limit=1.0)
        async with server, official_client(server) as client:
            answered = response_of(await client.respond())["output"][0]
            (expired,) = await client.until("error")
            assert expired["error"]["code"] == "session_expired"
        server = LocalRealtimeServer(voice=voice, persona=lambda: persona, speed=SPEED)
        async with server, official_client(server) as client:
            content = [{"type": "output_text", "text": answered["content"][0]["transcript"]}]
            await client.add({**answered, "content": content})
            await client.add(typed("Go on"))
            await client.respond()

    asyncio.run(scenario())
    assert persona.turns[0].history == (Said("assistant", voice.texts["hello"]), Said("user", "Go on"))


def test_a_field_that_the_official_types_do_not_know_is_found() -> None:
    with pytest.raises(AssertionError):
        parse('{"type": "input_audio_buffer.cleared", "event_id": "e", "extra": 1}')
