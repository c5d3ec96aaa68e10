"""What the gateway asks a model to say word for word is said by every persona, and by nothing else's doing."""

import pytest

from gateway.agent_limits import PhrasesTable
from gateway.agents import MAX_GREETING
from gateway.local_realtime import Answer, EchoPersona, Persona, RecordedPersona, ScriptedPersona, Turn
from gateway.local_realtime.persona import Said
from gateway.local_realtime.personas import OrderDesk
from gateway.local_realtime.personas.literal import exact_words
from gateway.local_realtime.voice import RecordedVoice
from gateway.saying import in_these_words

PHRASES = (*PhrasesTable().model_dump().values(),)
LONG = "Wir machen jetzt Schluss, auf Wiederhören. " * 11


def requested(words: str, *, before: str = "Hello.", how: str | None = None) -> Turn:
    """A silent caller's turn, in which certain words shall be said."""
    request = in_these_words(words) if how is None else in_these_words(words, how=how)
    history = (Said("assistant", before),) if before else ()
    return Turn("nothing", "", "Be brief.", request=request, history=history)


def said(persona: Persona, turn: Turn) -> str:
    answer = persona.answer(turn)
    if isinstance(answer, Answer):
        assert answer.calls == ()
    return answer.text if isinstance(answer, Answer) else answer


def scripted() -> ScriptedPersona:
    return ScriptedPersona.from_text('[[turn]]\nsays = "One."\n[[turn]]\nsays = "Two."')


@pytest.mark.parametrize("persona", [OrderDesk, EchoPersona, scripted])
@pytest.mark.parametrize(
    "words", [*PHRASES, LONG, "“No,” it said: if nobody answers, say so!", "Two\nlines."]
)
def test_every_persona_says_the_words_as_they_stand(persona: type[Persona], words: str) -> None:
    assert said(persona(), requested(words)) == " ".join(words.split())


def test_quotation_marks_and_the_longest_greeting_come_through() -> None:
    greeting = 'This is the "Shop". ' * (MAX_GREETING // 20)
    turn = requested(greeting, before="", how="Greet the caller with exactly these words")

    assert said(OrderDesk(), turn) == greeting.replace('"', "'").strip()


def test_words_that_are_asked_for_use_up_no_turn_of_a_script() -> None:
    persona = scripted()

    assert said(persona, requested("Are you still there?")) == "Are you still there?"
    assert said(persona, Turn("speech", "yes", "")) == "One."


def test_recordings_say_goodbye_in_their_own_words_and_are_silent_where_they_have_none() -> None:
    texts = RecordedVoice().texts
    persona = RecordedPersona(texts)

    assert said(persona, requested(texts["answer_2"])) == texts["answer_2"]
    for goodbye in [phrase for phrase in PHRASES if "oodbye" in phrase]:
        assert said(persona, requested(goodbye, before="")) == texts["answer_6"]
    assert said(persona, requested("Are you still there?")) == ""
    assert said(persona, requested("Welcome to the shop.", before="")) == texts["hello"]
    assert said(persona, Turn("speech", "", "")) == texts["answer_1"]


@pytest.mark.parametrize(
    "request_", ["", "Say hello.", 'exactly these words: ""', 'exactly "these words"', "exactly these words: hello",
                 'Use exactly these words: "a" and go on.', 'exactly these words: "' + 5000 * "a" + '"']
)  # fmt: skip
def test_other_requests_are_none_of_that_kind(request_: str) -> None:
    assert exact_words(request_) == ""
