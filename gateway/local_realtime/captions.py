"""The caller's words as they become known, while the turn is still going on."""

_UNSETTLED_WORDS = 2
"""The last words of unfinished speech are guesses: the next ones may change them."""


class Caption:
    """What the client has been told of one turn's words. Told text is never taken back."""

    def __init__(self) -> None:
        self._told = ""

    def grow(self, words: str) -> str:
        """Take the words of the speech so far; give what can be told of them in addition."""
        return self._add(" ".join(words.split()[:-_UNSETTLED_WORDS]))

    def finish(self, transcript: str) -> str:
        """Take the words of the whole turn; give the rest of them, or nothing where what was told was wrong."""
        return self._add(transcript)

    def _add(self, words: str) -> str:
        if not words.startswith(self._told):
            return ""
        more = words[len(self._told) :]
        self._told = words
        return more
