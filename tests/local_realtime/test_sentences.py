import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local_realtime.sentences import pieces

TEXTS = st.one_of(
    st.text(max_size=600),
    st.text(alphabet="ab .,;!?1-\n\"')", max_size=900),
    st.lists(st.sampled_from(["Mr. ", "and ", "word ", "3.5 ", "9 a.m. ", "x" * 50, ", ", ". ", "12345 ", "\n"])).map(
        "".join
    ),
)  # fmt: skip


def spoken_length(piece: str) -> int:
    return len(piece.rstrip()) + 4 * sum(map(str.isdigit, piece.rstrip()))


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_pieces_joined_are_the_text_and_none_is_long(text: str) -> None:
    found = pieces(text)

    assert "".join(found) == text
    assert all(found)
    assert max(map(spoken_length, found), default=0) <= 120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you? Fine!", ["Hello. ", "How are you? ", "Fine!"]),
        ('"Yes!" he said. (Really.) OK', ['"Yes!" ', "he said. ", "(Really.) ", "OK"]),
        ("One line\nanother\n\n- a third", ["One line\n", "another\n\n", "- a third"]),
        ("  Hello. ", ["  Hello. "]),
        (" \n Hello.", [" \n Hello."]),
        ("", []),
        ("   ", ["   "]),
    ],
)
def test_text_is_cut_at_the_ends_of_sentences(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It is 3.5 miles.",
        "Ask Mr. Smith or Dr. Jones.",
        "Open at 9 a.m. on Monday.",
        "Meet J. K. Rowling, e.g. here.",
        "See No. 5 at St. Mary.",
        "Well... maybe not.",
        "Version 1.2.3 is at example.com now.",
        "1. Open the app.",
        "The U.S. Navy called.",
        "Acme Inc. called you.",
    ],
)
def test_abbreviations_and_decimals_are_not_cut(text: str) -> None:
    assert pieces(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We open at 9 a.m. Please come.", ["We open at 9 a.m. ", "Please come."]),
        ("Is it so? No. It is not.", ["Is it so? ", "No. ", "It is not."]),
        ("That is all... Goodbye.", ["That is all... ", "Goodbye."]),
    ],
)
def test_an_abbreviation_before_a_new_sentence_ends_the_old_one(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Sure, I can certainly help you with the status of your order today.", "Sure, "),
        ("Your order number is 482913 and it will be delivered tomorrow.", "Your order number is 482913 "),
        ("We are open Monday to Friday from nine in the morning until five.", "We are open Monday to Friday "),
        ("One moment please - I am looking that up for you right now.", "One moment please - "),
        ("It comes on March 14, 2025, unless something else gets in the way.", "It comes on March 14, 2025, "),
        ("The package you ordered yesterday at this store, it seems, has left.",
         "The package you ordered yesterday at this store, "),
    ],
)  # fmt: skip
def test_a_long_first_sentence_is_cut_after_a_clause(text: str, first: str) -> None:
    assert pieces(text)[0] == first


def test_a_first_sentence_without_clauses_stays_whole() -> None:
    text = "The blue package you ordered last week left our New Jersey warehouse."

    assert pieces(text) == [text]


def test_a_subject_is_not_torn_from_the_words_that_describe_it() -> None:
    text = "The appointment with Mr. Smith at noon, it seems, was moved to the 3rd of May."

    assert pieces(text)[0] == "The appointment with Mr. Smith at noon, "


def test_later_sentences_of_ordinary_length_stay_whole() -> None:
    text = "Yes. We are open on Monday, on Tuesday, and on Friday from nine in the morning."

    assert pieces(text) == ["Yes. ", text[5:]]


def test_what_has_no_punctuation_is_cut_between_words_and_a_long_word_anywhere() -> None:
    words, letters = pieces("word " * 60), pieces("x" * 1000)

    assert len(words) > 2
    assert all(piece.endswith("word ") for piece in words)
    assert [len(piece) for piece in letters] == [120] * 8 + [40]


@pytest.mark.parametrize("part", ["a. ", " ", "x", "\n ", "a, ", "1", "and ", "(1) "])
def test_a_huge_text_is_cut_in_reasonable_time(part: str) -> None:
    start = time.thread_time()
    pieces(part * (40_000 // len(part)))

    assert time.thread_time() - start < 2.0  # 0.4 s at most where it was measured
