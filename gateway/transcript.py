"""What was said in a call, as it goes: what was heard apart from what was generated. No I/O and no clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import msgspec

from gateway.realtime.events import (
    AudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptUpdated,
    InputCommitted,
    ItemDone,
    ItemState,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
)
from gateway.realtime.history import heard_words
from voice_codecs import PCM16_24K, AudioFormat

MAX_TURNS = 2000
MAX_CHARACTERS = 256 * 1024
"""Of all turns together."""
MAX_REMEMBERED = 64
"""Responses outside the conversation, and cuts of items of which nothing is known yet."""

Speaker = Literal["caller", "agent"]


class Turn(msgspec.Struct, frozen=True):
    """What one party said in one go."""

    item_id: str
    """Empty for a text that was put into the call."""
    speaker: Speaker
    text: str
    """All its words; of an agent's turn, those that the model made, heard or not."""
    heard_text: str
    """The words that were heard, or will be when all that was sent has played; a caller's are all heard."""
    generated_ms: int
    """Sound that the model made; 0 for the caller. So is ``heard_ms``."""
    heard_ms: int
    started_at: float
    """When it began, or began to be made, on the clock of the events; seconds."""
    interrupted: bool
    """Whether it was cut before its end was heard."""


@dataclass(eq=False)
class _Turn:
    item_id: str
    speaker: Speaker
    started_at: float
    parts: dict[int, str] = field(default_factory=dict)
    response_id: str = ""
    n_bytes: int = 0
    cut_ms: int | None = None
    is_whole: bool = False
    """Whether everything of it has come."""

    @property
    def text(self) -> str:
        return "".join(text for _, text in sorted(self.parts.items()))


