"""Token counts of a response, by the service's rates for audio and a rule of thumb for text."""

from collections.abc import Iterable
from typing import Any

from gateway.local_realtime.conversation import Item

_CALLER_MS_PER_TOKEN = 100
_MODEL_MS_PER_TOKEN = 50
_CHARACTERS_PER_TOKEN = 4


def _tokens(amount: int, per_token: int) -> int:
    return -(-amount // per_token)


def input_tokens(items: Iterable[Item], instructions: str) -> dict[str, int]:
    """Count what a response is given: the whole conversation, each time."""
    text, audio = _tokens(len(instructions), _CHARACTERS_PER_TOKEN), 0
    for item in items:
        rate = _MODEL_MS_PER_TOKEN if item.role == "assistant" else _CALLER_MS_PER_TOKEN
        audio += _tokens(item.audio_ms, rate)
        text += _tokens(len(item.text()), _CHARACTERS_PER_TOKEN)
    return {"text_tokens": text, "audio_tokens": audio, "image_tokens": 0, "cached_tokens": 0}


def most_characters(n_tokens: int) -> int:
    """How long a text of so many tokens is at most."""
    return n_tokens * _CHARACTERS_PER_TOKEN


def output_tokens(n_characters: int, audio_ms: int) -> dict[str, int]:
    """Count what a response has generated."""
    return {
        "text_tokens": _tokens(n_characters, _CHARACTERS_PER_TOKEN),
        "audio_tokens": _tokens(audio_ms, _MODEL_MS_PER_TOKEN),
    }


def usage(given: dict[str, int], made: dict[str, int]) -> dict[str, Any]:
    """Make the ``usage`` of a response from `input_tokens` and `output_tokens`."""
    n_given = given["text_tokens"] + given["audio_tokens"]
    n_made = sum(made.values())
    return {
        "total_tokens": n_given + n_made,
        "input_tokens": n_given,
        "output_tokens": n_made,
        "input_token_details": given,
        "output_token_details": made,
    }
