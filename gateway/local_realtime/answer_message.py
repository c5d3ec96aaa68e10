"""A message item of a response: the model's words, and their sound where the response has any."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.local_realtime.conversation import Item
from gateway.local_realtime.formats import ModelAudio, bytes_per_ms
from gateway.local_realtime.response_settings import ResponseSettings
from gateway.local_realtime.server_events import Event

DELTA_MS = 200
_DELTA_BYTES = 48 * DELTA_MS
"""PCM16 at 24 kHz, before it is brought into the client's format."""
_WORDS_PER_TEXT_DELTA = 3


class _Delta(msgspec.Struct, frozen=True):
    words: str
    pcm16: bytes


class AnswerMessage:
    """Generates one message, delta by delta. ``place`` is what all its events say of where it is.

    ``pieces`` are its words as they are spoken, one after the other; their sound comes by `take_sound`. Without
    sound they are written at once.
    """

    def __init__(self, place: Event, settings: ResponseSettings, pieces: Sequence[str]) -> None:
        self._place = place
        self._audible = settings.audible
        self._bytes_per_ms = bytes_per_ms(settings.audio_format)
        self._encoder = ModelAudio(settings.audio_format)
        self._unspoken = deque(pieces if self._audible else ())
        self._deltas = deque[_Delta]() if self._audible else deque(_text_deltas("".join(pieces)))
        self._stream = "response.output_audio_transcript" if self._audible else "response.output_text"
        self._n_bytes = 0
        self.words = ""
        self.item = Item(self._state("in_progress", []))

    @property
    def complete(self) -> bool:
        """Whether all deltas have been given."""
        return not self._deltas and not self._unspoken

    @property
    def ready(self) -> bool:
        """Whether `next_delta` has something to give."""
        return bool(self._deltas)

    @property
    def audio_ms(self) -> int:
        """How much audio has been given."""
        return self._n_bytes // self._bytes_per_ms

    def next_amount(self) -> tuple[int, int]:
        """The characters and the ms of audio that the next delta will add."""
        delta = self._deltas[0]
        return len(delta.words), len(delta.pcm16) // 48

    def take_sound(self, pcm16: bytes) -> None:
        """Take the sound of the next piece, PCM16 at 24 kHz; to be called once for every piece."""
        self._deltas.extend(_audio_deltas(self._unspoken.popleft(), pcm16))

    def begin(self) -> list[Event]:
        """Open the item's only content part."""
        return [self._content_part("added")]

    def next_delta(self) -> list[Event]:
        """Give the next words, with their audio."""
        delta = self._deltas.popleft()
        self.words += delta.words
        events = [self._in_part(f"{self._stream}.delta", delta=delta.words)] if delta.words else []
        if self._audible and (payload := self._encoder.feed(delta.pcm16, last=self.complete)):
            self._n_bytes += len(payload)
            if not self.item.truncated:
                self.item.audio_ms = self.audio_ms
            events.append(self._in_part("response.output_audio.delta", delta=payload))
        return events

    def end(self, status: str) -> list[Event]:
        """Close what was opened; the item is final."""
        part = self._part("" if self.item.truncated else self.words)
        # In items the part types have longer names than in the part events.
        self.item.state = self._state(status, [{**part, "type": f"output_{part['type']}"}])
        return [*self._streams_done(), self._content_part("done")]

    def _streams_done(self) -> list[Event]:
        if self._audible:
            audio_done = self._in_part("response.output_audio.done")
            return [audio_done, self._in_part(f"{self._stream}.done", transcript=self.words)]
        return [self._in_part(f"{self._stream}.done", text=self.words)]

    def _content_part(self, stage: str) -> Event:
        return self._in_part(f"response.content_part.{stage}", part=self._part(self.words))

    def _part(self, words: str) -> Event:
        if self._audible:
            return {"type": "audio", "transcript": words}
        return {"type": "text", "text": words}

    def _in_part(self, kind: str, **fields: Any) -> Event:
        return {"type": kind, **self._place, "content_index": 0, **fields}

    def _state(self, status: str, content: list[Event]) -> Event:
        return {
            "id": self._place["item_id"],
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }


def _audio_deltas(text: str, pcm16: bytes) -> Iterator[_Delta]:
    """Cut the sound of a text into 200 ms each, and give every piece the words that begin in it."""
    words = _spaced_words(text)
    n_deltas = max(1, -(-len(pcm16) // _DELTA_BYTES))
    edges = [-(-index * len(words) // n_deltas) for index in range(n_deltas + 1)]
    for n in range(n_deltas):
        yield _Delta(
            "".join(words[edges[n] : edges[n + 1]]), pcm16[n * _DELTA_BYTES : (n + 1) * _DELTA_BYTES]
        )


def _text_deltas(text: str) -> Iterator[_Delta]:
    words = _spaced_words(text)
    for at in range(0, len(words), _WORDS_PER_TEXT_DELTA):
        yield _Delta("".join(words[at : at + _WORDS_PER_TEXT_DELTA]), b"")


def _spaced_words(text: str) -> list[str]:
    """Cut a text before its spaces; joined, the words are the text again."""
    first, *others = text.split(" ")
    return [first, *(" " + word for word in others)]
