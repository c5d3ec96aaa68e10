"""An order desk that takes over a conversation, and one that is told what to say."""

import json

import pytest

from gateway.local_realtime.personas import OrderDesk, phrases
from gateway.realtime.resumption import ANSWER_WAS_CUT, LINE_WAS_LOST
from tests.local_realtime.personas.phone import ORDERS, Phone

TOLD = "Order 4 7 1 2 has been shipped with DHL and should arrive on Thursday, November 26. Is there anything else?"


def assistant(phone: Phone, text: str) -> None:
    phone.add_message("assistant", {"type": "output_text", "text": text})


def restored(heard: str) -> Phone:
    """A conversation that was lost in the middle of its last answer."""
    phone = Phone()
    assistant(phone, "Hello, this is the order desk. How can I help you?")
    phone.add_message("user", {"type": "input_text", "text": "Where is order 4712?"})
    assistant(phone, "Order 4 7 1 2. Let me look that up.")
    phone.add_call("order_status", '{"order_number": "4712"}', json.dumps(ORDERS["4712"]))
    assistant(phone, heard)
    return phone


@pytest.mark.parametrize("n_words", range(1, len(TOLD.split()) - 4))
def test_an_answer_that_was_cut_is_gone_on_with(n_words: int) -> None:
    words = TOLD.split()
    phone = restored(" ".join(words[:n_words]))
    assert phone.note(ANSWER_WAS_CUT) == " ".join(words[n_words:])
    assert phone.calls == []


def test_a_greeting_that_was_cut_is_gone_on_with() -> None:
    phone = Phone()
    assistant(phone, "Hello, this is")
    assert phone.note(ANSWER_WAS_CUT) == "the order desk. How can I help you?"


def test_an_answer_heard_in_other_words_ends_with_the_question() -> None:
    phone = restored(TOLD.replace("Is there anything", "Anything"))
    assert phone.note(ANSWER_WAS_CUT) == "Is there anything else?"
    assert restored(TOLD).note(ANSWER_WAS_CUT) == "Is there anything else?"


def test_words_that_are_not_its_own_are_answered_whole() -> None:
    assert restored("Bonjour madame").note(ANSWER_WAS_CUT) == TOLD


def test_a_lookup_that_was_about_to_be_made_is_made() -> None:
    phone = Phone()
    phone.add_message("user", {"type": "input_text", "text": "Where is order 4712?"})
    assistant(phone, "Order 4 7")
    assert phone.note(ANSWER_WAS_CUT).startswith("1 2. One moment, please. Order 4 7 1 2 has been shipped")
    assert phone.calls == [("order_status", {"order_number": "4712"})]


def test_words_that_were_lost_are_asked_for_and_the_question_stays_open() -> None:
    phone = Phone()
    phone.pick_up()
    phone.say("Where is my order?")
    phone.persona = OrderDesk()
    assert phone.note(LINE_WAS_LOST) == phrases.LINE_WAS_BAD
    assert phone.say("No.") == phrases.LOOK_NUMBER_UP


def test_a_fresh_one_knows_where_the_conversation_stands() -> None:
    phone = Phone()
    answers = []
    for words in ("Where is my order?", "four seven", "won too", "9991", "9992", "9993", "Yes.", "Goodbye."):
        phone.persona = OrderDesk()
        answers.append(phone.say(words))
    assert "Order 4 7 1 2 has been shipped" in answers[2]
    assert phrases.OFFER_PERSON in answers[5]
    assert answers[6] == phrases.PUT_THROUGH


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ('Say exactly "Your taxi is here."', "Your taxi is here."),
        ("Greet the caller.", "Hello, this is the order desk. How can I help you?"),
        ("Say goodbye to the caller", phrases.GOODBYE[1]),
        ("Ask whether there is anything else.", "Is there anything else?"),
        ("Ask the caller for their order number.", phrases.WHAT_NUMBER),
        ("Ask them to say that again.", phrases.NOT_CAUGHT[0]),
        ("Repeat what you said.", "Hello, this is the order desk. How can I help you?"),
        ("The connection was lost. Ask the caller to say it again.", phrases.LINE_WAS_BAD),
        ("Be kind.", "We are open Monday to Friday, from nine to five. Is there anything else?"),
        (
            "Be kind. " * 50 + "Greet.",
            "We are open Monday to Friday, from nine to five. Is there anything else?",
        ),
    ],
)
@pytest.mark.parametrize("by_system_message", [True, False])
def test_a_request_is_obeyed_as_far_as_it_is_understood(
    request_text: str, answer: str, by_system_message: bool
) -> None:
    phone = Phone(client={})
    phone.pick_up()
    phone.add_message("user", {"type": "input_text", "text": "When are you open?"})
    if by_system_message:
        assert phone.note(request_text).replace("Anything", "Is there anything") == answer
    else:
        assert phone.ask(request_text).replace("Anything", "Is there anything") == answer
