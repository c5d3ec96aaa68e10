import pytest

from gateway.local_realtime import EchoPersona, Turn
from gateway.local_realtime.persona import TurnKind


@pytest.mark.parametrize(
    ("kind", "text", "answer"),
    [
        ("nothing", "", "Hello. Say something, and I will say it back to you."),
        ("speech", " Four seven. ", "You said: Four seven."),
        ("text", "hi", "You said: hi"),
        ("speech", "", "I heard you, but not the words."),
        ("silence", "", "I hear nothing."),
        ("tool", "15 degrees", "The tool answered: 15 degrees"),
    ],
)
def test_it_says_back_what_it_heard(kind: TurnKind, text: str, answer: str) -> None:
    assert EchoPersona().answer(Turn(kind, text, "")) == answer
