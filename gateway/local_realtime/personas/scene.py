"""All that an order desk looks at for one answer."""

from collections.abc import Iterator, Sequence

import msgspec

from gateway.local_realtime.persona import Said, Turn
from gateway.local_realtime.personas import tool_roles
from gateway.local_realtime.personas.facts import Guide
from gateway.local_realtime.personas.intents import Intent, intents_of
from gateway.local_realtime.personas.past import Past, read_past
from gateway.local_realtime.personas.spoken_numbers import SpokenNumber, spoken_number
from gateway.local_realtime.personas.words import words_of
from gateway.local_realtime.tools import OfferedTool

NUMBER_LENGTH = 4
"""Digits of an order number, where neither instructions nor the tool say."""


_OTHER_NUMBERS = frozenset(words_of("phone telephone mobile zip postcode"))
"""Words that tell that a number is no order's."""


class Scene(msgspec.Struct, frozen=True):
    """One turn, read."""

    turn: Turn
    past: Past
    guide: Guide
    words: tuple[str, ...]
    intents: frozenset[Intent]
    request: str
    """What is wanted of this very answer: the turn's request, or system messages after the last word."""
    lookup: OfferedTool | None
    transfer: OfferedTool | None
    hang_up: OfferedTool | None

    @property
    def number_length(self) -> int:
        """Digits of an order number."""
        return self.guide.number_length or NUMBER_LENGTH

    def number(self) -> SpokenNumber | None:
        """Find the digits of an order in what was said; what was begun before decides doubtful words."""
        if _OTHER_NUMBERS & set(self.words) and "order" not in self.words:
            return None
        found = spoken_number(self.words, wanted=self.number_length)
        missing = self.number_length - len(self.past.digits)
        if missing <= 0 or not self.past.digits or (found and len(found.digits) >= self.number_length):
            return found
        return spoken_number(self.words, wanted=missing)


def read_scene(turn: Turn, remembered: str, guide: Guide) -> Scene:
    """Read a turn; ``remembered`` is what was said last, where the conversation has lost the words."""
    words = tuple(words_of(turn.text)) if turn.kind in {"text", "speech"} else ()
    return Scene(
        turn=turn,
        past=read_past(turn.history, remembered),
        guide=guide,
        words=words,
        intents=intents_of(words),
        request=turn.request or " ".join(reversed(list(_notes(turn.history)))),
        lookup=tool_roles.order_lookup(turn.tools),
        transfer=tool_roles.transfer(turn.tools),
        hang_up=tool_roles.hang_up(turn.tools),
    )


def _notes(history: Sequence[Said]) -> Iterator[str]:
    """Find the system messages after everything else, latest first."""
    for said in reversed(history):
        if said.by != "system":
            return
        yield said.text
