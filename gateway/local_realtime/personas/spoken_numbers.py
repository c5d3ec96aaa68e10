"""Numbers as people say them on the telephone and as a small recogniser writes them down."""

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from gateway.local_realtime.personas.words import words_of

MAX_DIGITS = 20
"""A longer number is no order's."""

_UNITS = {
    **{word: str(digit) for digit, word in enumerate(words_of("zero one two three four five six seven eight nine"))},
    "oh": "0", "o": "0", "nought": "0", "niner": "9", "fife": "5",
}  # fmt: skip
_TEENS = {
    word: str(number)
    for number, word in enumerate(
        words_of("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"), 10
    )
}
_TENS = {
    **{word: f"{ten}0" for ten, word in enumerate(words_of("twenty thirty forty fifty sixty seventy eighty ninety"), 2)},
    "fourty": "40",
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1000}
_REPEATS = {"double": 2, "devil": 2, "triple": 3, "treble": 3}
_SOUND_ALIKE = {
    "for": "4", "fore": "4", "won": "1", "wan": "1", "to": "2", "too": "2", "tu": "2", "t": "2", "ate": "8", "tree": "3",
    "free": "3", "owe": "0", "all": "0", "sicks": "6", "sick": "6", "nein": "9",
}  # fmt: skip
"""What a recogniser may write for a digit; only among digits is it one."""
_BETWEEN = frozenset(words_of("um uh er erm hmm hm mm ah and dash hyphen minus comma then space"))
"""Words between the parts of one number."""
_LIGHT = _BETWEEN | frozenset(
    words_of(
        "so well its it is the my order orders number numbers a yes yeah yep ok okay please thats that this sure digit "
        "digits with start starts first next last i said say keys pressed key hash pound no not sorry actually was but "
        "hi hello about what"
    )
)
"""Words that may stand beside digits without making them something else."""
_MONTHS = frozenset(
    words_of(
        "january february march april may june july august september october november december th st nd rd in since"
    )
)
"""Words before a year, and before a day of a month."""


class SpokenNumber(msgspec.Struct, frozen=True):
    """A number somebody said or keyed."""

    digits: str
    is_alone: bool
    """Nothing else was said that matters."""
    is_ended: bool
    """It was closed with the ``#`` key."""


class _Part(msgspec.Struct, frozen=True):
    digits: str
    is_sure: bool


class _Run(msgspec.Struct):
    words: list[str] = []
    before: str = ""
    """The word before the run."""
    is_ended: bool = False


def spoken_number(words: Sequence[str], *, wanted: int = 4) -> SpokenNumber | None:
    """Find the number in a sentence's words; the last, if there are several.

    ``wanted`` is how many digits are still missing: where a word may be a digit or not ("for", "to"), it decides.
    """
    runs, is_alone = _runs(words, wanted)
    found = [
        (digits, run)
        for run in runs
        for digits in _numbers(run, wanted, is_alone)
        if len(digits) <= MAX_DIGITS and not (run.before in _MONTHS and _is_of_date(digits))
    ]
    meant = [each for each in found if each[1].before != "not"] or found
    whole = [each for each in meant if len(each[0]) >= wanted] or meant
    if not whole:
        return None
    digits, run = whole[-1]
    return SpokenNumber(_last_of_two(digits, run.before, wanted), is_alone, run.is_ended)


def _last_of_two(digits: str, before: str, wanted: int) -> str:
    """Part a number said twice, or "not four seven one two, four seven one three"."""
    first, second = digits[:wanted], digits[wanted:]
    is_two = len(second) == len(first) and (first == second or before == "not")
    return second if is_two else digits


def _is_of_date(digits: str) -> bool:
    return len(digits) <= 2 or (len(digits) == 4 and digits[:2] in {"19", "20"})


def _runs(words: Sequence[str], wanted: int) -> tuple[list[_Run], bool]:
    """Find where numbers may be, and whether all other words are light."""
    runs: list[_Run] = []
    is_open, is_alone, before = False, True, ""
    for word, after in itertools.zip_longest(words, words[1:], fillvalue=""):
        if _belongs(word, after, is_open=is_open):
            if not is_open:
                runs.append(_Run([], before))
                is_open = True
            runs[-1].words.append("1" if word == "a" else word)
        elif word == "#" and is_open:
            runs[-1].is_ended, is_open = True, False
        elif is_open and word == "and" and _is_whole(runs[-1].words, wanted):
            is_open = False
        elif not (is_open and word in _BETWEEN):
            is_open = False
            is_alone &= word in _LIGHT or word in "#*"
        before = word
    return runs, is_alone