class Transcript:
    """The turns of one call, built from the server's events and from what became of the sound.

    Turns are in the order in which they began. An agent's turn counts as heard whole unless it is cut, so whoever
    ends a call must cut what was unheard then. Bounded: the oldest turns are dropped and counted. Responses outside
    the conversation are left out, and so are turns without words or sound.
    """

    def __init__(self, output_format: AudioFormat = PCM16_24K) -> None:
        """Begin without turns; the format is that of the model's audio."""
        self.n_dropped = 0
        """Turns that there was no room for any more."""
        self._format = output_format
        self._turns: dict[str | int, _Turn] = {}
        self._n_typed = 0
        self._n_characters = 0
        self._asides: dict[str, None] = {}
        self._early_cuts: dict[str, int] = {}

    @property
    def turns(self) -> list[Turn]:
        """What was said so far."""
        return [self._shown(turn) for turn in self._turns.values() if turn.parts or turn.n_bytes]

    def turn(self, item_id: str) -> Turn | None:
        """The turn that is this item, if there is one."""
        turn = self._turns.get(item_id)
        return None if turn is None else self._shown(turn)

    def event(self, event: ServerEvent | Unknown, now: float) -> None:
        """Take an event of the model; most say nothing about words or sound."""
        kind = type(event)
        step = self._steps.get(kind) or self._steps.get(kind.__base__)  # the base of an older name
        if step is not None:
            step(self, event, now)

    def cut(self, item_id: str, heard_ms: int) -> None:
        """Take note that no more than so much of an agent's item was heard, whatever still comes of it.

        Sound that was heard stays heard: of two cuts the later one in the item counts.
        """
        turn = self._turns.get(item_id)
        if turn is None:
            _remember(self._early_cuts, item_id, max(heard_ms, self._early_cuts.get(item_id, 0)))
        elif turn.speaker == "agent":
            turn.cut_ms = max(heard_ms, turn.cut_ms or 0)

    def typed(self, text: str, now: float) -> None:
        """Take a text that was put into the call for the caller."""
        self._n_typed += 1
        turn = self._turns[self._n_typed] = _Turn("", "caller", now)
        self._set_text(turn, 0, text)

    # What the model makes

    def _audio_delta(self, event: AudioDelta, now: float) -> None:
        turn = self._agents(event, now)
        if turn is not None:
            turn.n_bytes += len(event.delta)

    def _transcript_delta(self, event: TranscriptDelta, now: float) -> None:
        turn = self._agents(event, now)
        if turn is not None:
            self._set_text(turn, event.content_index, turn.parts.get(event.content_index, "") + event.delta)

    def _transcript_done(self, event: TranscriptDone, now: float) -> None:
        """Take a final transcript, unless it is what a server leaves of words that were cut."""
        turn = self._agents(event, now)
        if turn is None:
            return
        known = turn.parts.get(event.content_index, "")
        if len(event.transcript) > (len(known) if turn.cut_ms is not None else 0):
            self._set_text(turn, event.content_index, event.transcript)

    def _agents(self, event: AudioDelta | TranscriptDelta | TranscriptDone, now: float) -> _Turn | None:
        if event.response_id in self._asides:
            return None
        turn = self._take(event.item_id, "agent", now)
        if turn is not None:
            turn.response_id = event.response_id
        return turn

    def _response_created(self, event: ResponseCreated, _: float) -> None:
        if event.response.conversation_id is None:
            _remember(self._asides, event.response.id, None)

    def _item_done(self, event: ItemDone | OutputItemDone, _: float) -> None:
        self._finish(event.item)

    def _response_done(self, event: ResponseDone, _: float) -> None:
        for state in event.response.output or ():
            self._finish(state)
        if event.response.status == "completed":
            for turn in self._turns.values():
                turn.is_whole |= bool(turn.response_id) and turn.response_id == event.response.id

    def _finish(self, state: ItemState) -> None:
        turn = self._turns.get(state.id)
        if turn is not None and turn.speaker == "agent" and state.status in {None, "completed"}:
            turn.is_whole = True

    # What the caller says

    def _caller_began(self, event: SpeechStarted | InputCommitted, now: float) -> None:
        self._take(event.item_id, "caller", now)

    def _caller_delta(self, event: CallerTranscriptDelta, now: float) -> None:
        turn = self._take(event.item_id, "caller", now)
        if turn is not None and not turn.is_whole:
            self._set_text(
                turn, event.content_index, turn.parts.get(event.content_index, "") + (event.delta or "")
            )

    def _caller_transcript(self, event: CallerTranscript | CallerTranscriptUpdated, now: float) -> None:
        turn = self._take(event.item_id, "caller", now)
        if turn is not None:
            turn.is_whole |= isinstance(event, CallerTranscript)
            self._set_text(turn, event.content_index, event.transcript)

    # Both

    def _take(self, item_id: str, speaker: Speaker, now: float) -> _Turn | None:
        """The turn that is this item, begun if need be; None if the event names none, or the other's."""
        turn = self._turns.get(item_id)
        if turn is None and item_id:
            turn = self._turns[item_id] = _Turn(item_id, speaker, now)
            if speaker == "agent":
                turn.cut_ms = self._early_cuts.pop(item_id, None)
            self._drop_oldest()
        return turn if turn is not None and turn.speaker == speaker else None

    def _set_text(self, turn: _Turn, index: int, text: str) -> None:
        before = len(turn.text)
        text = text[: MAX_CHARACTERS - before + len(turn.parts.pop(index, ""))]
        if text:
            turn.parts[index] = text
        self._n_characters += len(turn.text) - before
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._turns) > MAX_TURNS or self._n_characters > MAX_CHARACTERS:
            turn = self._turns.pop(next(iter(self._turns)))
            self._n_characters -= len(turn.text)
            self.n_dropped += 1

    def _shown(self, turn: _Turn) -> Turn:
        text, generated_ms = turn.text, self._format.bytes_to_ms(turn.n_bytes)
        heard_ms = generated_ms if turn.cut_ms is None else min(turn.cut_ms, generated_ms)
        heard_text = text
        if turn.speaker == "agent":
            heard_text = heard_words(text, generated_ms, turn.cut_ms, is_whole=turn.is_whole)
        interrupted = turn.cut_ms is not None
        return Turn(
            turn.item_id,
            turn.speaker,
            text,
            heard_text,
            generated_ms,
            heard_ms,
            turn.started_at,
            interrupted,
        )

    _steps: ClassVar[dict[type | None, Callable[[Any, Any, float], None]]] = {
        AudioDelta: _audio_delta,
        TranscriptDelta: _transcript_delta,
        TranscriptDone: _transcript_done,
        ResponseCreated: _response_created,
        ItemDone: _item_done,
        OutputItemDone: _item_done,
        ResponseDone: _response_done,
        SpeechStarted: _caller_began,
        InputCommitted: _caller_began,
        CallerTranscriptDelta: _caller_delta,
        CallerTranscriptUpdated: _caller_transcript,
        CallerTranscript: _caller_transcript,
    }


def _remember(memory: dict[str, Any], key: str, value: Any) -> None:
    """Keep the latest few."""
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]
