"""What comes late, twice, at the wrong moment or under another's name."""

import base64

import pytest

from tests.fuzz.session import run_session
from tests.local_realtime.sessions import Event, Talk, of_type, typed, types
from tests.local_realtime.test_answering import FIRST_UTTERANCE, LONG_TURN, finished, listening, speaking
from voice_codecs import MULAW_SILENCE

SPOKEN = {
    "type": "message",
    "role": "user",
    "id": "mine",
    "content": [{"type": "input_audio", "audio": base64.b64encode(FIRST_UTTERANCE).decode()}],
}


def captioned() -> Talk:
    talk, _ = listening("I see")
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    return talk


@pytest.mark.parametrize("number", range(20))
def test_random_sessions_are_consistent(number: int) -> None:
    assert run_session(7, number).total() > 20


def test_words_of_a_deleted_item_are_not_those_of_its_namesake() -> None:
    talk, persona = listening("I see")
    talk.send("conversation.item.create", item=SPOKEN)
    first = finished(talk)
    talk.send("conversation.item.delete", item_id="mine")
    talk.send("conversation.item.create", item=SPOKEN)
    second = finished(talk)
    talk.send("response.create")

    talk.session.recognised(first, "old")
    assert persona.turns == []
    talk.session.recognised(second, "new")
    assert persona.turns[0].text == "new"


def test_a_client_cannot_take_the_id_of_the_turn_in_progress() -> None:
    talk, _ = listening("I see")
    (started,) = of_type(talk.say(FIRST_UTTERANCE[: 8 * 1800]), "input_audio_buffer.speech_started")
    talk.send("conversation.item.create", item={**typed("mine"), "id": started["item_id"]})
    events = talk.say(FIRST_UTTERANCE[8 * 1800 :])
    (committed,) = of_type(events, "input_audio_buffer.committed")
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=committed["item_id"])
    assert retrieved["item"]["content"][0]["type"] == "input_audio"


def test_a_client_cannot_take_the_id_of_the_next_answer() -> None:
    talk = speaking("One")
    talk.send("response.create")
    (wanted,) = talk.session.take_speaking()
    next_id = "item_abcdef000001"
    talk.send("conversation.item.create", item={**typed("mine"), "id": next_id})
    talk.now += 1.0
    events = talk.speak(wanted.response_id, "One")
    assert of_type(events, "response.output_item.added")[0]["item"]["id"] == next_id
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=next_id)
    assert retrieved["item"]["role"] == "assistant"


def growing() -> Talk:
    """A caller who is speaking, and whose words are being looked at."""
    talk = captioned()
    talk.say(LONG_TURN[: 8 * 4000])
    return talk


def test_a_cleared_turn_is_told_no_more() -> None:
    talk = growing()
    look = talk.session.take_recognitions()[0]
    assert types(talk.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert talk.session.recognised(look, "one two three four") == []


@pytest.mark.parametrize(
    "change", [{"transcription": None}, {"turn_detection": None}], ids=["transcription", "turn detection"]
)
def test_nothing_is_told_once_nobody_wants_it(change: Event) -> None:
    talk = growing()
    look = talk.session.take_recognitions()[0]
    talk.update(audio={"input": change})
    assert talk.session.recognised(look, "one two three four") == []


def test_a_look_that_comes_after_the_words_failed_is_not_told() -> None:
    talk = captioned()
    talk.say(LONG_TURN)
    look, whole = talk.session.take_recognitions()
    assert types(talk.session.not_recognised(whole, "overloaded", "Too much."))[-1].endswith(".failed")
    assert talk.session.recognised(look, "one two three four") == []


def test_cancelled_responses_are_forgotten_before_the_words_come() -> None:
    talk, _ = listening()
    talk.turn_detection(None)
    talk.append(MULAW_SILENCE * 1600)
    talk.send("input_audio_buffer.commit")
    for _ in range(100):
        talk.send("response.create")
        talk.send("response.cancel")
    talk.send("response.create")
    assert len(talk.session._responses._unanswered) == 1


def test_a_namesake_of_the_turn_in_progress_does_not_end_it() -> None:
    talk = captioned()
    (started,) = of_type(talk.say(LONG_TURN[: 8 * 4000]), "input_audio_buffer.speech_started")
    talk.send("conversation.item.create", item={**SPOKEN, "id": started["item_id"]})
    for recognition in talk.session.take_recognitions():
        talk.session.recognised(recognition, "one two three four")
    assert types(talk.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


def test_turn_detection_that_is_turned_off_in_a_turn_leaves_the_turn_its_id(talk: Talk) -> None:
    (started,) = talk.say(FIRST_UTTERANCE[: 8 * 1500])
    talk.turn_detection(None)
    (committed, *_) = talk.send("input_audio_buffer.commit")
    assert committed["item_id"] == started["item_id"]


def test_one_response_cannot_have_another_voice_once_one_was_heard(talk: Talk) -> None:
    other = {"audio": {"output": {"voice": "cedar"}}}
    talk.send("response.create", response=other)
    talk.wait(3.0)
    talk.send("response.create")
    talk.wait(3.0)
    (error,) = talk.send("response.create", response=other)
    assert error["error"]["code"] == "cannot_update_voice"
    assert error["error"]["param"] == "response.audio.output.voice"
