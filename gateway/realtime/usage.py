"""What a conversation has used so far, added up. OpenAI Realtime API reference, response.done and transcriptions."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from gateway.realtime.event_parts import CachedTokens, InputTokens, OutputTokens, RecognitionUsage, Usage

MAX_FIGURE = 10**9
"""Of one event; what is beyond, below 0 or not a number counts as 0, for no sum would ever get over it."""


@dataclass(frozen=True)
class TokenUsage:
    """Tokens of one response or of many. Cached tokens are among the input tokens."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    cached_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    cached_image_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """The figures of one event; those that are missing or null are 0."""
        given = usage.input_token_details or InputTokens()
        cached = given.cached_tokens_details or CachedTokens()
        made = usage.output_token_details or OutputTokens()
        figures = (
            *(usage.total_tokens, usage.input_tokens, usage.output_tokens),
            *(given.text_tokens, given.audio_tokens, given.image_tokens),
            *(given.cached_tokens, cached.text_tokens, cached.audio_tokens, cached.image_tokens),
            *(made.text_tokens, made.audio_tokens),
        )
        return cls(*map(_tokens, figures))

    def by_kind(self) -> Iterator[tuple[str, str, int]]:
        """Give direction, kind and tokens, where there are any; ``cached`` ones are among those of ``input``."""
        kinds = {
            "input": (
                self.input_tokens,
                self.input_text_tokens,
                self.input_audio_tokens,
                self.input_image_tokens,
            ),
            "output": (self.output_tokens, self.output_text_tokens, self.output_audio_tokens, 0),
            "cached": (
                self.cached_tokens,
                self.cached_text_tokens,
                self.cached_audio_tokens,
                self.cached_image_tokens,
            ),
        }
        for direction, (total, text, audio, image) in kinds.items():
            other = max(0, total - text - audio - image)
            for kind, n_tokens in (("text", text), ("audio", audio), ("image", image), ("other", other)):
                if n_tokens:
                    yield direction, kind, n_tokens

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(
            *(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True))
        )


@dataclass(frozen=True)
class TranscriptionUsage:
    """What recognising the caller's words took; a model is billed by tokens or by seconds."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, usage: RecognitionUsage) -> "TranscriptionUsage":
        return TranscriptionUsage(
            self.total_tokens + _tokens(usage.total_tokens),
            self.input_tokens + _tokens(usage.input_tokens),
            self.output_tokens + _tokens(usage.output_tokens),
            self.seconds + _seconds(usage.seconds),
        )


def _tokens(figure: int | None) -> int:
    return figure if figure is not None and 0 < figure <= MAX_FIGURE else 0


def _seconds(figure: float | None) -> float:
    return figure if figure is not None and 0 < figure <= MAX_FIGURE else 0.0
