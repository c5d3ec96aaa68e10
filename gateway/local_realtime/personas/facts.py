"""What the instructions let a rule-based persona know: ``Topic: answer`` lines, a name, a greeting."""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.local_realtime.personas.literal import exact_words
from gateway.local_realtime.personas.words import stem, stems, words_of

MAX_INSTRUCTIONS = 64 * 1024
"""Characters that are looked at."""
MAX_REQUEST = 2000
"""Characters of a request for one answer in which a quotation is looked for."""
MAX_FACTS = 100
DEFAULT_HOURS = "Monday to Friday, from nine to five"

_MAX_ANSWER = 500
_LINE = re.compile(r"[ \t]*[-*\u2022]?[ \t]*\**([A-Za-z][\w '&/-]{1,39})\**:\**[ \t]+(\S.*)")
_QUOTED = r"[^\"\u201c\u201d\n]{0,80}[\"\u201c]([^\"\u201c\u201d\n]{1,400})[\"\u201d]"
_GREET = re.compile(rf"\b(?:greet|answer the (?:call|phone)|open the call|begin)\b{_QUOTED}", re.IGNORECASE)
_SAY = re.compile(
    rf"^[ \t]*(?:please |always |first |first,? always )?say\b{_QUOTED}", re.IGNORECASE | re.MULTILINE
)
_REQUESTED = re.compile(rf"\b(?:say|saying|repeat|greet|tell|announce|read)\b{_QUOTED}", re.IGNORECASE)
_YOU_ARE = re.compile(r"\bYou are (the [\w '&-]{1,60}|[A-Z][\w'&-]{1,30}(?: [A-Z][\w'&-]{1,30}){0,3})")
_CONDITION = re.compile(r"\b(?:if|when|whenever|unless)\b[^.!?\n]{0,200}$", re.IGNORECASE)
_LENGTH = re.compile(r"\b([a-z]{3,6}|[0-9]{1,2})[ -]digits?\b", re.IGNORECASE)
_LENGTHS = {
    word: n for n, word in enumerate(words_of("three four five six seven eight nine ten eleven twelve"), 3)
}

_NO_TOPIC = stems(
    words_of(
        "name company greeting greet welcome role tone style language personality persona instructions rules rule note "
        "important example goal goals task context user caller assistant agent q a say step voice pacing you if when exit"
    )
)
_GROUPS = (
    "hours hour open opening close closed closing shut",
    "delivery deliver ship shipping shipment arrive dispatch postage",
    "return refund exchange money back",
    "pay payment card credit invoice bill",
    "where address location located street directions situated",
    "email mail phone contact reach telephone",
    "warranty guarantee repair broken defective",
    "price cost much fee charge",
    "cancel cancellation",
)
"""Words that ask for the same topic."""
_SYNONYMS = tuple(stems(group.split()) for group in _GROUPS)
_EVERYWHERE = stems(words_of("order number"))
"""Words of so many sentences at an order desk that they tell no topic."""
_HOURS = stems(words_of("hours open opening close closed closing"))
_SMALL = frozenset(
    words_of("and or of the a an our your my for to in on with about policy information info business us")
)


class Fact(msgspec.Struct, frozen=True):
    """One line of what is known."""

    topic: str
    answer: str
    stems: frozenset[str]
    """Of the topic's words."""

    def spoken(self) -> str:
        """The answer as a sentence."""
        answer = self.answer.rstrip()
        if self.stems & _HOURS:
            is_sentence = answer.lower().startswith(("we ", "our ", "the "))
            answer = answer if is_sentence else f"We are open {answer}"
        elif len(answer.split()) < 5:
            answer = f"{self.topic}: {answer}"
        return answer if answer.endswith((".", "!", "?")) else f"{answer}."


class Guide(msgspec.Struct, frozen=True):
    """All that the instructions say to a rule-based persona."""

    facts: tuple[Fact, ...] = ()
    name: str = ""
    """Who answers the telephone; empty where they do not say."""
    greeting: str = ""
    """Literally; empty where they do not say."""
    number_length: int | None = None
    """Digits of an order number."""

    def fact_for(self, words: Sequence[str]) -> Fact | None:
        """Find the fact whose topic has most in common with the words."""
        asked = stems(word for word in words if word not in _SMALL) - _EVERYWHERE
        related = asked.union(*(group for group in _SYNONYMS if group & asked))
        best = max(
            self.facts, key=lambda fact: len(fact.stems & asked) + len(fact.stems & related), default=None
        )
        return best if best is not None and best.stems & related else None

    def hours(self) -> Fact:
        """Find the opening hours, or the usual ones."""
        found = (fact for fact in self.facts if fact.stems & _HOURS)
        return next(found, None) or Fact("Opening hours", DEFAULT_HOURS, _HOURS)


def read_guide(instructions: str) -> Guide:
    """Read a session's standing instructions; what is no ``Topic: answer`` line teaches nothing but a name."""
    text = instructions[:MAX_INSTRUCTIONS]
    lines = [match for line in text.splitlines() if (match := _LINE.match(line[: 2 * _MAX_ANSWER]))]
    named = {match[1].strip().lower(): _unquoted(match[2][:_MAX_ANSWER]) for match in lines}
    quoted = _GREET.search(text) or _SAY.search(
        text.partition("\n#")[0]
    )  # below headings are lines for other moments
    return Guide(
        facts=tuple(_facts(lines)),
        name=named.get("company") or named.get("name") or _name(text),
        greeting=named.get("greeting") or (quoted[1].strip() if quoted else ""),
        number_length=_number_length(text),
    )


def quoted_request(request: str) -> str:
    """Give what a request wants said literally: the quoted text after say, repeat or greet; empty if nothing."""
    if exact := exact_words(request):
        return exact
    quoted = _REQUESTED.search(request[:MAX_REQUEST])
    if quoted is None or _CONDITION.search(request[: quoted.start()][-200:]):
        return ""
    return quoted[1].strip()


def _facts(lines: Iterable[re.Match[str]]) -> Iterator[Fact]:
    n_facts = 0
    for match in lines:
        topic = match[1].strip()
        words = [word for word in words_of(topic) if word not in _SMALL]
        if words and len(words) <= 5 and stem(words[0]) not in _NO_TOPIC and n_facts < MAX_FACTS:
            n_facts += 1
            yield Fact(topic, match[2][:_MAX_ANSWER].strip(), stems(words))


def _name(text: str) -> str:
    match = _YOU_ARE.search(text)
    return match[1].strip() if match else ""


def _unquoted(text: str) -> str:
    return (
        text.strip().strip('"\u201c\u201d').rstrip(".")
        if text[:1] not in '"\u201c'
        else text.strip('"\u201c\u201d \t')
    )


def _number_length(text: str) -> int | None:
    for match in _LENGTH.finditer(text):
        word = match[1].lower()
        length = int(word) if word.isdigit() else _LENGTHS.get(word, 0)
        if 1 < length <= 12:
            return length
    return None
