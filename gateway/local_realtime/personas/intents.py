"""What a caller wants, by the phrases in it."""

from collections.abc import Sequence
from enum import Enum, auto

from gateway.local_realtime.personas.words import FILLERS, joined


class Intent(Enum):
    """One thing that callers want."""

    PERSON = auto()
    REPEAT = auto()
    ORDER_STATUS = auto()
    """Clearly the state of an order."""
    ORDER = auto()
    """Something about an order."""
    CHANGE_ORDER = auto()
    NO_NUMBER = auto()
    HOURS = auto()
    WHO = auto()
    HELP = auto()
    GOODBYE = auto()
    THANKS = auto()
    WAIT = auto()
    STOP = auto()
    YES = auto()
    FINE = auto()
    """Agrees, without having been asked."""
    NO = auto()
    GREETING = auto()
    AGAIN = auto()
    """Wants the last lookup made once more."""
    LANGUAGE = auto()
    """Speaks another language than English."""


_PHRASES: dict[Intent, tuple[str, ...]] = {
    Intent.PERSON: (
        "human", "operator", "representative", "real person", "a person", "some person", "an agent", "live agent",
        "agent please", "to someone", "to somebody", "speak to", "talk to", "talk with", "speak with", "put me through", "transfer me", "transfer my call", "connect me",
        "your manager", "a manager", "supervisor", "customer service", "customer support", "a colleague", "an advisor", "an employee",
    ),
    Intent.REPEAT: (
        "repeat", "say that again", "say it again", "say again", "tell me again", "tell me that again", "pardon",
        "come again", "once again", "once more", "one more time", "what did you say", "what was that",
        "what did you just say", "i didnt hear", "i didnt catch", "i didnt get", "i did not hear", "i did not catch",
        "couldnt hear", "i couldnt understand", "didnt understand you", "say what",
    ),
    Intent.ORDER_STATUS: (
        "status", "statis", "track", "tracking", "where is my", "wheres my", "where are my", "where my order",
        "when will my", "when does my", "when is my", "when are my", "whens my", "has my", "have my", "is my order",
        "is my package", "is my parcel", "was my order", "look up my", "check my order", "check on my", "check an order",
        "check order", "look up an order", "look up order", "happening with my", "happened to my", "my order number is",
        "state of my", "states of my", "stage of my", "status of my", "where is it", "wheres it", "when will it",
        "when does it", "when is it", "will it arrive", "hasnt arrived", "not arrived", "did my", "did it ship", "has it shipped",
        "is it coming", "who carries", "who delivers", "never received", "never arrived", "never came",
    ),
    Intent.ORDER: (
        "order", "orders", "older", "odor", "oda", "oder", "border", "auder", "parcel", "package", "shipment",
        "my delivery", "my stuff", "my thing", "purchase", "my item", "my items",
    ),
    Intent.CHANGE_ORDER: (
        "cancel my", "cancel the order", "cancel an order", "cancel order", "cancel it", "change my order",
        "change the order", "change an order", "place an order", "place a new order", "make an order", "new order",
        "to buy", "order something", "to order a", "to order some", "order a", "change my address", "return my", "return an",
        "return the", "return it", "send it back", "send back", "refund", "exchange", "buy something", "to order", "reorder",
    ),
    Intent.NO_NUMBER: (
        "dont have", "do not have", "havent got", "dont know", "do not know", "dont remember", "cant find", "lost it",
        "lost the number", "no idea", "not sure", "where do i find", "where can i find", "cannot find", "forgot",
        "without a number", "no number", "have no number", "what number", "which number", "by my name", "by name",
        "my name is", "phone number", "zip code", "email address",
    ),
    Intent.HOURS: (
        "open", "opening", "opened", "hours", "close", "closed", "closing", "shut", "business hours",
        "opening times", "office hours", "what time", "24 7",
    ),
    Intent.WHO: (
        "who are you", "whos this", "who is this", "who am i speaking", "who am i talking", "a robot", "a bot", "a machine",
        "are you real", "are you human", "are you a human", "are you a person", "are you a real person", "your name",
        "a computer", "what are you", "artificial intelligence", "an ai", "language model", "am i talking to",
    ),
    Intent.HELP: (
        "help", "what can you do", "what can i do", "what can i ask", "what can i say", "what do you do", "options",
        "how does this work", "what else can you", "can you do",
    ),
    Intent.GOODBYE: (
        "goodbye", "good bye", "bye", "bye bye", "thats all", "that is all", "thatll be all", "that will be all",
        "that was all", "thats it", "that is it", "nothing else", "no more questions", "hang up", "im done", "i am done",
        "were done", "have a nice day", "have a good day", "have a great day", "good night", "see you", "cheerio", "farewell",
        "all set", "have a good one", "take care", "talk to you later",
    ),
    Intent.THANKS: ("thank you", "thanks", "thank", "cheers", "much appreciated", "appreciate it", "thankyou"),
    Intent.WAIT: (
        "wait", "hold on", "hang on", "one moment", "just a moment", "a moment", "one second", "a second", "one minute",
        "a minute", "just a sec", "one sec", "hold the line", "bear with me", "let me check", "let me look", "let me see", "dont hang up", "do not hang up",
    ),
    Intent.STOP: ("stop", "cancel", "never mind", "nevermind", "forget it", "be quiet", "shut up", "enough"),
    Intent.YES: (
        "yes", "yeah", "yep", "yup", "sure", "of course", "certainly", "absolutely", "correct", "thats right", "i do",
        "please do", "exactly", "go ahead", "i would", "id like that", "yes please", "definitely",
    ),
    Intent.NO: ("no", "nope", "nah", "not really", "no thanks", "no thank you", "wrong", "incorrect", "not now"),
    Intent.GREETING: (
        "hello", "hi", "hey", "good morning", "good afternoon", "good evening", "hallo", "greetings", "anybody there",
        "anyone there", "are you there", "can you hear me", "how are you", "are you still there",
    ),
    Intent.AGAIN: ("try again", "try it again", "try that again", "try once more", "try one more time", "check again", "look again", "check it again", "pry again"),
    Intent.LANGUAGE: (
        "hola", "habla", "hablo", "español", "espanol", "spanish", "french", "german", "chinese", "another language", "other language",
        "other languages", "bonjour", "guten tag",
    ),
}  # fmt: skip

