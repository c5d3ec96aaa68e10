import pytest

from gateway.local_realtime.personas.spoken_numbers import MAX_DIGITS, SpokenNumber, spoken_number
from gateway.local_realtime.personas.words import words_of


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("Four seven one two.", "4712"),
        ("four, seven, um, one two", "4712"),
        ("Um, so it's four seven one two.", "4712"),
        ("4712", "4712"),
        ("4,712.", "4712"),
        ("4-7-1-2", "4712"),
        ("4 7 1 2", "4712"),
        ("47 12", "4712"),
        ("47-12", "4712"),
        ("Forty seven twelve.", "4712"),
        ("Forty-seven, one two.", "4712"),
        ("four seven twelve", "4712"),
        ("For seven one two.", "4712"),
        ("It's for seven one two.", "4712"),
        ("My order number is for 712", "4712"),
        ("four seven won too", "4712"),
        ("four seven won to", "4712"),
        ("four seven one too", "4712"),
        ("4 to 7 1", "4271"),
        ("four seven ate two", "4782"),
        ("four thousand seven hundred and twelve", "4712"),
        ("forty seven hundred twelve", "4712"),
        ("forty seven hundred", "4700"),
        ("one thousand two hundred", "1200"),
        ("a thousand two hundred", "1200"),
        ("Twelve hundred.", "1200"),
        ("4 thousand 712", "4712"),
        ("five thousand twenty", "5020"),
        ("fifty twenty", "5020"),
        ("five oh two oh", "5020"),
        ("five o two o", "5020"),
        ("fifty oh two", "5002"),
        ("oh four seven one", "0471"),
        ("zero zero one two", "0012"),
        ("double three five oh", "3350"),
        ("four double seven one", "4771"),
        ("double too one two", "2212"),
        ("triple five one", "5551"),
        ("twenty one oh five", "2105"),
        ("Keys pressed: 4712#", "4712"),
        ("status for four seven one two", "4712"),
        ("the order four seven one two for my wife", "4712"),
        ("No, four seven one THREE.", "4713"),
        ("not 4712, 4713", "4713"),
        ("no, not four seven one two, four seven one three", "4713"),
        ("4712. Four seven one two.", "4712"),
        ("it is 4713, not 4712", "4713"),
        ("from 4712 to 4715", "4715"),
        ("four seven nine two zero three", "479203"),
        ("hundred four seven one two", "4712"),
        ("I have two orders, four seven one two and five zero two zero.", "5020"),
        ("4712 and 5020", "5020"),
        ("four seven one T", "4712"),
        ("forty seven and twelve", "4712"),
        ("double five devil two", "5522"),
        ("Five, all two zero", "5020"),
        ("order 4712 of March 14th 2026", "4712"),
    ],
)
def test_a_number_is_understood_as_it_is_said_and_as_it_is_recognised(said: str, digits: str) -> None:
    number = spoken_number(words_of(said))
    assert number is not None
    assert number.digits == digits


@pytest.mark.parametrize(
    "said", ["", "hello", "for", "to be or not to be", "won too", "thousand", "double trouble", "#"]
)
def test_words_without_digits_are_no_number(said: str) -> None:
    assert spoken_number(words_of(said)) is None


@pytest.mark.parametrize(
    ("said", "wanted", "number"),
    [
        ("won too", 2, SpokenNumber("12", is_alone=True, is_ended=False)),
        ("to", 1, SpokenNumber("2", is_alone=True, is_ended=False)),
        ("for one", 2, SpokenNumber("41", is_alone=True, is_ended=False)),
        ("four seven won", 4, SpokenNumber("471", is_alone=True, is_ended=False)),
        ("status for 712", 4, SpokenNumber("712", is_alone=False, is_ended=False)),
        ("I don't have one", 4, SpokenNumber("1", is_alone=False, is_ended=False)),
        ("47#", 4, SpokenNumber("47", is_alone=True, is_ended=True)),
    ],
)
def test_what_is_missing_decides_about_doubtful_words(said: str, wanted: int, number: SpokenNumber) -> None:
    assert spoken_number(words_of(said), wanted=wanted) == number


def test_a_number_longer_than_any_order_has_is_none() -> None:
    assert spoken_number(["7"] * MAX_DIGITS) is not None
    assert spoken_number(["7"] * (MAX_DIGITS + 1)) is None
    assert spoken_number(["9" * 1900, "thousand", "9" * 50]) is None
