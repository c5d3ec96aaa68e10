"""A response waits for the caller's words and for its own sound, and keeps to its limits meanwhile."""

import base64

import pytest

from gateway.local_realtime import Answer, RecordedVoice, ToolCall
from gateway.local_realtime.recognitions import Recognition
from tests.local_realtime.sessions import (
    Event,
    ScriptedPersona,
    Talk,
    function,
    of_type,
    recorded_call,
    typed,
    types,
)
from voice_codecs import MULAW_SILENCE, mulaw_encode, sine

CALL = recorded_call()
FIRST_UTTERANCE = CALL[: 8 * 3000]
"""Quiet until 1.0 s, "five five" until 2.2 s, then quiet."""
LONG_TURN = CALL[: 8 * 2000] + 3 * CALL[8 * 1000 : 8 * 2000] + CALL[8 * 2200 : 8 * 3000]
"""The same with 4 s of speech."""
AUDIO_DELTA = "response.output_audio.delta"
WORDS_DELTA = "response.output_audio_transcript.delta"


class WordVoice:
    """Speaks each word by itself: 300 ms of a tone, or as much longer as it is told to be slower."""

    def __init__(self) -> None:
        self.speeds: set[float] = set()

    def pieces(self, text: str) -> list[str]:
        first, *others = text.split(" ")
        return [first, *(" " + word for word in others)]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        if "unspeakable" in piece:
            raise LookupError("this cannot be said")
        self.speeds.add(speed)
        return sine(440.0, int(300 / speed), 24_000).astype("<i2").tobytes()


def heard_ms(events: list[Event]) -> float:
    return sum(len(base64.b64decode(event["delta"])) for event in of_type(events, AUDIO_DELTA)) / 8


def words(events: list[Event]) -> str:
    return "".join(event["delta"] for event in of_type(events, WORDS_DELTA))


def response_of(events: list[Event]) -> Event:
    (done,) = of_type(events, "response.done")
    response: Event = done["response"]
    return response


def finished(talk: Talk) -> Recognition:
    """The one recognition of a whole turn that is wanted."""
    (recognition,) = [each for each in talk.session.take_recognitions() if not each.unfinished]
    return recognition


def listening(*answers: Answer | str) -> tuple[Talk, ScriptedPersona]:
    persona = ScriptedPersona(*answers)
    return Talk(WordVoice(), persona=persona, recognises=True), persona


def speaking(*answers: Answer | str) -> Talk:
    """A talk in which the test itself brings the sound."""
    return Talk(WordVoice(), persona=ScriptedPersona(*answers), speaks=False)


# The caller's words


def test_a_response_begins_at_once_and_waits_for_the_words() -> None:
    talk, persona = listening("I see")
    events = talk.say(FIRST_UTTERANCE) + talk.wait(3.0)
    assert types(events)[-2:] == ["response.created", "rate_limits.updated"]
    assert persona.turns == []

    assert talk.taken(talk.session.recognised(finished(talk), "five five")) != []
    assert (persona.turns[0].kind, persona.turns[0].text) == ("speech", "five five")


def test_the_model_understands_without_telling_the_client() -> None:
    talk, persona = listening("I see")
    talk.say(FIRST_UTTERANCE)
    recognition = finished(talk)
    events = talk.taken(talk.session.recognised(recognition, "five five")) + talk.wait(3.0)

    assert [kind for kind in types(events) if "transcription" in kind] == []
    assert persona.turns[0].text == "five five"
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=recognition.item_id)
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_words_that_cannot_be_had_are_answered_as_not_understood() -> None:
    talk, persona = listening("Pardon?")
    talk.say(FIRST_UTTERANCE)
    events = talk.taken(talk.session.not_recognised(finished(talk), "overloaded", "Too much."))
    assert types(events + talk.wait(3.0))[-1] == "response.done"
    assert (persona.turns[0].kind, persona.turns[0].text) == ("speech", "")


