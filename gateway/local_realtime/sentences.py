"""A text in the pieces that a voice speaks in one go: sentences, the first one short so that sound comes early."""

import re
from collections.abc import Iterator

_FIRST = 45
"""About 2.5 s of speech: 0.2 s of work for the voice, which is what a listener waits for the first sound."""
_FIRST_ANYWAY = 80
"""A first sentence is cut after its first clause where that is up to so long."""
_SHORTEST = 12
"""Of what is left behind a cut."""
_LONGEST = 120
"""About 7 s: the work for it is done while the short first piece and what follows it are heard."""
_DIGIT = 5
"""How long one digit is, in letters, when it is spoken."""

_END = re.compile(
    r"(?:[.!?]+|[\u2026\u3002\uff01\uff1f])[\"'\u201d\u2019)\]]*(?:\s+|$)|(?<![ \t])[ \t]*\r?\n\s*"
)
_NEVER_LAST = re.compile(
    r"mr|mrs|ms|dr|prof|st|mt|ft|rev|gen|gov|sen|rep|capt|lt|col|sgt|adm|messrs|vs|e\.g|i\.e|approx|cf|ave|blvd|rd|apt|"
    r"dept|ext|fig|est"
)
"""What comes after the full stop of these belongs to them."""
_MAYBE_LAST = re.compile(
    r"a\.m|p\.m|etc|inc|ltd|co|corp|jr|sr|bros|u\.s|u\.k|min|hr|hrs|sec|oz|lbs|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|"
    r"nov|dec"
)
"""These may end a sentence: where a word follows that starts one."""
_STARTERS = re.compile(
    r"(?:I|I'm|We|You|He|She|It|They|The|This|That|These|There|Our|Your|My|Is|Are|Do|Does|Did|Can|Could|Would|Will|Please|"
    r"If|When|What|Where|Who|How|Why|And|But|So|Or|Let|Thanks|Thank|Yes|No|Okay|OK|Sorry|For|To|In|On|At|After|Then)"
    r"(?![a-z])"
)
_CONTEXT = 40
"""Letters before and after an end that are looked at."""
_PUNCTUATION = re.compile(
    r"[,;:][\"'\u201d\u2019)\]]*\s+|(?<!\s)\s+[-\u2013]+\s+|(?<!\s)\s*\u2014\s*|--+\s*|\)\s+"
)
_CONJUNCTION = re.compile(
    r"(?<!\s)\s+(?=(?:and|but|or|so|because|which|who|that|if|when|while|until|unless|although|though|where|then)\s)"
)
_PREPOSITION = re.compile(
    r"(?<!\s)\s+(?=(?:before|after|with|without|for|from|about|into|between|through|during)\s)"
)
_SHORTEST_BEFORE = {_PUNCTUATION: 1, _CONJUNCTION: 12, _PREPOSITION: 20}
"""A shorter piece sounds torn off, unless a comma follows it ("Sure, ...")."""


def pieces(text: str) -> list[str]:
    """Cut a text into pieces; joined they are the text again, and white space stays with the piece before it.

    Each is a sentence or part of one, of at most 120 letters without white space at its end (a digit counts as five,
    since it is spoken so long).
    The first is at most 45 where the first sentence has a clause that ends there. Abbreviations and decimals are not
    cut, nor is a comma between digits.
    """
    found: list[str] = []
    for sentence in _sentences(text):
        rest = sentence
        if not found and _length(rest[: _FIRST + 1]) > _FIRST:
            at = _early_end(rest[: 2 * _FIRST_ANYWAY])
            found += [rest[:at]] if at else []
            rest = rest[at:]
        while _length(rest[: _LONGEST + 1]) > _LONGEST:
            at = _late_end(rest[: 2 * _LONGEST])
            found.append(rest[:at])
            rest = rest[at:]
        found += [rest] if rest else []
    return found


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(text):
        before = text[max(start, match.start() - _CONTEXT) : match.start()]
        after = text[match.end() : match.end() + _CONTEXT]
        # White space alone is no piece: it goes with the sentence after it.
        is_white = match.start() == start and match[0].isspace()
        if not is_white and ("\n" in match[0] or not _goes_on(before, match[0], after)):
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


def _goes_on(before: str, end: str, after: str) -> bool:
    """Whether a sentence goes on behind what looks like its end."""
    if not after or end[0] != ".":
        return False
    words = before.split()
    word = words[-1].lstrip("(\"'\u201c\u2018").lower() if words else ""
    if end.startswith(".."):
        return after[0].islower()
    if _NEVER_LAST.fullmatch(word):
        return True
    if word == "no":
        return after[0].isdigit()
    if _MAYBE_LAST.fullmatch(word):
        return not _STARTERS.match(after)
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    is_list_number = word.isdigit() and len(words) == 1
    return is_initial or is_list_number


def _early_end(text: str) -> int:
    """Where a first piece ends: the last clause that is short enough, else the first one up to twice that; or 0."""
    for ends in (_ends(text, _PUNCTUATION), _ends(text, _CONJUNCTION), _ends(text, _PREPOSITION)):
        if short := [at for at, length in ends if length <= _FIRST]:
            return short[-1]
    ends = sorted(_ends(text, _PUNCTUATION) + _ends(text, _CONJUNCTION))
    return next((at for at, length in ends if length <= _FIRST_ANYWAY), 0)


def _late_end(text: str) -> int:
    """Where a piece of a long sentence ends: with the last clause that fits, else with a word, else anywhere."""
    for pattern in (_PUNCTUATION, _CONJUNCTION, _PREPOSITION):
        if fitting := [at for at, length in _ends(text, pattern) if _FIRST <= length <= _LONGEST]:
            return fitting[-1]
    return _word_end(text)


def _ends(text: str, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Where clauses end by a pattern, and how long the text is up to there; each side is long enough to stand alone."""
    found = []
    for match in pattern.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if (
            before.strip()
            and _length(before) >= _SHORTEST_BEFORE[pattern]
            and _length(after) >= _SHORTEST
            and not (before[-1].isdigit() and after[0].isdigit())
        ):
            found.append((match.end(), _length(text[: match.end()].rstrip())))
    return found


def _word_end(text: str) -> int:
    """The last place up to the longest piece where a word ends; within a word longer than that, anywhere."""
    at = length = 0
    while at < len(text) and length < _LONGEST:
        length += _DIGIT if text[at].isdigit() else 1
        at += 1
    at -= length > _LONGEST
    space = max(text.rfind(" ", 1, at), text.rfind("\t", 1, at)) + 1
    return space if space and text[:space].strip() else at


def _length(text: str) -> int:
    """How long a text is when spoken, in letters."""
    return len(text) + (_DIGIT - 1) * sum(map(str.isdigit, text))
