"""Conversations with the order desk, as a small recogniser writes them down."""

import pytest

from gateway.local_realtime.personas import phrases
from gateway.local_realtime.tools import OfferedTool
from tests.local_realtime.personas.phone import (
    LOOKUP,
    ORDERS,
    SHIPPED,
    TRANSFER,
    Phone,
    asked_for_number,
    greeted,
)

LOOKED_UP = ("order_status", {"order_number": "4712"})
WEATHER = OfferedTool(
    "get_weather",
    "The current weather of a city.",
    {
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
)


def test_it_greets_first() -> None:
    assert Phone().pick_up() == "Hello, this is the order desk. How can I help you?"


@pytest.mark.parametrize(
    ("instructions", "greeting"),
    [
        ("Company: Acme", "Hello, this is Acme. How can I help you?"),
        ("You are the order desk of Acme.", "Hello, this is the order desk of Acme. How can I help you?"),
        ('Greet the caller with "Welcome to Acme."', "Welcome to Acme."),
        ("Greeting: Good day!", "Good day!"),
    ],
)
def test_it_greets_as_its_instructions_say(instructions: str, greeting: str) -> None:
    assert Phone(instructions=instructions).pick_up() == greeting


def test_a_greeting_is_answered() -> None:
    phone = Phone()
    assert phone.say("Hello?") == "Hello, this is the order desk. How can I help you?"
    assert phone.say("Hi.") == "Hello. How can I help you?"
    assert phone.say("Can you hear me?") == "Yes, I am here. How can I help you?"


@pytest.mark.parametrize(
    "said",
    [
        "What's the status of my order?",
        "what's the status of my older",
        "What's the status of my odor?",
        "Um, I want to know the states of my order.",
        "Where is my package?",
        "wheres my parcel",
        "When will my order arrive?",
        "I'd like to track a shipment.",
        "Hello, I have a question about an order.",
        "Has my order been sent?",
        "Can you look up my order?",
        "I'm calling about my order.",
        "My stuff hasn't arrived.",
        "Order status.",
        "I have another order",
    ],
)
def test_a_question_after_an_order_asks_for_its_number(said: str) -> None:
    phone = greeted()
    assert phone.say(said) in phrases.ASK_NUMBER
    assert phone.calls == []


@pytest.mark.parametrize(
    "said",
    [
        "Four seven one two.",
        "4712.",
        "4-7-1-2.",
        "47 12",
        "for seven one two",
        "four seven won too",
        "Forty seven twelve.",
        "Um, it's 4, 7, 1, 2.",
        "So it's four, uh, seven one two.",
        "Yes. The number is 4712, please.",
        "I think it was four seven one two",
        "Okay it says here 4712",
    ],
)
def test_the_number_is_looked_up_read_back_and_told(said: str) -> None:
    phone = asked_for_number()
    assert phone.say(said) == f"Order 4 7 1 2. One moment, please. {SHIPPED} Anything else?"
    assert phone.calls == [LOOKED_UP]


@pytest.mark.parametrize(
    "said",
    [
        "What's the status of my older four seven one two?",
        "Where is order 4712?",
        "My order number is forty seven twelve.",
        "Hi, can you check on order number 4 7 1 2 please",
        "4712",
        "Is order 4712 open or closed?",
    ],
)
def test_a_number_in_the_question_is_enough(said: str) -> None:
    phone = greeted()
    assert SHIPPED in phone.say(said)
    assert phone.calls == [LOOKED_UP]


@pytest.mark.parametrize(
    "keyed",
    [
        ["4712"],
        ["4 7 1 2"],
        ["Keys pressed: 4712#"],
        ["4", "7", "1", "2"],
        ["47", "12#"],
        ["47", "4712"],
    ],
)
def test_keyed_numbers_are_understood(keyed: list[str]) -> None:
    phone = greeted()
    assert SHIPPED in [phone.key(keys) for keys in keyed][-1]
    assert phone.calls == [LOOKED_UP]


def test_digits_that_came_without_an_answer_between_are_put_together() -> None:
    phone = greeted()
    for key in "471":
        phone.add_message("user", {"type": "input_text", "text": key})
    assert SHIPPED in phone.key("2")


def test_a_number_said_in_parts_is_waited_for() -> None:
    phone = asked_for_number()
    assert phone.say("Four seven.") == "I have 4 7 so far. Please go on."
    assert phone.say("Okay.") == "I have 4 7 so far. Please go on."
    assert phone.say("") == phrases.NUMBER_NOT_CAUGHT[0]
    assert SHIPPED in phone.say("won too")


def test_a_part_that_the_caller_spoke_over_is_kept() -> None:
    phone = asked_for_number()
    phone.say("Four seven.")
    phone.cut_off()
    assert SHIPPED in phone.say("One two.")


@pytest.mark.parametrize("end", ["#", "That's it.", "4 7 1"])
def test_a_short_number_can_be_ended(end: str) -> None:
    phone = asked_for_number()
    phone.say("four seven one")
    assert "could not find order 4 7 1." in phone.say(end)


def test_a_number_that_was_begun_can_be_given_up() -> None:
    phone = asked_for_number()
    phone.say("four seven")
    assert phone.say("No, that's wrong.") == "All right. What is your order number?"
    assert SHIPPED in phone.say("4712")


def test_the_instructions_may_say_how_long_a_number_is() -> None:
    phone = greeted(instructions="Order numbers have six digits.")
    assert phone.say("four seven nine two") == "I have 4 7 9 2 so far. Please go on."
    phone.say("zero three")
    assert phone.calls == [("order_status", {"order_number": "479203"})]


def test_a_follow_up_is_looked_up_anew() -> None:
    phone = asked_for_number()
    phone.say("4712")
    assert "Order 5 0 2 0 is being prepared and should arrive on Friday." in phone.say(
        "What about order 5020?"
    )
    assert "Order 5 0 2 0 is being prepared" in phone.say("And when will it arrive?")
    assert "Order 1 2 0 0 was delivered by UPS yesterday." in phone.say("and one thousand two hundred")
    assert len(phone.calls) == 4


def test_a_number_corrected_is_looked_up_anew() -> None:
    phone = asked_for_number()
    phone.client = {"order_status": lambda arguments: {**ORDERS["4712"], **arguments}}
    phone.say("four seven one two")
    assert "Order 4 7 1 3 has been shipped" in phone.say("No, four seven one THREE.")
    assert "tell me the order number again" in phone.say("No, it's three.")


def test_an_order_that_is_not_found_is_asked_for_again_and_then_a_person_offered() -> None:
    phone = asked_for_number()
    assert phone.say("9991") == (
        "Order 9 9 9 1. One moment, please. I am sorry, I could not find order 9 9 9 1. "
        "Could you tell me the order number again?"
    )
    assert "could not find order 9 9 9 2" in phone.say("nine nine nine two")
    assert "Would you like to speak to a person?" in phone.say("triple nine three")
    assert phone.say("Yes, please.") == phrases.PUT_THROUGH
    assert phone.calls[-1] == ("transfer_call", {"reason": "The caller asked to speak to a person."})


def test_without_a_transfer_nobody_is_offered() -> None:
    phone = greeted(tools=(LOOKUP,))
    answers = [phone.say(number) for number in ("9991", "9992", "9993")]
    assert phrases.GIVE_UP_NUMBER in answers[-1]
    assert not any("person" in answer for answer in answers)


def test_a_found_order_ends_a_row_of_failures() -> None:
    phone = greeted()
    answers = [phone.say(number) for number in ("9991", "9992", "4712", "9993")]
    assert "could not find order 9 9 9 3" in answers[-1]


def test_a_caller_without_the_number_is_told_where_it_is() -> None:
    phone = asked_for_number()
    assert phone.say("I don't have it.") == phrases.LOOK_NUMBER_UP
    assert phone.say("Can you find it by my name?") == phrases.BY_NUMBER_ALONE
    phone = asked_for_number()
    assert phone.say("No.") == phrases.LOOK_NUMBER_UP
    assert phone.say("Yes.") == "Please tell me the order number."
    phone = asked_for_number()
    phone.say("I don't have it.")
    assert phone.say("No.") == "All right. Is there anything else?"


def test_without_a_lookup_it_says_that_it_cannot() -> None:
    phone = greeted(tools=())
    assert phone.say("What's the status of my order?") == phrases.CANNOT_LOOK_UP
    assert phone.say("4712") == phrases.CANNOT_LOOK_UP
    assert phone.say("Help") == "I can tell you our opening hours. What would you like?"


def test_an_impatient_caller_is_told_that_it_is_still_looking() -> None:
    phone = greeted(client={})
    phone.say("4712")
    assert phone.say("I said 4712!") == phrases.STILL_LOOKING
    assert phone.calls == [LOOKED_UP]


def test_an_output_that_was_not_told_is_told_when_the_caller_says_nothing_of_use() -> None:
    phone = greeted(client={})
    phone.say("4712")
    phone.add_call("order_status", "{}", '{"status": "shipped"}')
    assert phone.say("lemons") == "Your order has been shipped. Is there anything else?"


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ('{"error": "The tool failed."}', phrases.TRY_LATER),
        ("It left yesterday", "It left yesterday. Is there anything else?"),
        ("", phrases.TRY_LATER),
        ("Internal Server Error: timed out", phrases.TRY_LATER),
        ("<html><body>502</body></html>", phrases.TRY_LATER),
        ('{"status": "error", "message": "timed out"}', phrases.TRY_LATER),
        ('{"error": "no such table: orders"}', phrases.TRY_LATER),
        ('{"error": "host not found"}', phrases.TRY_LATER),
        (
            "{}",
            "I am sorry, I could not find order 4 7 1 2. Could you tell me the order number again?",
        ),
    ],
)
def test_other_outputs_of_a_lookup_are_told_too(output: str, answer: str) -> None:
    phone = greeted(client={"order_status": lambda _: output})
    assert phone.say("4712") == f"Order 4 7 1 2. Let me look that up. {answer}"


