"""RecordedPersona: for a voice that can only play its recordings."""

from collections.abc import Mapping

from gateway.local_realtime.persona import Turn
from gateway.local_realtime.personas.literal import exact_words


class RecordedPersona:
    """Says the recorded prompts: a greeting first, then the answers in turn.

    ``texts`` are the prompts by name: ``hello``, ``text`` and ``answer_1``, ``answer_2``... Of words that are asked for
    exactly it says those it has, a goodbye of its own where it is to say goodbye, and else nothing.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        names = [name for name in texts if name.startswith("answer_")]
        self._answers = sorted(names, key=lambda name: (len(name), name))
        self._n_answered = 0

    def answer(self, turn: Turn) -> str:
        """Greet, acknowledge a text, or give the next answer."""
        if exact := exact_words(turn.request):
            return self._nearest(exact, has_spoken=any(said.by == "assistant" for said in turn.history))
        match turn.kind:
            case "nothing":
                return self._texts["hello"]
            case "text":
                return self._texts["text"]
            case _:
                name = self._answers[self._n_answered % len(self._answers)]
                self._n_answered += 1
                return self._texts[name]

    def _nearest(self, words: str, *, has_spoken: bool) -> str:
        if words in self._texts.values():
            return words
        if "goodbye" in words.casefold():
            return next((text for text in self._texts.values() if text.endswith("Goodbye.")), "")
        return "" if has_spoken else self._texts["hello"]
