import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local_realtime.spoken_text import speakable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Order 482913 is here.", "Order 4 8 2 9 1 3 is here."),
        ("Order number 4829.", "Order number 4 8 2 9."),
        ("PIN 007, ZIP 02139", "PIN 0 0 7, ZIP 0 2 1 3 9"),
        ("1234567 12345678901", "1 2 3, 4 5 6 7 1 2 3, 4 5 6, 7 8 9, 0 1"),
        ("Order 1999 is from 1999.", "Order 1 9 9 9 is from 1999."),
        ("482-913", "4 8 2, 9 1 3"),
        ("Code AB12345 or A482", "Code A.B., 1 2 3 4 5 or ay, 4 8 2"),
        ("123456789012345678", "1 2 3, 4 5 6, 7 8 9, 0 1 2, 3 4 5, 6 7 8"),
    ],
)
def test_numbers_that_name_something_are_said_digit_by_digit(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize(
    "text",
    ["42 items", "3.5 percent", "$12.50", "1,234,567 people", "in 2025", "the 2000s", "25%", "the 21st",
     "MP3", "$1500", "£3.20", "-5 degrees", "1.2.3", "Mr. Smith", "AT&T", "twenty-one", "12am"],
)  # fmt: skip
def test_what_the_dictionary_says_well_is_left_alone(text: str) -> None:
    assert speakable(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9:30", "9 30"),
        ("9:00", "9 o'clock"),
        ("09:05", "9 oh 5"),
        ("13:00", "13 hundred"),
        ("2:30pm", "2 30 p.m."),
        ("9:00 A.M. sharp", "9 a.m. sharp"),
        ("March 14", "March 14th"),
        ("Jan. 3 to Sept 22", "January 3rd to September 22nd"),
        ("March 11, 2025", "March 11th, 2025"),
        ("March 2025", "March 2025"),
        ("2025-03-14", "March 14th, 2025"),
        ("3/14/2025", "March 14th, 2025"),
    ],
)
def test_times_and_dates_are_said_as_people_do(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("555-1234", "5 5 5, 1 2 3 4"),
        ("(415) 555-0123", "4 1 5, 5 5 5, 0 1 2 3"),
        ("+1 415-555-0123", "plus 1, 4 1 5, 5 5 5, 0 1 2 3"),
        ("1-800-555-0199.", "1, 8 0 0, 5 5 5, 0 1 9 9."),
        ("+44 20 7946 0958", "plus 4 4, 2 0, 7 9 4 6, 0 9 5 8"),
    ],
)
def test_telephone_numbers_are_said_in_their_groups(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$3.5 million, €2B", "3.5 million dollars, 2 billion euros"),
        ("$12.5", "$12.50"),
        ("-$5", "minus $5"),
        ("9-5, pages 10\u201312, $5\u2013$7", "9 to 5, pages 10 to 12, $5 to $7"),
        ("1999-2005", "1999 to 2005"),
        ("12-34-56", "1 2, 3 4, 5 6"),
        ("½ cup, 3½ cups, 24/7", "one half cup, 3 and one half cups, 24/7"),
        ("5kg, 70°F, 20 min.", "5 kilograms, 70 degrees Fahrenheit, 20 minutes"),
        ("#5 and No. 7", "number 5 and number 7"),
        ("45 EUR, 9.50 USD", "45 euros, 9.50 dollars"),
    ],
)
def test_amounts_ranges_and_units_are_said_in_words(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("e.g. this vs. that", "for example this versus that"),
        ("12 Main St. and 3rd Ave.", "12 Main Street and 3rd Avenue"),
        ("St. Louis", "Saint Louis"),
        ("Press # or *. Then 1#.", "Press pound or star. Then 1 pound."),
        ("joe@example.com or https://www.example.co.uk/", "joe at example dot com or W.W.W. dot example dot co dot uk/"),
        ("**Bold** and _so_ on \u2014 yes\u2026", "Bold and so on, yes..."),
        ("It\u2019s \u201cread\u201d - no", 'It\'s "read", no'),
        ("café Ærø naïve straße", "cafe Aero naive strasse"),
        ("Hello \N{WAVING HAND SIGN} \u043f\u0440\u0438\u0432\u0435\u0442 there", "Hello there"),
    ],
)  # fmt: skip
def test_symbols_and_abbreviations_become_words(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize(
    "text", ["", " ", "...", "?!", "\N{WAVING HAND SIGN}", "\u65e5\u672c\u8a9e", "\u200b"]
)
def test_nothing_to_say_is_no_text(text: str) -> None:
    assert speakable(text) == ""


@given(st.one_of(st.text(max_size=300), st.text(alphabet="0123456789.,:-/$ ()+#aAB%", max_size=300)))
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_plain_ascii_and_takes_no_long_time(text: str) -> None:
    start = time.thread_time()
    said = speakable(text)

    assert said.isascii() or set(said) - set("£€") <= set(map(chr, range(128)))
    assert "  " not in said
    assert time.thread_time() - start < 0.5


@pytest.mark.parametrize("part", ["w.w.", "a.com", "joe@a.b."])
def test_a_long_address_takes_no_long_time(part: str) -> None:
    start = time.thread_time()
    speakable(part * 10_000)

    assert time.thread_time() - start < 2.0
