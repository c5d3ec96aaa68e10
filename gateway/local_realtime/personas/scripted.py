"""ScriptedPersona: exact lines and times, for tests and load runs."""

from pathlib import Path
from typing import Self

from gateway.local_realtime.persona import Answer, Turn
from gateway.local_realtime.personas.literal import exact_words
from gateway.local_realtime.personas.script import Script, ScriptTurn, parse_script, read_script

MAX_HEARD = 2000
"""Characters of what was said that ``hears`` looks at."""


class ScriptedPersona:
    """Takes the turns of a script, one an answer, whatever tools are offered.

    The first unused turn whose ``hears`` is found in the words, or in a tool's output, comes first; if there is
    none, the next turn without ``hears``. A turn is used once, unless it repeats. When no turn is left that
    fits, a script that loops starts again at the caller's next word (at an output it would call its tools for ever),
    and any other answers with nothing. Words that the client asks for exactly are said beside the script.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._unused = list(script.turns)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a script; `Script` describes the file.

        Raises:
            SettingsError: it cannot be read or has mistakes, one line for each.
        """
        return cls(read_script(path))

    @classmethod
    def from_text(cls, text: str, *, name: str = "script") -> Self:
        """Read a script's text.

        Raises:
            SettingsError: it has mistakes, one line for each.
        """
        return cls(parse_script(text, name=name))

    def answer(self, turn: Turn) -> Answer:
        """Give the answer of the turn that fits."""
        if exact := exact_words(turn.request):
            return Answer(exact)
        taken = self._fitting(turn.text[:MAX_HEARD])
        if taken is None and self._script.loops and turn.kind != "tool":
            self._unused = list(self._script.turns)
            taken = self._fitting(turn.text[:MAX_HEARD])
        if taken is None:
            return Answer()
        if not taken.repeats:
            # By identity: turns that look alike are still two.
            self._unused = [unused for unused in self._unused if unused is not taken]
        return taken.answer

    def _fitting(self, words: str) -> ScriptTurn | None:
        heard = (turn for turn in self._unused if turn.hears is not None and turn.hears.search(words))
        in_order = (turn for turn in self._unused if turn.hears is None)
        return next(heard, None) or next(in_order, None)
