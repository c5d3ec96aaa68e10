"""What an order desk can tell from the conversation so far."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from gateway.local_realtime.persona import Said
from gateway.local_realtime.personas import phrases
from gateway.local_realtime.personas.order_report import read_report
from gateway.local_realtime.personas.phrases import Question
from gateway.local_realtime.personas.spoken_numbers import spoken_number
from gateway.local_realtime.personas.words import words_of

MAX_FAILURES = 3
"""Orders not found in a row, after which more is not asked for."""

_DIGITS = re.compile(r"[0-9]{2,20}")
_MAX_ARGUMENTS = 2000
_MAX_KEYED = 20
"""Messages of single digits that are put together."""


class Past(msgspec.Struct, frozen=True):
    """Where a conversation stands, before the answer that is wanted."""

    n_said: int
    """Messages of ours."""
    last_said: str
    """The last that carried something; also one the caller cut off."""
    question: Question | None
    """What is still to be answered by the caller."""
    n_not_caught: int
    """How often in a row we have just not understood."""
    asked_if_there: bool
    """The last we said was whether anybody is there."""
    digits: str
    """The beginning of an order number, read back or keyed before the caller's last word."""
    last_number: str
    """What was looked up last."""
    n_failures: int
    """How many orders in a row were not found."""
    last_arguments: str
    """Of the last call of a tool."""
    is_pending: bool
    """The last call of a tool has had no output."""


def read_past(history: Sequence[Said], remembered: str) -> Past:
    """Read a conversation; ``remembered`` stands for the last message if its words are not in it any more."""
    texts = [said.text for said in history if said.by == "assistant"]
    if texts and not texts[-1]:
        texts[-1] = remembered
    last = texts[-1] if texts else ""
    open_text = _first_lasting(texts)
    calls = [said for said in history if said.by in {"function_call", "function_call_output"}]
    numbers = (
        found for said in reversed(calls) if said.by == "function_call" for found in _numbers(said.text)
    )
    return Past(
        n_said=len(texts),
        last_said=next((text for text in reversed(texts) if text and not phrases.is_not_caught(text)), ""),
        question=phrases.question_in(open_text),
        n_not_caught=_n_not_caught(texts),
        asked_if_there=phrases.is_still_there(last),
        digits=phrases.digits_so_far(open_text) + _keyed_before(history),
        last_number=next(numbers, ""),
        n_failures=_n_failures(calls),
        last_arguments=next((said.text for said in reversed(calls) if said.by == "function_call"), ""),
        is_pending=bool(calls) and calls[-1].by == "function_call",
    )


def _first_lasting(texts: Sequence[str]) -> str:
    """Find the last message that is not just in passing; a question in passing counts if there is no other."""
    for text in reversed(texts):
        if not phrases.is_passing(text):
            return text
    return texts[-1] if texts else ""


def _n_not_caught(texts: Sequence[str]) -> int:
    n_not_caught = 0
    for text in reversed(texts):
        if not phrases.is_not_caught(text):
            break
        n_not_caught += 1
    return n_not_caught


def _keyed_before(history: Sequence[Said]) -> str:
    """Put together the digits that came since our last message, without the caller's last word."""
    parts: list[str] = []
    is_last = True
    for said in reversed(history):
        if said.by == "system":
            continue
        number = spoken_number(words_of(said.text), wanted=1) if said.by == "user" else None
        if not is_last:
            if number is None or not number.is_alone or len(parts) == _MAX_KEYED:
                break
            parts.append(number.digits)
        elif said.by != "user":
            break
        is_last = False
    return "".join(reversed(parts))


def _n_failures(calls: Sequence[Said]) -> int:
    """Count the lookups at the end whose output says that there is no such order."""
    n_failures = 0
    arguments = ""
    outcomes: list[Said] = []
    for said in calls:
        if said.by == "function_call":
            arguments = said.text
        elif any(_numbers(arguments)):
            outcomes.append(said)
    for outcome in reversed(outcomes):
        if n_failures == MAX_FAILURES or not read_report(outcome.text).is_missing:
            break
        n_failures += 1
    return n_failures


def _numbers(arguments: str) -> Iterator[str]:
    return (match[0] for match in _DIGITS.finditer(arguments[:_MAX_ARGUMENTS]))
