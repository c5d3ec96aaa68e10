"""RecordedPersona: for a voice that can only play its recordings."""

from collections.abc import Mapping

from gateway.local_realtime.persona import Turn


class RecordedPersona:
    """Says the recorded prompts: a greeting first, then the answers in turn.

    ``texts`` are the prompts by name: ``hello``, ``text`` and ``answer_1``, ``answer_2``...
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        names = [name for name in texts if name.startswith("answer_")]
        self._answers = sorted(names, key=lambda name: (len(name), name))
        self._n_answered = 0

    def answer(self, turn: Turn) -> str:
        """Greet, acknowledge a text, or give the next answer."""
        match turn.kind:
            case "nothing":
                return self._texts["hello"]
            case "text":
                return self._texts["text"]
            case _:
                name = self._answers[self._n_answered % len(self._answers)]
                self._n_answered += 1
                return self._texts[name]