def test_outputs_of_the_transfer_are_told() -> None:
    phone = greeted(client={"transfer_call": lambda _: {"ok": True}})
    assert phone.say("Operator.") == f"{phrases.PUT_THROUGH} {phrases.CONNECTING}"
    phone.client = {"transfer_call": lambda _: {"error": "busy"}}
    assert phone.say("Operator.") == f"{phrases.PUT_THROUGH} {phrases.NOT_CONNECTED}"


def test_another_tool_is_called_when_it_is_clearly_asked_for() -> None:
    phone = greeted(tools=(LOOKUP, WEATHER), client={"get_weather": lambda _: {"temperature": 15}})
    assert "Temperature: 15." in phone.say("What's the weather in New York in Fahrenheit?")
    assert phone.calls == [("get_weather", {"city": "New York", "unit": "fahrenheit"})]
    phone.client = {"get_weather": lambda _: {"error": "no"}}
    assert "I am sorry, that did not work." in phone.say("The weather in Paris")


def test_another_tool_is_not_called_without_its_arguments() -> None:
    phone = greeted(tools=(WEATHER,))
    assert phone.say("What's the weather?") == phrases.NOT_UNDERSTOOD
    assert phone.calls == []


@pytest.mark.parametrize(
    ("required", "said", "called"),
    [
        (("order_status",), "4712", LOOKED_UP),
        (("order_status",), "hello", ("order_status", {"order_number": "unspecified"})),
        (
            ("transfer_call", "hang_up"),
            "hello",
            ("transfer_call", {"reason": "The client demands this call."}),
        ),
        (("transfer_call", "hang_up"), "goodbye", ("hang_up", {})),
        (("hang_up",), "4712", ("hang_up", {})),
    ],
)
def test_a_tool_that_must_be_called_is(required: tuple[str, ...], said: str, called: object) -> None:
    phone = Phone(required=required, client={})
    phone.say(said)
    assert phone.calls == [called]


