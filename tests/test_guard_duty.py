"""What keeps a call from going on for ever, through the front door: silence, its length, its cost."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from gateway.agent_limits import PhrasesTable
from gateway.feed import ModelHeard, ModelSaid
from tests.fakes import FakeSession
from tests.guarded_calls import Going, agents_file, guarded
from tests.test_calls import heard, tone

PHRASES = PhrasesTable()
GOODBYE_MS = 1000


async def say(going: Going, item_id: str, ms: int, words: str) -> None:
    """Have the model say what it was asked for."""
    assert await going.asked() == words
    await going.session.say(item_id, tone(ms), words)


def detections(session: FakeSession) -> list[dict[str, object]]:
    updates = [each.event["session"] for each in session.events("session.update")]
    return [update["audio"]["input"]["turn_detection"] for update in updates]


def test_silent_caller_is_asked_and_then_left_when_the_goodbye_was_heard(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await say(going, "item_1", 700, PHRASES.still_there)
        await say(going, "item_2", GOODBYE_MS, PHRASES.goodbye_silence)

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=1))

    assert (over.reason, over.outcome.end.reason) == ("no-input", "gateway-hung-up")
    assert len(heard(over.caller)) == (700 + GOODBYE_MS) * 8
    assert -0.3 <= over.left_after <= 1.5
    assert [each.text for each in over.told(ModelSaid)] == [PHRASES.still_there, PHRASES.goodbye_silence]
    asked_at = [each.at for each in over.session.events("response.create")]
    assert 3.1 <= asked_at[1] - asked_at[0] < 4.2  # looked at twice a second
    params = [each.event["response"] for each in over.session.events("response.create")]
    assert {each["tool_choice"] for each in params} == {
        "none"
    }  # it must not hang up by itself, or ask a tool


@pytest.mark.parametrize("is_made", [True, False])
def test_whoever_speaks_over_the_goodbye_is_not_left(tmp_path: Path, is_made: bool) -> None:
    async def script(going: Going) -> None:
        assert await going.asked() == PHRASES.goodbye_silence
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(2000))
        if is_made:
            await going.session.finish("item_1", PHRASES.goodbye_silence)
        await going.begun()
        await going.session.speech_started(3500)
        await going.session.speech_stopped(4000, "Wait, I am here.")
        await going.session.say("item_2", tone(300), "How can I help you?")
        await going.all_heard()

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=0), 5.5)

    assert over.reason == "hangup"
    assert len(heard(over.caller)) < 2000 * 8


def test_key_over_the_goodbye_is_a_sign_too_where_it_cuts_nothing(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await say(going, "item_1", GOODBYE_MS, PHRASES.goodbye_silence)
        going.caller.keys = ["1", "#"]
        assert await going.asked() == ""
        await going.session.say("item_2", tone(300), "You pressed one.")

    file = agents_file(tmp_path, agent="keys_interrupt = false", no_input_seconds=3, no_input_prompts=0)
    over = guarded(script, file, 5.5)

    assert over.reason == "hangup"
    assert len(heard(over.caller)) == (GOODBYE_MS + 300) * 8


def test_goodbye_that_goes_on_after_a_noise_is_a_goodbye(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await say(going, "item_1", GOODBYE_MS, PHRASES.goodbye_silence)
        await going.begun()
        await going.session.speech_started(3500)
        await going.session.speech_stopped(3600, "")

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=0), 10.0)

    assert over.reason == "no-input"
    assert len(heard(over.caller)) == pytest.approx(GOODBYE_MS * 8, abs=40 * 8)
    told = [each.heard_text for each in over.told(ModelHeard)]
    assert len(told[0]) < len(told[-1])
    assert told[-1] == PHRASES.goodbye_silence
    assert -0.3 <= over.left_after <= 1.5
    assert len(over.session.events("response.create")) == 1


def test_noise_in_the_goodbye_s_last_moment_keeps_nobody_on_the_line(tmp_path: Path) -> None:
    """It begins while the goodbye's mark is on its way, so that there is nothing to be cut any more."""

    async def script(going: Going) -> None:
        await say(going, "item_1", GOODBYE_MS, PHRASES.goodbye_silence)
        await going.begun()
        going.call._leg.guards.caller_speaks(time.monotonic())
        await going.all_heard()
        assert not going.call._ended.done()
        await going.session.speech_stopped(4200, "")

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=0), 10.0)

    assert over.reason == "no-input"
    assert len(heard(over.caller)) == GOODBYE_MS * 8


