"""Words of a sentence, as rules compare them."""

import re
from collections.abc import Iterable

MAX_LENGTH = 1000
"""Characters of one utterance that are looked at: a minute of speech."""

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[0-9]+|[#*]")
_SUFFIXES = (
    "ations",
    "ation",
    "ments",
    "ment",
    "ings",
    "ing",
    "ies",
    "ers",
    "ery",
    "ed",
    "es",
    "er",
    "s",
    "e",
    "y",
)
_SHORTEST_STEM = 3


def words_of(text: str) -> list[str]:
    """Give the words in lower case, numerals and the keys ``#`` and ``*``; apostrophes are left out."""
    found = _WORD.findall(text[:MAX_LENGTH])
    return [word.replace("'", "").replace("\u2019", "").lower() for word in found]


FILLERS = frozenset(
    words_of("um uh er erm eh hmm hm mm mhm ah oh well so like please okay ok right now just actually then")
)
"""Words that change nothing."""


def joined(words: Iterable[str]) -> str:
    """Give the words with a space round each, so that a phrase can be looked for whole."""
    return f" {' '.join(words)} "


def stem(word: str) -> str:
    """Cut a lower-case word down to what its forms have in common: opening, opens and open are ``open``."""
    for _ in range(2):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
                word = word.removesuffix(suffix)
                break
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] == word[-2] else word


def stems(words: Iterable[str]) -> frozenset[str]:
    """Give the stems of words."""
    return frozenset(map(stem, words))


def identifier_words(name: str) -> list[str]:
    """Split a name that programs use: ``getOrder_status`` is get, order, status."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name[:200])
    return words_of(spaced.replace("_", " "))


def read_out(digits: str) -> str:
    """Write digits so that a voice reads them one by one: ``4 7 1 2``."""
    return " ".join(digits)
