import pytest

from tests.benchmarks.recognition import normalised, word_errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good-bye, I'm off.", "good bye im off"),
        ("479203", "four seven nine two zero three"),
        ("March 14th at 9:30 a.m.", "march fourteenth at nine thirty am"),
        ("the 20th, 21st, 5th", "the twentieth twenty first fifth"),
        ("S-M-I-T-H", "s m i t h"),
        ("10 meters", "ten meters"),
    ],
)
def test_numbers_and_punctuation_do_not_count_as_errors(text: str, words: str) -> None:
    assert " ".join(normalised(text)) == words


@pytest.mark.parametrize(
    ("reference", "found", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a c", "a b c", 1),
        ("a b", "b a", 2),
        ("", "a", 1),
        ("a", "", 1),
    ],
)
def test_word_errors_are_the_fewest_changes(reference: str, found: str, errors: int) -> None:
    assert word_errors(reference.split(), found.split()) == errors
