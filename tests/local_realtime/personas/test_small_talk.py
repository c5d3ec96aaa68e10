"""What is said at an order desk besides orders."""

import pytest

from gateway.local_realtime.personas import phrases
from tests.local_realtime.personas.phone import HANG_UP, LOOKUP, SHIPPED, asked_for_number, greeted

ABILITIES = "I can tell you the status of an order or our opening hours, or put you through to a person."


@pytest.mark.parametrize(
    "said",
    [
        "Pardon?",
        "Can you repeat that?",
        "What did you say?",
        "Say that again, please.",
        "Sorry?",
        "I didn't catch that",
    ],
)
@pytest.mark.parametrize("is_cut", [True, False])
def test_it_repeats_what_it_said_last_heard_or_not(said: str, is_cut: bool) -> None:
    phone = asked_for_number()
    phone.say("4712")
    if is_cut:
        phone.cut_off()
    assert phone.say(said) == f"{SHIPPED} Anything else?"


@pytest.mark.parametrize(
    "said",
    [
        "I want to speak to a person.",
        "Human.",
        "Agent!",
        "Operator, please",
        "Can I talk to a representative?",
        "put me through to someone",
        "I'd like to speak with a real person please",
        "no, transfer me",
    ],
)
def test_a_person_is_put_through_to_where_that_is_possible(said: str) -> None:
    phone = greeted()
    assert phone.say(said) == phrases.PUT_THROUGH
    assert [name for name, _ in phone.calls] == ["transfer_call"]
    honest = greeted(tools=(LOOKUP, HANG_UP))
    assert honest.say(said) == phrases.CANNOT_TRANSFER
    assert honest.calls == []


@pytest.mark.parametrize(
    "said",
    [
        "Goodbye.",
        "Bye bye",
        "That's all, thanks.",
        "No thanks, bye.",
        "Thank you, goodbye!",
        "I'm done",
        "hang up",
    ],
)
def test_a_goodbye_is_said_and_the_call_ended(said: str) -> None:
    phone = greeted()
    assert phone.say(said) in phrases.GOODBYE
    assert phone.calls == [("hang_up", {})]
    without = greeted(tools=())
    assert without.say(said) in phrases.GOODBYE


def test_nothing_is_said_after_the_call_was_ended() -> None:
    phone = greeted(client={"hang_up": lambda _: {"ok": True}})
    assert phone.say("Goodbye.") in phrases.GOODBYE
    assert len(phone.said) == 2


@pytest.mark.parametrize("said", ["No.", "No, thank you.", "Nope", "Not really."])
def test_nothing_else_ends_the_call(said: str) -> None:
    phone = greeted()
    phone.say("When are you open?")
    assert phone.say(said) in phrases.GOODBYE


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ("Thank you.", phrases.WELCOME),
        ("Okay.", phrases.ANYTHING_ELSE),
        ("Great!", phrases.ANYTHING_ELSE),
        ("Yes.", phrases.HOW_CAN_I_HELP),
        ("Yes, I have another order.", phrases.ASK_NUMBER),
        ("Wait a second.", phrases.TAKE_YOUR_TIME),
        ("Stop.", (phrases.STOPPED,)),
        ("Never mind", (phrases.STOPPED,)),
        ("Who are you?", (phrases.WHO,)),
        ("Are you a robot?", (phrases.WHO,)),
        ("am I talking to a human", (phrases.WHO,)),
        ("Help!", (f"{ABILITIES} What would you like?",)),
        ("What can you do?", (f"{ABILITIES} What would you like?",)),
        ("I want to cancel my order.", (f"{phrases.CANNOT_CHANGE} {phrases.OFFER_PERSON}",)),
        ("I'd like to order something", (f"{phrases.CANNOT_CHANGE} {phrases.OFFER_PERSON}",)),
    ],
)
def test_small_talk_is_answered(said: str, answers: tuple[str, ...]) -> None:
    phone = greeted()
    phone.say("When are you open?")
    assert phone.say(said) in answers


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Yes.", phrases.PUT_THROUGH),
        ("Okay", phrases.PUT_THROUGH),
        ("No.", "All right. Is there anything else?"),
    ],
)
def test_the_offer_of_a_person_is_taken_or_not(said: str, answer: str) -> None:
    phone = greeted()
    phone.say("Cancel my order.")
    assert phone.say(said) == answer


def test_no_and_yes_out_of_the_blue_ask_what_is_wanted() -> None:
    phone = greeted()
    assert phone.say("Yes.") in phrases.HOW_CAN_I_HELP
    assert phone.say("No.") == phrases.STOPPED


