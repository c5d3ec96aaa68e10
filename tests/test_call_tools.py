import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway import call_tools
from gateway.bridge import Bridge, ClearAudio, PlayAudio
from gateway.call_tools import KeyTones
from gateway.realtime.events import AudioDelta, ResponseCreated, ResponseState, SpeechStarted
from tests.fakes import FakeSession
from tests.goertzel import keys_in
from tests.test_calls import heard, scenario, tone
from voice_codecs import key_tones, mulaw_decode


async def keyed(session: FakeSession, digits: str, *, says: int = 0, echo: bool = False) -> str:
    """Have the model say something and send digits in one response; return what it was told."""
    await session.wait_for("input_audio_buffer.append")
    if says:
        await session.begin("item_1")
        await session.speak("item_1", tone(says))
        await session.finish_item("item_1", "Let me see.")
    await session.call_tool("item_2", "call_1", "send_digits", json.dumps({"digits": digits}))
    if says:
        await session.close_response()
    if echo:
        await asyncio.sleep(says / 1000 + 0.4)  # until the tones sound
        await session.speech_started(1000)
    item = await session.wait_for_item(lambda item: item["type"] == "function_call_output")
    return str(item["output"])


@pytest.fixture
def agents_file(tmp_path: Path) -> Path:
    """An agent that may press keys."""
    path = tmp_path / "agents.toml"
    path.write_text('[agents.default]\ninstructions = "x"\ntools = ["send_digits"]\n')
    return path


def bound(
    is_audible: Callable[[], bool], play: Callable[[bytes], None], is_sending: Callable[[], bool]
) -> KeyTones:
    keys = KeyTones()
    keys.bind(is_audible, play, is_sending)
    return keys


@pytest.mark.parametrize("echo", [False, True])
def test_the_other_party_hears_the_keys_after_what_was_said_even_if_they_echo(
    echo: bool, agents_file: Path
) -> None:
    outputs = []

    async def script(session: FakeSession) -> None:
        outputs.append(await keyed(session, "12w0#", says=500, echo=echo))

    outcome, caller, session = scenario(script, 3.0, agents_file)
    sound = mulaw_decode(heard(caller))
    assert outcome.faults == {}
    assert outputs == ["The digits were sent."]
    assert keys_in(sound) == "120#"
    assert sound.size == 500 * 8 + len(key_tones("12w0#"))
    assert np.array_equal(sound[500 * 8 :], mulaw_decode(key_tones("12w0#")))
    assert session.events("conversation.item.truncate") == []


def test_keys_that_do_not_exist_are_refused_and_nothing_is_heard(agents_file: Path) -> None:
    outputs: list[Any] = []

    async def script(session: FakeSession) -> None:
        outputs.append(json.loads(await keyed(session, "12;rm")))

    _, caller, _ = scenario(script, agents_file=agents_file)
    assert "Nothing was sent" in outputs[0]["error"]
    assert "rm" not in outputs[0]["error"]
    assert heard(caller) == b""


def test_nothing_is_sent_while_something_else_is_heard_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_tools, "SAY_TIMEOUT", 0.01)
    played: list[bytes] = []
    tool = bound(lambda: True, played.append, lambda: False).tool()

    assert "still speaking" in asyncio.run(tool.run('{"digits": "1"}'))
    assert played == []


def test_tones_that_nobody_confirms_do_not_keep_the_model_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_tools, "MARK_TIMEOUT", -0.19)
    played: list[bytes] = []
    tool = bound(lambda: False, played.append, lambda: True).tool()

    assert "nobody confirmed" in asyncio.run(tool.run('{"digits": "1"}'))
    assert played == [key_tones("1")]


def test_two_sequences_at_once_are_sent_one_after_the_other() -> None:
    played: list[bytes] = []
    sounding: list[bytes] = []

    def play(tones: bytes) -> None:
        assert not sounding
        played.append(tones)
        sounding.append(tones)

    async def both() -> list[str]:
        keys = bound(lambda: False, play, lambda: bool(sounding))
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(keys.send_digits(digits)) for digits in "12"]
            while len(played) < 2 or sounding:
                sounding.clear()
                keys.playback_moved()
                await asyncio.sleep(0)
        return [call.result() for call in calls]

    assert asyncio.run(both()) == ["The digits were sent."] * 2
    assert played == [key_tones("1"), key_tones("2")]


def test_the_model_is_not_told_that_keys_were_sent_while_there_is_no_line() -> None:
    assert "Nothing was sent" in asyncio.run(KeyTones().tool().run('{"digits": "1"}'))


@pytest.mark.parametrize(
    ("state", "answer", "n_played"),
    [("audible", "Nothing was sent", 0), ("sending", "some of them may be missing", 1)],
)
def test_a_line_that_is_lost_meanwhile_has_carried_no_keys(state: str, answer: str, n_played: int) -> None:
    played: list[bytes] = []
    going_on = {state}

    async def scenario() -> str:
        keys = bound(lambda: "audible" in going_on, played.append, lambda: "sending" in going_on)
        sent = asyncio.ensure_future(keys.tool().run('{"digits": "1"}'))
        async with asyncio.timeout(5):
            for _ in range(3):
                await asyncio.sleep(0)
            assert keys._one_by_one.locked()
            going_on.clear()  # what was unheard is given up with the line
            keys.unbind()
            return await sent

    assert answer in asyncio.run(scenario())
    assert len(played) == n_played


def test_an_agent_that_may_press_keys_is_offered_the_tool(agents_file: Path) -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    _, _, session = scenario(script, agents_file=agents_file)
    (update,) = session.events("session.update")
    (tool,) = [each for each in update.event["session"]["tools"] if each["name"] == "send_digits"]
    assert tool["parameters"]["required"] == ["digits"]
    assert "32" in tool["parameters"]["properties"]["digits"]["description"]


def test_an_item_goes_on_behind_tones_that_came_between_and_is_cut_where_it_was_heard() -> None:
    bridge = Bridge()
    bridge.model_event(ResponseCreated(ResponseState("resp")), 0.0)
    commands = bridge.model_event(AudioDelta("item", bytes(48 * 400), "resp"), 0.0)
    commands += bridge.send_keys(key_tones("1"), 0.0)
    commands += bridge.model_event(AudioDelta("item", bytes(48 * 400), "resp"), 0.0)
    names = [command.mark_name for command in commands if isinstance(command, PlayAudio)]

    assert bridge.is_sending_keys
    assert bridge.model_event(SpeechStarted(), 0.1) == []
    for name in names[:3]:  # the first half of the item, and the tones
        bridge.mark(name, 0.6)
    assert not bridge.is_sending_keys
    cut = bridge.model_event(SpeechStarted(), 0.6)
    assert isinstance(cut[0], ClearAudio)
    assert [getattr(command, "audio_end_ms", None) for command in cut] == [None, 396]
