import pytest

from gateway.local_realtime.personas.facts import Guide, quoted_request, read_guide
from gateway.local_realtime.personas.words import words_of

SHOP = """You are Anna Bell, and you answer the telephone.
# Shop
- Opening hours: every day, from eight to eight
* **Delivery**: It takes two to three days and costs five dollars.
Delivery abroad: by ship
Returns: You can return anything within 30 days.
Address: 12 High Street, next to the station
Tone: be kind
When to escalate: danger
Exit when: a goal is stated
User: hello
This is no fact because its topic is far too long: really
Payment methods: cards
"""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("What are your opening hours?", "We are open every day, from eight to eight."),
        ("When do you close?", "We are open every day, from eight to eight."),
        ("Are you open on Saturday?", "We are open every day, from eight to eight."),
        ("How much does shipping cost?", "It takes two to three days and costs five dollars."),
        ("Do you deliver?", "It takes two to three days and costs five dollars."),
        ("Do you deliver abroad?", "Delivery abroad: by ship."),
        ("How do I return my order?", "You can return anything within 30 days."),
        ("Can I get a refund?", "You can return anything within 30 days."),
        ("Where are you located?", "12 High Street, next to the station."),
        ("Can I pay by card?", "Payment methods: cards."),
    ],
)
def test_a_question_finds_its_fact(asked: str, told: str) -> None:
    fact = read_guide(SHOP).fact_for(words_of(asked))
    assert fact is not None
    assert fact.spoken() == told


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "Be kind",
        "hello",
        "When will you escalate?",
        "exit",
        "What is the order number?",
        "What is the capital of France?",
    ],
)
def test_other_questions_find_none(asked: str) -> None:
    assert read_guide(SHOP).fact_for(words_of(asked)) is None


def test_without_instructions_the_usual_hours_are_known() -> None:
    assert Guide().hours().spoken() == "We are open Monday to Friday, from nine to five."
    assert read_guide("Hours: We are always open.").hours().spoken() == "We are always open."


@pytest.mark.parametrize(
    ("instructions", "name", "greeting", "number_length"),
    [
        ("", "", "", None),
        ("You are speaking with a caller. You are a helpful assistant.", "", "", None),
        ("You are the order desk of Acme. Be kind.", "the order desk of Acme", "", None),
        ("You are Anna Bell, and kind.", "Anna Bell", "", None),
        ("Company: Acme\nName: Anna", "Acme", "", None),
        ("Name: Anna.", "Anna", "", None),
        ("Greeting: Good day!", "", "Good day!", None),
        ('Greeting: "Good day"', "", "Good day", None),
        ('Greet the caller with "Welcome." Then wait.', "", "Welcome.", None),
        ("Be kind.\nSay \u201cHello you\u201d.", "", "Hello you", None),
        ('If they are angry, say "calm down".', "", "", None),
        ('Be kind.\n# Escalation\nWhen to escalate: danger\nSay: "I am connecting you."', "", "", None),
        ("Order numbers have six digits.", "", "", 6),
        ("An order number is a 5-digit number.", "", "", 5),
        ("The code has 99 digits or many digits.", "", "", None),
    ],
)
def test_instructions_tell_who_answers_and_how(
    instructions: str, name: str, greeting: str, number_length: int | None
) -> None:
    guide = read_guide(instructions)
    assert (guide.name, guide.greeting, guide.number_length) == (name, greeting, number_length)


@pytest.mark.parametrize(
    ("request_text", "literal"),
    [
        ('Say "Your taxi is here."', "Your taxi is here."),
        ("Greet the caller by saying: \u201cGood day\u201d", "Good day"),
        ('Please repeat exactly "one two"', "one two"),
        ('If they are angry, say "calm down"', ""),
        ("Say hello", ""),
        ('A "word"', ""),
    ],
)
def test_a_quotation_in_a_request_is_found(request_text: str, literal: str) -> None:
    assert quoted_request(request_text) == literal


def test_a_hundred_facts_are_enough() -> None:
    assert len(read_guide("\n".join(f"Topic {chr(97 + i % 26)} x: y" for i in range(1000))).facts) == 100
