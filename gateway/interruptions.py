"""Interruptions that may have been only noise, and what was cut off by them. No I/O and no clock.

A cough is speech that is over at once and has no words. The words come later than the end of the speech, so until
then what was cut off is kept, and what the model answers is held. A caller who has said something is answered; after
a cough the agent goes on where it stopped.
"""

from enum import Enum

from msgspec import UNSET

from gateway.commands import Command, PlayAudio, RestoreItem, TruncateItem
from gateway.playback import SAMPLES_PER_MS, Cut, Playback, Unheard
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    ItemAdded,
    ItemState,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStopped,
    Unknown,
)
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig
from gateway.realtime.session_fields import ServerVad

LONGEST_NOISE = 0.4
"""Seconds of speech beyond which the caller means it."""
JITTER = 0.1
"""Seconds by which the news of the speech's beginning and end may be apart more than these were."""
WORDS_TIMEOUT = 1.0
"""Seconds after the end of the speech in which its words must come. Meanwhile the caller waits for an answer."""
MAX_HELD_BYTES = 1 << 20
"""Of audio of an answer, in the model's format: 21 s of PCM16 at 24 kHz."""


class Verdict(Enum):
    """What is known of an interruption."""

    OPEN = "open"
    MEANT = "meant"
    FALSE_ALARM = "false-alarm"


def silence_ending_turns(config: SessionConfig, provider: Provider) -> int | None:
    """Milliseconds of silence by which the server ends a turn; None if false alarms cannot be told there: turns end
    otherwise, or are not answered by the server itself, or nobody writes down the caller's words.
    """
    detection, transcription = config.turn_detection, config.transcription
    if transcription is UNSET:
        transcription = provider.default_transcription
    if not isinstance(detection, ServerVad) or not detection.create_response or transcription is None:
        return None
    return detection.silence_duration_ms


class Interruption:
    """One interruption of the agent, from the first speech until it is known whether the caller meant it.

    Several coughs in a row are one. ``silence_ms`` is as by `silence_ending_turns`.
    """

    def __init__(self, cut_off: list[Unheard], silence_ms: int) -> None:
        self.cut_off = cut_off
        """Audio that the caller did not hear, in order."""
        self.wordless: list[str] = []
        """Items of the caller that have no words."""
        self.deadline = 0.0
        """When `overdue` has the verdict."""
        self._longest_speech = LONGEST_NOISE + JITTER + silence_ms / 1000
        self._open: set[str] = set()
        """Items of the caller whose words are not known."""
        self._is_speech_over = False
        self._is_answered = False
        self._held: list[AudioDelta | AudioDone | ResponseDone] = []
        self._n_held_bytes = 0

    def speech_started(self, item_id: str, now: float) -> None:
        """Take it that the caller begins to speak, perhaps once more."""
        self._open.add(item_id)
        self._is_speech_over = self._is_answered = False
        self.deadline = now + self._longest_speech

    def take(self, event: ServerEvent | Unknown, now: float) -> Verdict:
        """Take an event of the model; say what is known then."""
        match event:
            case SpeechStopped() if now > self.deadline:
                return Verdict.MEANT
            case SpeechStopped():
                self._is_speech_over = True
                self.deadline = now + WORDS_TIMEOUT
            case ResponseCreated(response=response):
                self._is_answered |= self._is_speech_over and response.conversation_id is not None
            case ItemAdded(item=item) if self._is_of_somebody_else(item):
                return Verdict.MEANT
            case AudioDone() | ResponseDone() if self._held:
                self._held.append(event)
            case CallerTranscriptFailed(item_id=item_id) if item_id in self._open:
                return Verdict.MEANT
            case _:
                return self._take_words(event)
        return self._verdict()

    def overdue(self) -> Verdict:
        """Say what it is taken for at the deadline: whoever speaks on means it, and so may who was not understood."""
        is_noise = self._is_speech_over and not self._open
        return Verdict.FALSE_ALARM if is_noise else Verdict.MEANT

    def hold(self, delta: AudioDelta) -> bool:
        """Keep back audio of an answer; False if this is no time for one, or there is too much of it."""
        self._n_held_bytes += len(delta.delta)
        if not self._is_speech_over or self._n_held_bytes > MAX_HELD_BYTES:
            return False
        self._held.append(delta)
        return True

    def take_held(self) -> list[AudioDelta | AudioDone | ResponseDone]:
        """Give what was kept back, and keep it no longer."""
        held, self._held, self._n_held_bytes = self._held, [], 0
        return held

    def _take_words(self, event: ServerEvent | Unknown) -> Verdict:
        match event:
            case CallerTranscriptDelta(item_id=item_id, delta=words):
                is_final = False
            case CallerTranscriptUpdated(item_id=item_id, transcript=words):
                is_final = False
            case CallerTranscript(item_id=item_id, transcript=words):
                is_final = True
            case _:
                return Verdict.OPEN
        if item_id not in self._open:
            return Verdict.OPEN
        if any(character.isalnum() for character in words or ""):
            return Verdict.MEANT
        if is_final:
            self._open.discard(item_id)
            self.wordless.append(item_id)
        return self._verdict()

    def _is_of_somebody_else(self, item: ItemState) -> bool:
        """Whether an item is a tool's output or was typed: what the model answers then is no answer to a noise."""
        if item.type == "function_call_output":
            return True
        return item.role in {"user", "system"} and item.id not in self._open and item.id not in self.wordless

    def _verdict(self) -> Verdict:
        """A cough is waited with until its answer has begun, or else that could not be stopped."""
        is_noise = self._is_speech_over and self._is_answered and not self._open
        return Verdict.FALSE_ALARM if is_noise else Verdict.OPEN


class Resumed:
    """Items that were truncated, and are being heard on: the model must be told how far."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[int, int]] = {}
        """Item to what the model knows was heard, and all that was said, in ms."""

    def play(self, cut_off: list[Unheard], playback: Playback, now: float) -> list[Command]:
        """Send again what was cut off."""
        commands: list[Command] = []
        for unheard in cut_off:
            if not playback.has_unheard(unheard.item_id):
                playback.go_on(unheard.item_id, unheard.start, unheard.said_ms)
                told_ms = unheard.start // SAMPLES_PER_MS
                if told_ms < unheard.said_ms:
                    self._items[unheard.item_id] = told_ms, unheard.said_ms
            payload = unheard.payload
            commands.append(PlayAudio(payload, playback.sent(unheard.item_id, len(payload), now, payload)))
        for unheard in cut_off:
            playback.finished(unheard.item_id)
        return commands

    def heard(self, playback: Playback) -> list[Command]:
        """Tell of the items that have been heard to their end."""
        ended = [item_id for item_id in self._items if not playback.has_unheard(item_id)]
        return [self._restore(item_id) for item_id in ended]

    def cut(self, cuts: list[Cut]) -> list[Command]:
        """Tell of items that are cut; one that was truncated before cannot be so again, but more of it was heard."""
        cut_again = {cut.item_id for cut in cuts}
        commands = [self._restore(item_id) for item_id in list(self._items) if item_id not in cut_again]
        for cut in cuts:
            if cut.item_id not in self._items:
                commands.append(TruncateItem(cut.item_id, cut.audio_end_ms))
            elif cut.audio_end_ms > self._items[cut.item_id][0]:
                commands.append(self._restore(cut.item_id, cut.audio_end_ms))
        self._items.clear()
        return commands

    def _restore(self, item_id: str, to_ms: int | None = None) -> Command:
        told_ms, said_ms = self._items.pop(item_id)
        return RestoreItem(item_id, told_ms, said_ms if to_ms is None else to_ms)
