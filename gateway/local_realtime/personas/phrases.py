"""What an order desk says, and how it recognises its own words in a conversation that was restored."""

import re
from collections.abc import Sequence
from enum import Enum, auto

from gateway.local_realtime.personas.words import read_out


class Question(Enum):
    """What the caller was last asked."""

    NUMBER = auto()
    MORE = auto()
    """Whether there is anything else."""
    PERSON = auto()
    """Whether to be put through to a person."""


ANYTHING_ELSE = ("Is there anything else?", "Anything else?")
WHAT_NUMBER = "What is your order number?"
ASK_NUMBER = (f"Sure. {WHAT_NUMBER}", "Which order is it? Please tell me the order number.")
ASK_NUMBER_AGAIN = ("Could you tell me the order number again?", "Please tell me the order number once more.")
OFFER_PERSON = "Would you like to speak to a person?"
NOT_CAUGHT = ("Sorry, I did not catch that. Could you say it again?",)
NUMBER_NOT_CAUGHT = (
    "Sorry, I did not catch that. Please say the order number again.",
    "Sorry, I still did not catch that. Please say the order number digit by digit, or use the keys.",
)
NOT_UNDERSTOOD = "Sorry, I did not understand that. Could you put it another way?"
NUMBER_NOT_UNDERSTOOD = "Sorry, I did not understand that. Please tell me the order number."
STILL_THERE = "Are you still there?"
LINE_WAS_BAD = "Sorry, the line was bad for a moment. Could you say that again, please?"
TAKE_YOUR_TIME = ("Take your time.", "Of course, I will wait.")
ONE_MOMENT = ("One moment, please.", "Let me look that up.")
STILL_LOOKING = "I am still looking that up. One moment, please."
LOOK_NUMBER_UP = (
    "You will find it in your order confirmation. When you have it, please tell me the order number."
)
PUT_THROUGH = "I will put you through."
CONNECTING = "You are being connected."
NOT_CONNECTED = "I am sorry, I could not put you through. Is there anything else?"
CANNOT_TRANSFER = (
    "I am sorry, I cannot put you through to a person from here. Is there anything else I can do?"
)
BY_NUMBER_ALONE = "I can find an order by its number alone. Please tell me the order number."
ENGLISH_ONLY = "I am sorry, I only understand English. How can I help you?"
CANNOT_LOOK_UP = "I am sorry, I cannot look up orders on this call. Is there anything else?"
CANNOT_CHANGE = "I am sorry, I can only tell you the status of an order, nothing more."
TRY_LATER = "I am sorry, I cannot look that up right now. Is there anything else?"
GIVE_UP_NUMBER = (
    "I am sorry, I could not find any of these. Please check your confirmation. Is there anything else?"
)
GOODBYE = ("Thank you for calling. Goodbye.", "Goodbye, and thank you for calling.")
GOODBYE_NOBODY = "I cannot hear you any more. Goodbye."
WELCOME = ("You are welcome. Anything else?", "My pleasure. Is there anything else?")
HOW_CAN_I_HELP = ("How can I help you?", "What can I do for you?")
STOPPED = "All right. What else can I do for you?"
WHO = (
    "I am a small demonstration that answers by fixed rules. I am not a person, and there is no language model "
    "behind me. How can I help you?"
)

_SO_FAR = re.compile(r"I have ([0-9](?: [0-9]){0,19}) so far")
_NOT_CAUGHT_MARKS = ("did not catch that", "still did not catch", "did not understand")
_PASSING_MARKS = (*_NOT_CAUGHT_MARKS, "still there?", "line was bad", "take your time", "i will wait")


def so_far(digits: str) -> str:
    """Read back the beginning of a number and wait for the rest."""
    return f"I have {read_out(digits)} so far. Please go on."


def digits_so_far(text: str) -> str:
    """Find what `so_far` read back; empty if it was not that."""
    match = _SO_FAR.search(text)
    return match[1].replace(" ", "") if match else ""


def question_in(text: str) -> Question | None:
    """Find what a text of ours, or of the client's, asks the caller."""
    lowered = text.lower()
    if "speak to a person?" in lowered:
        return Question.PERSON
    if "order number" in lowered and ("?" in text or "please" in lowered):
        return Question.NUMBER
    if _SO_FAR.search(text):
        return Question.NUMBER
    return Question.MORE if "anything else" in lowered or text == STOPPED else None


def is_not_caught(text: str) -> bool:
    """Say whether a text tells the caller that they were not understood."""
    lowered = text.lower()
    return any(mark in lowered for mark in _NOT_CAUGHT_MARKS)


def is_still_there(text: str) -> bool:
    """Say whether a text asks if anybody is there."""
    return STILL_THERE in text


def is_passing(text: str) -> bool:
    """Say whether the question before this text is still open."""
    lowered = text.lower()
    return any(mark in lowered for mark in _PASSING_MARKS)


def varied(texts: Sequence[str], turn_number: int) -> str:
    """Choose one of several ways to say it, always the same for the same place in a conversation."""
    return texts[turn_number % len(texts)]