def _is_whole(words: list[str], wanted: int) -> bool:
    return not _SCALES.keys() & words and sum(len(part.digits) for part in _parts(words)) >= wanted


def _belongs(word: str, after: str, *, is_open: bool) -> bool:
    if word in _REPEATS:
        return _digit(after) is not None
    if word == "a":
        return after in _SCALES
    return _is_group(word) or word in _SOUND_ALIKE or (is_open and word in _SCALES)


def _is_group(word: str) -> bool:
    return word.isdigit() or word in _UNITS or word in _TEENS or word in _TENS


def _digit(word: str) -> str | None:
    digit = _UNITS.get(word) or _SOUND_ALIKE.get(word) or word
    return digit if len(digit) == 1 and digit.isdigit() else None


def _numbers(run: _Run, wanted: int, is_alone: bool) -> Iterator[str]:
    for parts in _split(list(_parts(run.words))):
        sure = [index for index, part in enumerate(parts) if part.is_sure]
        text = "".join(part.digits for part in parts)
        if sure:
            leads = not run.before or run.before in _LIGHT
            yield _settled(parts, sure[0] if leads else 0, sure, wanted, is_alone)
        elif is_alone and len(text) == wanted:
            yield text


def _settled(parts: list[_Part], n_leading: int, sure: list[int], wanted: int, is_alone: bool) -> str:
    """Take as many doubtful words at both ends as make the number as long as it should be."""
    first, last = sure[0], sure[-1]
    core = "".join(part.digits for part in parts[first : last + 1])
    leading = "".join(part.digits for part in parts[first - n_leading : first])
    trailing = "".join(part.digits for part in parts[last + 1 :])
    missing = wanted - len(core)
    for n_after in range(min(len(trailing), missing), -1, -1):
        n_before = missing - n_after
        if 0 <= n_before <= len(leading):
            return leading[len(leading) - n_before :] + core + trailing[:n_after]
    return core + trailing if is_alone and missing > 0 else core


def _split(parts: list[_Part]) -> Iterator[list[_Part]]:
    """Part numbers that a doubtful word stands between: "4712 to 4715"."""
    begin = 0
    for index in range(1, len(parts) - 1):
        around = len(parts[index - 1].digits), len(parts[index + 1].digits)
        if not parts[index].is_sure and around != (1, 1) and index > begin:
            yield parts[begin:index]
            begin = index + 1
    yield parts[begin:]


def _parts(words: list[str]) -> Iterator[_Part]:
    at = 0
    while at < len(words):
        word = words[at]
        if word in _REPEATS and at + 1 < len(words):
            yield _Part((_digit(words[at + 1]) or "") * _REPEATS[word], is_sure=True)
            at += 2
        elif word in _SOUND_ALIKE:
            yield _Part(_SOUND_ALIKE[word], is_sure=False)
            at += 1
        elif _is_group(word):
            digits, at = _cardinal(words, at)
            yield _Part(digits, is_sure=True)
        else:  # a scale of nothing
            at += 1


def _cardinal(words: list[str], at: int) -> tuple[str, int]:
    """Read "forty seven", or "four thousand seven hundred twelve"; give it and where it ends."""
    digits, at = _group(words, at)
    if at == len(words) or words[at] not in _SCALES or len(digits) > MAX_DIGITS:
        return digits, at
    total, value, limit = 0, int(digits), 0
    while at < len(words) and words[at] in _SCALES:
        limit = _SCALES[words[at]]
        total += value * limit
        at += 1
        if at == len(words) or not _is_group(words[at]):
            break
        digits, end = _group(words, at)
        value = int(digits) if len(digits) <= MAX_DIGITS else limit
        is_scaled = end < len(words) and words[end] in _SCALES
        if value * (_SCALES[words[end]] if is_scaled else 1) >= limit:
            break
        at = end
        if not is_scaled:
            total += value
    return str(total), at


def _group(words: list[str], at: int) -> tuple[str, int]:
    """Read one numeral or a number below a hundred."""
    word = words[at]
    if word in _TENS:
        unit = _UNITS.get(words[at + 1], "0") if at + 1 < len(words) else "0"
        return (_TENS[word][0] + unit, at + 2) if unit != "0" else (_TENS[word], at + 1)
    return _UNITS.get(word) or _TEENS.get(word) or word, at + 1
