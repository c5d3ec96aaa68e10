"""The recogniser's tokens and how they become text."""

from collections.abc import Iterable

START = 1
END = 2
_N_CONTROL = 3
_FIRST_MARKER = 32_000
"""From here on the entries are markers for other uses of the model, not text."""
_SPACE = "\u2581"


def read_tokens(data: bytes) -> list[bytes]:
    """Read a tokenizer file: entries of a length, one byte or two (low seven bits first), and so many bytes."""
    tokens = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += 128 * (data[at] - 1)
            at += 1
        tokens.append(data[at : at + length])
        at += length
    return tokens


def readable(tokens: list[bytes], chosen: Iterable[int]) -> str:
    """Join the chosen tokens to trimmed text; what has neither letter nor digit (notes of music) is no words."""
    spoken = (tokens[token] for token in chosen if _N_CONTROL <= token < _FIRST_MARKER)
    # A character that was cut off in the middle is left out.
    text = b"".join(spoken).decode(errors="ignore").replace(_SPACE, " ")
    text = " ".join(text.split())
    return text if any(character.isalnum() for character in text) else ""