def test_goodbye_that_a_noise_has_cut_off_is_said_again(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        assert await going.asked() == PHRASES.goodbye_silence
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(2000))
        await going.begun()
        await going.session.speech_started(3500)
        await going.session.speech_stopped(3700, "")
        await say(going, "item_2", GOODBYE_MS, PHRASES.goodbye_silence)

    file = agents_file(tmp_path, agent="resume_after_noise = false", no_input_seconds=3, no_input_prompts=0)
    over = guarded(script, file)

    assert over.reason == "no-input"
    assert len(over.session.events("response.create")) == 2
    assert len(over.caller.playback.runs[-1].payload) == GOODBYE_MS * 8


def test_call_that_is_too_long_is_warned_of_and_ended_with_a_goodbye(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await say(going, "item_1", 300, PHRASES.time_warning)
        await say(going, "item_2", GOODBYE_MS, PHRASES.goodbye_time)

    over = guarded(script, agents_file(tmp_path, max_minutes=0.05, warning_seconds=2))

    assert (over.reason, over.outcome.end.reason) == ("max-duration", "gateway-hung-up")
    assert len(heard(over.caller)) == (300 + GOODBYE_MS) * 8
    assert -0.3 <= over.left_after <= 1.5
    warned_at, over_at = (each.at for each in over.session.events("response.create"))
    assert 1.8 < over_at - warned_at < 2.6


def test_nothing_cuts_the_last_goodbye_and_nothing_follows_it(tmp_path: Path) -> None:
    """A caller who speaks over it is heard, but the model neither falls silent nor answers."""
    refused: list[str] = []

    async def script(going: Going) -> None:
        assert await going.asked() == PHRASES.goodbye_time
        await going.session.begin("item_1")
        await going.session.speak("item_1", tone(500))
        await going.session.speech_started(1000)
        await going.session.speak("item_1", tone(500))
        await going.session.finish("item_1", PHRASES.goodbye_time)
        await going.session.speech_stopped(1500, "But I was not")
        with pytest.raises(Exception, match="about to end") as refusal:
            await going.send_text("Tell them to stay.")
        refused.append(str(refusal.value))
        going.caller.keys = ["1", "#"]
        await going.session.say("item_2", tone(3000), "I answer all the same.")  # some servers would

    over = guarded(script, agents_file(tmp_path, max_minutes=0.01, warning_seconds=0))

    assert over.reason == "max-duration"
    assert len(heard(over.caller)) == GOODBYE_MS * 8
    assert -0.3 <= over.left_after <= 1.5
    assert (
        detections(over.session)[-1].items()
        >= {"create_response": False, "interrupt_response": False}.items()
    )
    assert len(over.session.events("response.create")) == 1
    assert [each.text for each in over.told(ModelSaid)] == [PHRASES.goodbye_time]
    assert refused


def test_what_is_being_said_when_time_is_up_is_said_to_its_end_and_the_goodbye_after_it(
    tmp_path: Path,
) -> None:
    async def script(going: Going) -> None:
        await going.session.begin("item_1")
        while len(going.session.events("session.update")) < 2:
            await going.session.wait_for("session.update")
        await going.session.speak("item_1", tone(400))
        await going.session.finish("item_1", "and that is all.")
        await say(going, "item_2", GOODBYE_MS, PHRASES.goodbye_time)

    over = guarded(script, agents_file(tmp_path, max_minutes=0.01, warning_seconds=0))

    assert over.reason == "max-duration"
    assert len(heard(over.caller)) == (400 + GOODBYE_MS) * 8


def test_caller_who_speaks_when_time_is_up_may_finish(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        await going.session.speech_started(0)
        await asyncio.sleep(2.0)  # beyond the end of the call's time
        assert going.session.events("response.create") == []
        await going.session.speech_stopped(2000, "so much for that.")
        await say(going, "item_1", GOODBYE_MS, PHRASES.goodbye_time)

    over = guarded(script, agents_file(tmp_path, max_minutes=0.02, warning_seconds=0))

    assert over.reason == "max-duration"


def test_caller_who_does_not_finish_is_waited_for_no_longer_than_the_guards_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.guards.PATIENCE", 1.0)

    async def script(going: Going) -> None:
        await going.session.speech_started(0)
        await say(going, "item_1", GOODBYE_MS, PHRASES.goodbye_time)

    over = guarded(script, agents_file(tmp_path, max_minutes=0.02, warning_seconds=0))

    assert over.reason == "max-duration"
    (asked,) = over.session.events("response.create")
    started_at = over.caller.timeline.started_at
    assert started_at is not None
    assert 2.1 < asked.at - started_at < 3.2
    assert len(heard(over.caller)) == GOODBYE_MS * 8


@pytest.mark.parametrize("limit", [{"max_tokens": 60}, {"max_cost": 0.0019}])
def test_call_that_has_used_its_budget_ends_with_a_goodbye(tmp_path: Path, limit: dict[str, Any]) -> None:
    """Each response uses 20 tokens in and 10 out, of no kind that is told: 1.28 thousandths of a dollar."""

    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        await going.session.say("item_1", tone(200), "One.")
        await going.all_heard()
        assert going.session.events("response.create") == []
        await going.session.say("item_2", tone(200), "Two.")
        await say(going, "item_3", GOODBYE_MS, PHRASES.goodbye_budget)

    over = guarded(script, agents_file(tmp_path, **limit))

    assert over.reason == "budget"
    assert len(heard(over.caller)) == (400 + GOODBYE_MS) * 8
    assert -0.3 <= over.left_after <= 1.5


def test_cost_is_not_watched_where_the_model_s_price_is_not_known_and_one_line_says_so(
    tmp_path: Path,
) -> None:
    async def script(going: Going) -> None:
        await going.session.wait_for("input_audio_buffer.append")
        await going.session.say("item_1", tone(200), "One.")
        await going.all_heard()

    with structlog.testing.capture_logs() as lines:
        over = guarded(script, agents_file(tmp_path, max_cost=0.000001), 1.5, model_name="gpt-none")

    assert over.reason == "hangup"
    assert len([line for line in lines if "max_cost" in line["event"]]) == 1


def test_goodbye_that_the_model_does_not_say_keeps_nobody_on_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.saying.SAY_TIMEOUT", 0.3)

    async def script(going: Going) -> None:
        assert await going.asked() == PHRASES.goodbye_silence

    over = guarded(script, agents_file(tmp_path, no_input_seconds=3, no_input_prompts=0))

    assert over.reason == "no-input"


def test_call_whose_line_breaks_in_the_last_goodbye_is_said_goodbye_to_again(tmp_path: Path) -> None:
    async def script(going: Going) -> None:
        assert await going.asked() == PHRASES.goodbye_time
        await going.session.say("item_1", tone(3000), PHRASES.goodbye_time)
        while going.caller.timeline.first("stream-closed") is None:
            await going.news.next()
        assert await going.asked() == ""  # what the break cut off
        await going.session.say("item_2", tone(200), "goodbye.")
        assert await going.asked() == PHRASES.goodbye_time
        await going.session.say("item_3", tone(500), PHRASES.goodbye_time)

    over = guarded(script, agents_file(tmp_path, max_minutes=0.01, warning_seconds=0), breaks_at=(1.5,))

    assert over.reason == "max-duration"
    assert over.outcome.end.reason == "gateway-hung-up"
    assert len(over.caller.playback.runs[-1].payload) >= 500 * 8