def test_even_a_required_call_is_not_made_again_right_after_its_output() -> None:
    phone = Phone(required=("order_status",))
    assert SHIPPED in phone.say("4712")
    assert phone.calls == [LOOKED_UP]
    phone = Phone(required=("order_status", "hang_up"))
    assert SHIPPED in phone.say("4712")
    assert phone.calls == [LOOKED_UP, ("hang_up", {})]


def test_a_number_is_given_as_the_tool_wants_it() -> None:
    parameters = {
        "properties": {"id": {"type": "integer"}, "lang": {"enum": ["en", "de"]}},
        "required": ["id", "lang"],
    }
    phone = greeted(tools=(OfferedTool("find_order", "", parameters), TRANSFER), client={})
    phone.say("4712")
    assert phone.calls == [("find_order", {"id": 4712, "lang": "en"})]


def test_a_transfer_that_needs_a_place_goes_to_an_operator() -> None:
    names = ("destination", "summary", "urgency")
    parameters = {"properties": {name: {"type": "string"} for name in names}, "required": list(names)}
    phone = greeted(tools=(OfferedTool("handoff", "", parameters),), client={})
    phone.say("operator")
    ((_, arguments),) = phone.calls
    assert arguments == {
        "destination": "operator",
        "summary": "The caller asked to speak to a person.",
        "urgency": "unspecified",
    }


def test_a_lookup_that_failed_is_made_again_on_request() -> None:
    outputs = [{"error": "The tool took too long: it was given up after 5 s."}, ORDERS["4712"]]
    phone = greeted(client={"order_status": lambda _: outputs.pop(0)})
    assert phrases.TRY_LATER in phone.say("4712")
    assert SHIPPED in phone.say("Could you try again, please?")


def test_a_wrong_order_is_asked_for_again() -> None:
    phone = asked_for_number()
    phone.say("4712")
    assert phone.say("No, that's wrong.") == "I am sorry. Could you tell me the order number again?"


def test_a_goodbye_is_stronger_than_a_number_that_was_begun() -> None:
    phone = asked_for_number()
    phone.say("four seven")
    assert phone.say("Bye.") in phrases.GOODBYE


@pytest.mark.parametrize(
    "said", ["My phone number is 555 123 4567", "I ordered it in 2025", "It is from March 14th 2026"]
)
def test_other_numbers_are_not_looked_up(said: str) -> None:
    phone = asked_for_number()
    phone.say(said)
    assert phone.calls == []


def test_a_lone_zero_key_asks_for_the_operator() -> None:
    phone = greeted()
    assert phone.key("0") == phrases.PUT_THROUGH
    assert asked_for_number().key("0") == "I have 0 so far. Please go on."


@pytest.mark.parametrize("said", ["Is it coming tomorrow?", "Who carries it?", "Has it shipped?"])
def test_a_question_after_the_last_order_looks_it_up_anew(said: str) -> None:
    phone = greeted()
    phone.say("4712")
    assert SHIPPED in phone.say(said)