@pytest.mark.parametrize(
    "said",
    [
        "What are your opening hours?",
        "Are you open on Saturday?",
        "When do you close?",
        "are you open 24/7 in 2026",
    ],
)
def test_opening_hours_are_known(said: str) -> None:
    phone = greeted(instructions="Opening hours: every day, from eight to eight")
    assert phone.say(said).startswith("We are open every day, from eight to eight.")
    assert phone.say("And on Sunday?").startswith("We are open every day")
    assert greeted().say(said).startswith("We are open Monday to Friday, from nine to five.")


def test_facts_of_the_instructions_are_told() -> None:
    phone = greeted(instructions="Returns: You can return anything within 30 days.")
    assert phone.say("How do I return my order?").startswith("You can return anything within 30 days.")
    assert phone.say("Where is my order?") in phrases.ASK_NUMBER


def test_what_was_not_caught_is_asked_for_again_and_then_help_offered() -> None:
    phone = greeted()
    assert phone.say("") == phrases.NOT_CAUGHT[0]
    phone.cut_off()
    assert phone.say("") == f"Sorry, I still did not catch that. {ABILITIES}"
    assert phone.say("The juice of lemons.") == f"Sorry, I did not understand that. {ABILITIES}"
    assert phone.say("When do you open?").startswith("We are open")
    assert phone.say("The juice of lemons.") == phrases.NOT_UNDERSTOOD


def test_a_number_that_was_not_caught_is_asked_for_again() -> None:
    phone = asked_for_number()
    assert phone.say("") == phrases.NUMBER_NOT_CAUGHT[0]
    assert phone.say("") == phrases.NUMBER_NOT_CAUGHT[1]
    assert phone.say("") == f"Sorry, I still did not catch that. {ABILITIES}"
    assert SHIPPED in phone.say("forty seven twelve")
    again = asked_for_number()
    assert again.say("lemons") == phrases.NUMBER_NOT_UNDERSTOOD
    assert again.say("lemons") == f"Sorry, I did not understand that. {ABILITIES}"


def test_silence_is_asked_about_once_and_then_ends_the_call() -> None:
    phone = asked_for_number()
    assert phone.be_silent() == phrases.STILL_THERE
    assert phone.say("Yes, I'm here.") == "Please tell me the order number."
    assert phone.be_silent() == phrases.STILL_THERE
    phone.cut_off()
    assert phone.be_silent() == phrases.GOODBYE_NOBODY
    assert phone.calls == [("hang_up", {})]


@pytest.mark.parametrize(
    "said",
    [
        "Please don't hang up.",
        "Why did you hang up on me?",
        "I said goodbye to that money already.",
        "I don't want to say goodbye yet.",
        "I'm not all set",
        "No, not yet.",
        "nothing works",
    ],
)
def test_a_goodbye_that_is_not_meant_ends_nothing(said: str) -> None:
    phone = greeted()
    phone.say("When are you open?")
    assert phone.say(said) not in phrases.GOODBYE
    assert phone.calls == []


@pytest.mark.parametrize(
    "said", ["I'm good.", "Have a good one!", "Thank you, take care.", "Nothing, thanks."]
)
def test_polite_ways_to_have_nothing_else_end_the_call(said: str) -> None:
    phone = greeted()
    phone.say("When are you open?")
    assert phone.say(said) in phrases.GOODBYE
    assert phone.calls == [("hang_up", {})]


def test_no_twice_ends_the_call() -> None:
    phone = greeted()
    assert phone.say("No.") == phrases.STOPPED
    assert phone.say("No.") in phrases.GOODBYE


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hmm.", phrases.TAKE_YOUR_TIME[0]),
        ("Oh, oh, oh.", phrases.TAKE_YOUR_TIME[0]),
        ("Please don't hang up.", phrases.TAKE_YOUR_TIME[1]),
        ("How are you?", "Fine, thank you. How can I help you?"),
        ("Do you speak Spanish?", phrases.ENGLISH_ONLY),
        ("No hablo ingl\u00e9s", phrases.ENGLISH_ONLY),
        ("What time is it?", phrases.NOT_UNDERSTOOD),
        ("A person signed for it", phrases.NOT_UNDERSTOOD),
    ],
)
def test_what_sounds_like_something_else_is_told_from_it(said: str, answer: str) -> None:
    assert greeted().say(said) == answer


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("When are you open, and where is my order?", "Sure. What is your order number?"),
        ("What are your hours and can I speak to a person?", phrases.PUT_THROUGH),
    ],
)
def test_opening_hours_asked_for_along_with_something_are_told_too(said: str, rest: str) -> None:
    assert greeted().say(said) == f"We are open Monday to Friday, from nine to five. {rest}"