def test_a_response_that_is_cancelled_before_the_words_come_is_never_answered() -> None:
    talk, persona = listening("I see")
    talk.say(FIRST_UTTERANCE)
    response = response_of(talk.send("response.cancel"))
    assert (response["status"], response["output"]) == ("cancelled", [])

    assert talk.taken(talk.session.recognised(finished(talk), "five five")) == []
    assert talk.wait(3.0) == []
    assert persona.turns == []


def test_a_caller_who_goes_on_speaking_is_answered_once_with_both_turns_known() -> None:
    talk, persona = listening("I see")
    talk.say(FIRST_UTTERANCE)
    first = finished(talk)
    events = talk.say(FIRST_UTTERANCE)
    assert response_of(events)["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    talk.session.recognised(finished(talk), "six six")
    assert persona.turns == []
    talk.session.recognised(first, "five five")
    assert [said.text for said in persona.turns[0].history] == ["five five", "six six"]


def test_audio_given_as_an_item_is_understood_too() -> None:
    talk, persona = listening("I see")
    content = [
        {"type": "input_text", "text": "Listen:"},
        {"type": "input_audio", "audio": base64.b64encode(FIRST_UTTERANCE).decode()},
    ]
    talk.send("conversation.item.create", item={**typed(""), "content": content})
    recognition = finished(talk)
    assert mulaw_encode(recognition.samples) == FIRST_UTTERANCE
    talk.send("response.create")
    talk.session.recognised(recognition, "five five")
    assert persona.turns[0].text == "Listen: five five"


def test_audio_given_with_its_words_is_not_listened_to() -> None:
    talk, persona = listening("I see")
    audio = {"type": "input_audio", "audio": base64.b64encode(FIRST_UTTERANCE).decode(), "transcript": "no"}
    talk.send("conversation.item.create", item={**typed(""), "content": [audio]})
    talk.send("response.create")
    assert talk.session.take_recognitions() == []
    assert persona.turns[0].text == "no"


def test_an_unfinished_turn_is_looked_at_ever_less_often_and_told_as_it_grows() -> None:
    talk, _ = listening("I see")
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    told: list[Event] = []
    looks: list[float] = []
    for start in range(0, len(LONG_TURN), 160):
        told += talk.say(LONG_TURN[start : start + 160])
        for recognition in talk.session.take_recognitions():
            looks += [recognition.seconds] if recognition.unfinished else []
            n_words = int(recognition.seconds * 2)
            told += talk.taken(talk.session.recognised(recognition, " ".join(n_words * ["five"])))

    assert looks == pytest.approx([1.5, 2.25, 3.4], abs=0.1)
    deltas = of_type(told, "conversation.item.input_audio_transcription.delta")
    (completed,) = of_type(told, "conversation.item.input_audio_transcription.completed")
    assert len(deltas) >= 3
    assert told.index(deltas[0]) < told.index(of_type(told, "input_audio_buffer.speech_stopped")[0])
    assert "".join(delta["delta"] for delta in deltas) == completed["transcript"]
    assert {delta["item_id"] for delta in deltas} == {completed["item_id"]}


def test_one_look_at_a_time_and_none_that_comes_too_late_is_told() -> None:
    talk, _ = listening("I see")
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    talk.say(LONG_TURN)
    look, whole = talk.session.take_recognitions()
    assert (look.unfinished, whole.unfinished) == (True, False)
    assert talk.session.recognised(look, "one two three four") == []
    delta, completed = talk.session.recognised(whole, "one two")
    assert (delta["delta"], completed["transcript"]) == ("one two", "one two")


def test_a_look_that_fails_is_of_no_consequence() -> None:
    talk, _ = listening("I see")
    talk.update(audio={"input": {"transcription": {"model": "t"}}})
    talk.say(LONG_TURN)
    look, _ = talk.session.take_recognitions()
    assert talk.session.not_recognised(look, "overloaded", "Too much.") == []


# Its own sound


def test_words_come_with_their_sound_piece_by_piece() -> None:
    talk = speaking("One two")
    talk.send("response.create")
    (wanted,) = talk.session.take_speaking()
    assert wanted.pieces == ("One", " two")
    assert talk.wait(1.0) == []

    first = talk.speak(wanted.response_id, "One")
    assert (words(first), heard_ms(first)) == ("One", 300 - 3.875)  # the filter's delay comes at the end
    assert talk.wait(1.0) == []
    second = talk.speak(wanted.response_id, " two")
    assert (words(second), heard_ms(first + second)) == (" two", 600)
    assert response_of(second)["status"] == "completed"


def test_sound_that_is_there_early_waits_for_the_pace() -> None:
    talk = speaking("One two")
    talk.send("response.create")
    (wanted,) = talk.session.take_speaking()
    assert talk.speak(wanted.response_id, "One") == []
    assert words(talk.wait(0.201)) == "One"


def test_a_sound_without_a_word_and_a_word_without_a_sound_are_no_empty_deltas() -> None:
    talk = speaking("Oh !")
    talk.send("response.create")
    (wanted,) = talk.session.take_speaking()
    talk.now += 1.0
    events = talk.speak(wanted.response_id, "Oh")
    events += talk.parsed(talk.session.spoken(wanted.response_id, b"", talk.now))
    assert words(events) == "Oh !"
    assert all(event["delta"] for event in of_type(events, AUDIO_DELTA))
    assert heard_ms(events) == 300


def test_a_cancelled_response_wants_no_more_sound() -> None:
    talk = speaking("One two", "Three")
    talk.send("response.create")
    (wanted,) = talk.session.take_speaking()
    talk.now += 1.0
    talk.speak(wanted.response_id, "One")
    response = response_of(talk.send("response.cancel"))
    assert response["output"][0]["content"][0]["transcript"] == "One"

    assert not talk.session.wants_sound(wanted.response_id)
    assert talk.speak(wanted.response_id, " two") == []
    assert types(talk.send("response.create"))[0] == "response.created"


def test_a_piece_that_cannot_be_said_ends_the_response_with_what_was_said() -> None:
    talk = Talk(WordVoice(), persona=ScriptedPersona("This is unspeakable really"))
    events = talk.send("response.create") + talk.wait(1.0)
    response = response_of(events)
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["message"] == "this cannot be said"


def test_the_sessions_speed_is_the_voices() -> None:
    voice = WordVoice()
    talk = Talk(voice, persona=ScriptedPersona("One two"))
    talk.update(audio={"output": {"speed": 1.5}})
    events = talk.send("response.create") + talk.wait(1.0)
    assert voice.speeds == {1.5}
    assert heard_ms(events) == 400


def test_a_persona_may_take_its_time() -> None:
    talk = Talk(WordVoice(), persona=ScriptedPersona(Answer("One", delay=1.5)))
    talk.send("response.create")
    assert talk.wait(1.49) == []
    assert words(talk.wait(0.02)) == "One"


# Its limits


@pytest.mark.parametrize(
    ("limit", "said"), [(1, ""), (14, "One two"), (15, "One two"), (4096, "One two three")]
)
def test_a_response_stops_before_it_exceeds_its_tokens(limit: int, said: str) -> None:
    talk = Talk(WordVoice(), persona=ScriptedPersona("One two three"))
    events = talk.send("response.create", response={"max_output_tokens": limit}) + talk.wait(1.0)

    response = response_of(events)
    assert words(events) == said
    assert response["usage"]["output_tokens"] <= limit
    if said == "One two three":
        assert response["status"] == "completed"
    else:
        assert response["status"] == "incomplete"
        assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert [item["status"] for item in response["output"]] == (["incomplete"] if said else [])


def test_a_call_counts_against_the_limit_too() -> None:
    call = ToolCall("weather", '{"city": "a city of many letters"}')
    talk = Talk(WordVoice(), persona=ScriptedPersona(Answer(calls=(call,))))
    talk.update(tools=[function("weather")])
    events = talk.send("response.create", response={"max_output_tokens": 5}) + talk.wait(1.0)
    assert response_of(events)["status"] == "incomplete"
    assert response_of(events)["output"][0]["status"] == "incomplete"


def test_an_endless_answer_is_cut_even_without_a_limit() -> None:
    talk = Talk(WordVoice(), persona=ScriptedPersona("x" * 1_000_000))
    talk.update(output_modalities=["text"])
    events = talk.send("response.create") + talk.wait(10.0)
    response = response_of(events)
    assert response["status"] == "incomplete"
    assert response["usage"]["output_tokens"] <= 4096


# The idle timeout


def idling(voice: RecordedVoice, persona: ScriptedPersona) -> Talk:
    talk = Talk(voice, persona=persona)
    talk.turn_detection({"type": "server_vad", "idle_timeout_ms": 5000})
    return talk


def quiet(ms: int) -> bytes:
    return MULAW_SILENCE * (8 * ms)


TIMED_OUT = [
    "input_audio_buffer.timeout_triggered",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
]


def test_a_caller_who_stays_silent_is_spoken_to_again(voice: RecordedVoice) -> None:
    persona = ScriptedPersona(voice.texts["hello"], "And the second", "And the second")
    talk = idling(voice, persona)
    talk.send("response.create")
    events = talk.say(quiet(6200))  # 0.3 s until it is said, 1 s until it is heard, 5 s of silence
    assert of_type(events, "input_audio_buffer.timeout_triggered") == []
    events = talk.say(quiet(200))

    assert types(events)[: len(TIMED_OUT)] == TIMED_OUT
    timeout, committed, added, _ = events[:4]
    assert timeout["audio_start_ms"] == 0
    assert timeout["audio_end_ms"] == pytest.approx(6300, abs=40)
    assert timeout["item_id"] == committed["item_id"] == added["item"]["id"]
    assert [turn.kind for turn in persona.turns] == ["nothing", "silence"]

    again = talk.say(quiet(6500))
    (second,) = of_type(again, "input_audio_buffer.timeout_triggered")
    assert second["audio_start_ms"] == timeout["audio_end_ms"]


def test_a_caller_who_speaks_is_not_idle(voice: RecordedVoice) -> None:
    talk = idling(voice, ScriptedPersona(voice.texts["hello"], "And the second"))
    talk.send("response.create")
    talk.turn_detection({"type": "server_vad", "idle_timeout_ms": 5000, "create_response": False})
    events = talk.say(quiet(3000) + FIRST_UTTERANCE + quiet(6000))
    assert len(of_type(events, "input_audio_buffer.committed")) == 1
    assert of_type(events, "input_audio_buffer.timeout_triggered") == []


def test_nobody_is_idle_before_the_first_answer_or_without_the_setting(voice: RecordedVoice) -> None:
    talk = idling(voice, ScriptedPersona(voice.texts["hello"]))
    assert talk.say(quiet(7000)) == []
    talk.turn_detection({"type": "server_vad", "idle_timeout_ms": None})
    talk.send("response.create")
    assert of_type(talk.say(quiet(8000)), "input_audio_buffer.timeout_triggered") == []


def test_silence_counts_from_when_the_client_asked_for_that(voice: RecordedVoice) -> None:
    talk = Talk(voice, persona=ScriptedPersona(voice.texts["hello"], "And the second"))
    talk.send("response.create")
    talk.say(quiet(9000))
    talk.turn_detection({"type": "server_vad", "idle_timeout_ms": 5000})
    assert of_type(talk.say(quiet(4900)), "input_audio_buffer.timeout_triggered") == []
    assert of_type(talk.say(quiet(200)), "input_audio_buffer.timeout_triggered") != []


def test_nobody_is_idle_whose_speech_is_still_to_be_heard(voice: RecordedVoice) -> None:
    talk = idling(voice, ScriptedPersona(voice.texts["hello"], "And the second"))
    talk.send("response.create")
    talk.say(quiet(6200))
    talk.now += 1.0
    events = talk.append(quiet(1500) + FIRST_UTTERANCE) + talk.wait(0.0)
    assert types(events)[0] == "input_audio_buffer.speech_started"