_WHOLE: dict[Intent, tuple[str, ...]] = {
    Intent.REPEAT: (
        "what",
        "sorry",
        "excuse me",
        "huh",
        "again",
        "im sorry",
        "sorry what",
        "what sorry",
        "say",
        "go on",
        "continue",
        "keep going",
    ),
    Intent.PERSON: ("agent", "person", "people", "manager"),
    Intent.YES: ("please",),
    Intent.FINE: (
        "okay",
        "ok",
        "right",
        "fine",
        "all right",
        "alright",
        "good",
        "great",
        "perfect",
        "i see",
        "excellent",
        "mm hmm",
        "mhm",
        "uh huh",
    ),
    Intent.NO: (
        "nothing",
        "nothing thanks",
        "nothing thank you",
        "im good",
        "im fine",
        "im okay",
        "all good",
    ),
    Intent.HELP: ("can you help me", "menu"),
    Intent.GOODBYE: ("by", "buy", "good buy", "by by", "bye then", "done"),
    Intent.ORDER: ("number",),
}
"""What only means that if nothing else is said."""

_FALSE = (
    " in order to ", " no one ", " no problem ", " out of order ", " open an account ", " what time is it ",
    " hang up on ", " you hang up ", " say goodbye to ", " said goodbye ", " say goodbye yet ",
    " want to say goodbye ", " not all set ", " is it all set ", " all set for ",
    " spoke to someone ", " spoke to somebody ", " talked to someone ", " a person signed ", " spoke to a person ",
)  # fmt: skip
"""What looks like an intent and is none."""


def intents_of(words: Sequence[str]) -> frozenset[Intent]:
    """Find what a sentence may want; several, or none."""
    text = joined(words)
    for phrase in _FALSE:
        text = text.replace(phrase, " ")
    found = {
        intent for intent, phrases in _PHRASES.items() if any(f" {phrase} " in text for phrase in phrases)
    }
    rest = " ".join(word for word in words if word not in FILLERS) or " ".join(words)
    found |= {intent for intent, phrases in _WHOLE.items() if rest in phrases}
    if Intent.WHO in found:
        found.discard(Intent.PERSON)  # "are you a person"
    if Intent.WAIT in found:
        found.discard(Intent.GOODBYE)  # "don't hang up"
    return frozenset(found)
