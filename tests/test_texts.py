"""Texts that are put into a live call: answered in speech, and told of as texts."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from gateway.active_calls import MAX_TEXT
from gateway.ending import HANGUP
from gateway.errors import RealtimeError
from gateway.feed import ModelSaid, TextSent
from gateway.transcript import Turn
from tests.guarded_calls import Going, Guarded, agents_file, guarded
from tests.test_calls import heard, tone

TEXT = "Offer them a discount."


def texts_of(over: Guarded) -> list[str]:
    """What the model was given as texts of the user."""
    messages = (item for item in over.session.items if item["role"] == "user")
    return [part["text"] for item in messages for part in item["content"] if part["type"] == "input_text"]


def test_text_is_answered_in_speech_and_told_of_as_a_text(tmp_path: Path) -> None:
    turns: list[Turn] = []

    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        await going.send_text(TEXT)
        assert await going.asked() == ""
        await going.session.say("item_1", tone(400), "Ten per cent off?")
        await going.all_heard()
        turns.extend(going.said())

    over = guarded(script, agents_file(tmp_path), 2.0)

    assert texts_of(over) == [TEXT]
    assert len(heard(over.caller)) == 400 * 8
    assert [each.text for each in over.told(TextSent)] == [TEXT]
    assert [(each.speaker, each.text, each.item_id) for each in turns] == [
        ("caller", TEXT, ""),
        ("agent", "Ten per cent off?", "item_1"),
    ]


@pytest.mark.parametrize("agent", ["", 'greeting = "Hello."'])
def test_text_that_comes_while_the_model_speaks_is_answered_after_it(tmp_path: Path, agent: str) -> None:
    async def script(going: Going) -> None:
        if agent:
            assert await going.asked() == "Hello."
        else:
            await going.session.wait_for("input_audio_buffer.append")
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(200))
        await going.begun()
        await going.send_text(TEXT)
        await going.session.wait_for_item(lambda item: item["role"] == "user")
        await going.session.speak("item_1", tone(200))
        await going.session.finish("item_1", "Hello.")
        assert await going.asked() == ""
        await going.session.say("item_2", tone(400), "Ten per cent off?")
        await going.all_heard()

    over = guarded(script, agents_file(tmp_path, agent=agent), 2.5)

    assert texts_of(over) == [TEXT]
    assert [each.text for each in over.told(ModelSaid)] == ["Hello.", "Ten per cent off?"]
    assert len(heard(over.caller)) == 800 * 8


def test_two_texts_at_once_are_both_known_to_the_model_when_it_answers(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(going.send_text("One."))
            tasks.create_task(going.send_text("Two."))
        for item_id in ("item_1", "item_2"):
            assert await going.asked() == ""
            await going.session.say(item_id, tone(200), item_id)
        await going.all_heard()

    over = guarded(script, agents_file(tmp_path), 2.0)

    assert texts_of(over) == [each.text for each in over.told(TextSent)] == ["One.", "Two."]


def test_text_keeps_a_call_from_ending_in_a_goodbye_to_nobody(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        assert await going.asked() == "I cannot hear anybody, so I will hang up now. Goodbye."
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(200))
        await going.begun()
        await going.send_text(TEXT)
        await going.session.speak("item_1", tone(200))
        await going.session.finish("item_1", "Goodbye.")
        assert await going.asked() == ""
        await going.session.say("item_2", tone(200), "Wait, there is a discount.")
        await going.all_heard()

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=0), 5.0)

    assert over.reason == "hangup"
    assert len(heard(over.caller)) == 600 * 8


def refusal_of(
    text: str, *, call_sid: str | None = None, loses_model: bool = False, ends: bool = False
) -> str:
    """Try to put a text into a call; what is wrong with that."""
    refusals: list[str] = []

    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        if loses_model:
            await going.call._client.disconnect()
        if ends:
            going.call.end(HANGUP)
        try:
            await going.at.gateway.active_calls.send_text(call_sid or going.caller.identity.call_sid, text)
        except (LookupError, ValueError, RealtimeError) as exc:
            refusals.append(type(exc).__name__)

    with tempfile.TemporaryDirectory() as folder:
        over = guarded(script, agents_file(Path(folder)), 0.5)
    assert list(over.told(TextSent)) == []
    assert texts_of(over) == []
    (refusal,) = refusals
    return refusal


@pytest.mark.parametrize("text", ["", " \n", "a" * (MAX_TEXT + 1)])
def test_text_must_have_words_and_an_end(text: str) -> None:
    assert refusal_of(text) == "ValueError"


def test_text_for_a_call_that_is_not_going_on_is_refused() -> None:
    assert refusal_of(TEXT, call_sid="CA" + 32 * "0") == "LookupError"


def test_text_that_no_model_can_answer_is_refused() -> None:
    assert refusal_of(TEXT, loses_model=True) == "RealtimeError"


def test_text_in_the_last_moment_of_a_call_is_refused() -> None:
    assert refusal_of(TEXT, ends=True) == "RealtimeError"
