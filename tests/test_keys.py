"""Keys that the caller presses, through the front door: what they cut short, and who gets to read them."""

import contextlib
import io
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import structlog

from gateway.feed import TextSent
from gateway.log import CHATTY, configure_logging
from gateway.transcript import Turn
from tests.guarded_calls import Going, Guarded, agents_file, guarded
from tests.test_calls import heard, tone

SENTENCE = "Please press four or five, or wait for a person to answer."
PIN = ["7", "3", "0", "9", "1", "6"]


@contextlib.contextmanager
def logged_as_in_production(secrets: Iterable[str] = ()) -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, down to DEBUG, as ``gateway serve`` logs it."""
    root, was_configured, config = logging.getLogger(), structlog.is_configured(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    levels = [(each, each.level) for each in map(logging.getLogger, CHATTY)]
    root.handlers.clear()
    try:
        configure_logging("DEBUG", "json", secrets)
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        written = io.StringIO()
        handler.setStream(written)
        yield written
    finally:
        root.handlers[:] = handlers
        for each, former in [(root, level), *levels]:
            each.setLevel(former)
        if was_configured:
            structlog.configure(**config)
        else:
            structlog.reset_defaults()


def keyed_during_a_sentence(file: Path) -> Guarded:
    """A call in which keys are pressed while the agent speaks."""

    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(2000))
        await going.begun()
        going.caller.keys = ["4", "#"]
        await going.session.wait_for_item(lambda item: item["role"] == "user")
        if going.session._reply is not None:
            await going.session.finish("item_1", SENTENCE)
        assert await going.asked() == ""
        await going.session.say("item_2", tone(300), "You pressed four.")
        await going.all_heard()

    return guarded(script, file, 4.0)


def test_key_silences_the_agent_and_the_model_learns_how_far_it_was_heard(tmp_path: Path) -> None:
    over = keyed_during_a_sentence(agents_file(tmp_path, agent="keys_interrupt = true"))

    first, *_ = over.caller.playback.runs
    kinds = [each.event["type"] for each in over.session.received]
    (truncate,) = over.session.events("conversation.item.truncate")
    assert first.cut_by == "clear"
    assert abs(truncate.event["audio_end_ms"] - len(first.payload) / 8) <= 40
    assert kinds.count("response.cancel") == 1
    assert kinds.index("response.cancel") < kinds.index("conversation.item.create")
    assert len(heard(over.caller)) < 1500 * 8


def test_key_lets_the_agent_finish_where_that_is_wanted(tmp_path: Path) -> None:
    over = keyed_during_a_sentence(agents_file(tmp_path, agent="keys_interrupt = false"))

    assert len(heard(over.caller)) == 2300 * 8
    for never in ("conversation.item.truncate", "response.cancel"):
        assert over.session.events(never) == []


@pytest.mark.parametrize("masks", [True, False])
def test_masked_keys_are_read_by_the_model_alone(tmp_path: Path, masks: bool) -> None:
    turns: list[Turn] = []

    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        going.caller.keys = [*PIN, "#"]
        assert await going.asked() == ""
        await going.session.say("item_1", tone(200), "Thank you.")
        await going.all_heard()
        turns.extend(going.said())

    with logged_as_in_production() as logged:
        over = guarded(script, agents_file(tmp_path, agent=f"mask_keys = {str(masks).lower()}"), 2.0)

    pin = "".join(PIN)
    shown = len(pin) * "*" if masks else pin
    (item,) = [item for item in over.session.items if item["role"] == "user"]
    assert item["content"] == [{"type": "input_text", "text": pin}]
    assert [each.text for each in over.told(TextSent)] == [shown]
    assert [each.text for each in turns if each.speaker == "caller"] == [shown]
    assert "call ended" in logged.getvalue()
    assert pin not in logged.getvalue()
    assert not any(f'"{key}"' in logged.getvalue() for key in PIN)  # nor one by one
    assert (pin in repr(over.news)) is not masks


def test_key_that_bounces_is_one_key(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        going.caller.keys = ["5", "5", "5", "#", "#"]
        assert await going.asked() == ""

    over = guarded(script, agents_file(tmp_path), 1.0)

    assert [each.text for each in over.told(TextSent)] == ["5"]
