"""Callers who interrupt the agent, or do not, through the front door."""

import asyncio
from pathlib import Path

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import CallIdentity, new_identity
from tests.fakes import FakeSession
from tests.test_calls import heard, scenario, tone

ROOMS = """
[agents.default]
instructions = "Help."

[agents.lobby]
instructions = "Help."
noise_reduction = "far_field"
turn_detection = {type = "server_vad", threshold = 0.8, prefix_padding_ms = 400, silence_duration_ms = 700}

[[routes]]
number = "+15005550007"
agent = "lobby"
"""

NEAR_MS = 120
"""On a busy machine the two clocks are read so far apart; to the millisecond it is shown in test_playback_truth."""


def runs_ms(caller: RecordedCaller) -> list[float]:
    """How long the agent was heard each time."""
    return [len(each.payload) / 8 for each in caller.playback.runs]


def cuts(session: FakeSession) -> dict[str, int]:
    """What the model was told of how far its items were heard."""
    told = [each.event for each in session.events("conversation.item.truncate")]
    assert len({each["item_id"] for each in told}) == len(told)
    return {each["item_id"]: each["audio_end_ms"] for each in told}


async def caller_says(session: FakeSession, item_id: str, words: str) -> None:
    """A turn of the caller, who is understood at once."""
    await session.speech_started(1000, item_id=item_id)
    await session.speech_stopped(1500, words, item_id=item_id)


def test_interruption_late_in_a_call_is_told_in_the_time_of_the_item_that_was_sounding() -> None:
    """Fault 3."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(300), "Hello.")
        await asyncio.sleep(1.2)  # far longer than the next item is
        await session.say("item_2", tone(600), "How can I help?")
        await asyncio.sleep(0.25)
        await caller_says(session, "turn", "Wait.")
        await session.wait_for("conversation.item.truncate")

    outcome, caller, session = scenario(script, 2.5)

    first, second = runs_ms(caller)
    assert outcome.faults == {}
    assert first == 300
    assert set(cuts(session)) == {"item_2"}
    assert abs(cuts(session)["item_2"] - second) <= NEAR_MS
    assert second < 600


def test_caller_can_interrupt_again_and_again_and_each_time_the_model_knows_what_was_heard() -> None:
    """Faults 4, 6."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        for n in range(4):
            await session.say(f"item_{n}", tone(3000), "A long sentence.")
            await asyncio.sleep(0.2 + 0.1 * n)
            await caller_says(session, f"turn_{n}", "No.")
            await session.wait_for("conversation.item.truncate")

    outcome, caller, session = scenario(script, 3.0)

    assert outcome.faults == {}
    assert [each.cut_by for each in caller.playback.runs] == ["clear"] * 4
    assert list(cuts(session)) == [f"item_{n}" for n in range(4)]
    for told, truth in zip(cuts(session).values(), runs_ms(caller), strict=True):
        assert abs(told - truth) <= NEAR_MS


def test_of_two_answers_at_twilio_each_is_cut_where_it_was_heard_the_second_to_nothing() -> None:
    """Fault 5."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(1000), "Yes.")
        await session.say("item_2", tone(1000), "And another thing.")
        await asyncio.sleep(0.3)
        await caller_says(session, "turn", "Stop.")
        for _ in range(2):
            await session.wait_for("conversation.item.truncate")

    outcome, caller, session = scenario(script, 2.0)

    (truth,) = runs_ms(caller)
    assert outcome.faults == {}
    assert list(cuts(session)) == ["item_1", "item_2"]
    assert abs(cuts(session)["item_1"] - truth) <= NEAR_MS
    assert cuts(session)["item_2"] == 0


def test_audio_that_the_model_made_before_it_heard_of_the_interruption_is_not_heard_after_it() -> None:
    """Fault 7."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_1")
        place = {"response_id": "resp_item_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
        words = {"type": "response.output_audio_transcript.delta", "delta": "A long sentence."}
        await session.send({**words, **place})
        await session.speak("item_1", tone(1000))
        await asyncio.sleep(0.3)
        interruption = {"type": "input_audio_buffer.speech_started", "item_id": "turn"}
        await session.send({**interruption, "audio_start_ms": 1000})
        await session.wait_for("conversation.item.truncate")
        for _ in range(5):
            await session.speak("item_1", tone(400))
        await session.finish("item_1", status="cancelled")
        await session.speech_stopped(1500, "What?", item_id="turn")
        await session.say("item_2", tone(300), "All right.")

    outcome, caller, session = scenario(script, 2.0)

    first, second = runs_ms(caller)
    assert outcome.faults == {}
    assert abs(cuts(session)["item_1"] - first) <= NEAR_MS
    assert first < 700
    assert second == 300


def test_each_number_has_its_own_threshold_and_noise_reduction_against_rooms_that_interrupt(
    tmp_path: Path,
) -> None:
    """Fault 9. What a noise has cut off all the same is heard on: see the table."""
    path = tmp_path / "agents.toml"
    path.write_text(ROOMS)

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")

    def heard_by(to_number: str) -> dict[str, object]:
        identity = new_identity()
        dialled = CallIdentity(
            identity.account_sid, identity.call_sid, identity.stream_sid, to_number=to_number
        )
        _, _, session = scenario(script, 0.3, path, identity=dialled)
        settings: dict[str, object] = session.config["audio"]["input"]
        return settings

    quiet, lobby = heard_by("+15005550006"), heard_by("+15005550007")
    assert quiet["noise_reduction"] == {"type": "near_field"}
    assert lobby["noise_reduction"] == {"type": "far_field"}
    detection = lobby["turn_detection"]
    assert isinstance(detection, dict)
    assert (detection["threshold"], detection["silence_duration_ms"]) == (0.8, 700)
    assert quiet["turn_detection"] != detection


def test_answer_that_was_heard_out_keeps_its_words_when_the_caller_speaks() -> None:
    """Fault 10."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(300), "We open at nine.")
        await asyncio.sleep(0.6)  # the caller hears it out
        await caller_says(session, "turn", "Thank you.")
        await session.say("item_2", tone(300), "You are welcome.")

    outcome, caller, session = scenario(script, 1.5)

    assert outcome.faults == {}
    assert runs_ms(caller) == [300, 300]
    assert caller.timeline.first("clear-received") is None
    assert cuts(session) == {}
    assert session.history_text() == (
        "assistant: We open at nine.\nuser: Thank you.\nassistant: You are welcome."
    )


def test_interruption_that_races_the_end_of_the_answer_cancels_nothing_and_is_no_error() -> None:
    """Fault 11."""

    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.begin("item_1")
        await session.speak("item_1", tone(2000))
        await session.finish("item_1", "A long sentence.")  # and in the same breath:
        await caller_says(session, "turn", "Stop.")
        await session.wait_for("conversation.item.truncate")
        await session.error("response_cancel_not_active", "there is no active response")
        await session.say("item_2", tone(300), "Still here.")

    outcome, caller, session = scenario(script)

    assert outcome.faults == {}
    assert outcome.end.reason == "caller-hung-up"
    assert session.events("response.cancel") == []
    assert heard(caller)[-300 * 8 :] == bytes(caller.playback.runs[-1].payload)
    assert runs_ms(caller)[-1] == 300
