"""Decides what each message of either peer leads to. No I/O and no clock: message and now in, commands out."""

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from gateway.media_clock import MAX_FILL, MediaClock
from gateway.playback import SAMPLES_PER_MS, Cut, Playback
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    Unknown,
)
from voice_codecs import line_noise, mulaw_encode
from voice_codecs.formats import PCM16_24K, AudioFormat
from voice_codecs.transcode import Transcoder, caller_to_model, model_to_caller

T = TypeVar("T")

MARK_SPACING_MS = 200
"""There is a mark at least this often, so the heard position is never a guess of more."""
MAX_UNHEARD_MS = 180_000
"""More than this waiting at Twilio, and the response is a runaway."""
MAX_PENDING_MARKS = 4096
"""The same for a model that sends its audio in crumbs."""
MAX_REMEMBERED = 64
"""Responses and items remembered for a barge-in; far fewer can be waiting at once."""
ANNOUNCEMENT = "gateway:announcement"
"""Stands for the item where the gateway itself speaks."""
KEY_TONES = "gateway:key-tones"
"""The same where it sends key tones, which no barge-in may cut."""
CALLER_RATE = 2 * 8000
"""Caller audio is carried up to twice real time, samples a second..."""
CALLER_BURST = 10 * 8000
"""...after a burst of 10 s, which is what a stalled network may release at once."""
_NOISE = mulaw_encode(line_noise(1000, 8000)) * (1 + MAX_FILL // 8000)
"""What stands for missing audio: after seconds of digital silence Silero takes the noise of a line for speech."""


class AppendAudio(msgspec.Struct, frozen=True):
    """Give caller audio to the model."""

    audio: bytes
    """In the format that the model's session takes."""


class PlayAudio(msgspec.Struct, frozen=True):
    """Give model audio to Twilio, and after it a mark."""

    payload: bytes
    """Mu-law, 8 kHz."""
    mark_name: str


class ClearAudio(msgspec.Struct, frozen=True):
    """Have Twilio throw away what it has not played."""


class CancelResponse(msgspec.Struct, frozen=True):
    """Have the model stop generating."""

    response_id: str


class TruncateItem(msgspec.Struct, frozen=True):
    """Tell the model how much of an item was heard."""

    item_id: str
    audio_end_ms: int


Command = AppendAudio | PlayAudio | ClearAudio | CancelResponse | TruncateItem


@dataclass
class Tally:
    """What a bridge has counted."""

    n_barge_ins: int = 0
    late_ms: int = 0
    """Audio of a response that the caller had already interrupted, or that was not for them: dropped."""
    flooded_ms: int = 0
    """Caller audio far above real time: dropped."""
    n_stale_marks: int = 0
    """Marks that came back because of a clear, or that we never sent."""
    n_runaways: int = 0
    """Responses cut because too much of them was waiting to be played."""
    filled_ms: int = 0
    """Caller audio that never came, for which the model was given noise."""
    caller_ms: int = 0
    model_ms: int = 0


@dataclass
class _Speaking:
    """The item whose audio is passing through the transcoder."""

    item_id: str
    response: str
    n_bytes: int = 0


@dataclass
class Bridge:
    """One media stream joined to one model session.

    ``server_interrupts`` says that the model stops generating by itself when the caller starts to speak, the formats
    are those of the model's session.
    """

    server_interrupts: bool = True
    input_format: AudioFormat = PCM16_24K
    output_format: AudioFormat = PCM16_24K
    playback: Playback = field(default_factory=Playback)
    tally: Tally = field(default_factory=Tally)
    media_clock: MediaClock = field(default_factory=MediaClock)
    _to_model: Transcoder = field(init=False)
    _to_caller: Transcoder = field(init=False)
    _speaking: _Speaking | None = None
    _active_response: str | None = None
    _response_of: dict[str, str] = field(default_factory=dict)
    """Item to response, the latest ones."""
    _dead_responses: dict[str, None] = field(default_factory=dict)
    _guards_next: bool = False
    _guarded_response: str | None = None
    """Cannot be interrupted."""
    _allowance: float = CALLER_BURST
    _allowed_at: float = 0.0

    def __post_init__(self) -> None:
        self._to_model = caller_to_model(self.input_format)
        self._to_caller = model_to_caller(self.output_format)

    def caller_audio(self, payload: bytes, now: float, timestamp_ms: int | None = None) -> list[Command]:
        """Take caller audio, mu-law, and where on Twilio's clock it begins; what is missing before it is filled."""
        n = len(payload)
        missing = 0 if timestamp_ms is None else self.media_clock.frame(timestamp_ms, n, now)
        self._allowance = min(CALLER_BURST, self._allowance + (now - self._allowed_at) * CALLER_RATE) - n
        self._allowed_at = now
        if self._allowance < 0:
            self._allowance += n
            self.tally.flooded_ms += n // SAMPLES_PER_MS
            return []
        commands = self._fill(missing, now) if missing else []
        self.tally.caller_ms += n // SAMPLES_PER_MS
        audio = self._to_model.feed(payload)
        if audio:
            commands.append(AppendAudio(audio))
        return commands

    def no_caller_audio(self, now: float) -> list[Command]:
        """Take note that time has passed: where nothing comes of a caller who was speaking, the turn must end."""
        missing = self.media_clock.starved(now)
        return self._fill(missing, now) if missing else []

    def announce(self, payload: bytes, now: float, *, interrupts: bool = True) -> list[Command]:
        """Say something of our own, mu-law, in place of whatever the model was saying, or behind it."""
        commands: list[Command] = []
        if interrupts:
            self._speaking = None
            if self.playback.is_unheard:
                commands.append(ClearAudio())
                self.playback.cleared(now)
        return commands + self._say(payload, ANNOUNCEMENT, now)

    def send_keys(self, payload: bytes, now: float) -> list[Command]:
        """Send key tones, mu-law, behind everything that was sent so far."""
        return self._say(payload, KEY_TONES, now)

    @property
    def is_sending_keys(self) -> bool:
        """Whether key tones have not been confirmed as heard."""
        return self.playback.has_unheard(KEY_TONES)

    def guard_next_response(self, *, on: bool = True) -> None:
        """Let the caller speak over the next response without cutting it; what they say reaches the model all the same."""
        self._guards_next = on

    def mark(self, name: str, now: float) -> None:
        """Take a mark that Twilio echoed."""
        if not self.playback.marked(name, now):
            self.tally.n_stale_marks += 1

    def session_lost(self, now: float) -> list[Command]:
        """Take the end of a model session: what was sent is heard to its end, and nothing more of it comes."""
        self._active_response = None
        self._dead_responses.clear()
        self.media_clock.caller_speaks = False
        return self._finish_speaking(now)

    def model_event(self, event: ServerEvent | Unknown, now: float) -> list[Command]:
        """Take an event of the model."""
        match event:
            case AudioDelta():
                return self._audio_delta(event, now)
            case AudioDone(item_id=item_id):
                return self._audio_done(item_id, now)
            case SpeechStarted():
                self.media_clock.caller_speaks = True
                return self._speech_started(now)
            case SpeechStopped():
                self.media_clock.caller_speaks = False
            case ResponseCreated(response=response) if response.conversation_id is None:
                _remember(self._dead_responses, response.id, None)  # out of band: not for the caller
            case ResponseCreated():
                self._active_response = event.response.id
                if self._guards_next:
                    self._guards_next, self._guarded_response = False, event.response.id
            case ResponseDone():
                return self._response_done(event.response.id, now)
            case _:
                pass
        return []

    def _fill(self, n_samples: int, now: float) -> list[Command]:
        """Stand in for caller audio, as far as the caller is still allowed some."""
        allowance = min(CALLER_BURST, self._allowance + (now - self._allowed_at) * CALLER_RATE)
        self._allowed_at = now
        n_samples = min(n_samples, max(0, int(allowance)))
        self._allowance = allowance - n_samples
        start = self.tally.filled_ms * SAMPLES_PER_MS % 8000
        self.tally.filled_ms += n_samples // SAMPLES_PER_MS
        audio = self._to_model.feed(_NOISE[start : start + n_samples])
        return [AppendAudio(audio)] if audio else []

    def _audio_delta(self, event: AudioDelta, now: float) -> list[Command]:
        response = event.response_id or event.item_id  # a server that names no response still names the item
        if response in self._dead_responses:
            self.tally.late_ms += self.output_format.bytes_to_ms(len(event.delta))
            return []
        commands: list[Command] = []
        speaking = self._speaking
        if speaking is None or speaking.item_id != event.item_id:
            commands += self._finish_speaking(now)
            speaking = self._speaking = _Speaking(event.item_id, response)
            _remember(self._response_of, event.item_id, response)
        chunk_bytes = self.output_format.ms_to_bytes(MARK_SPACING_MS)
        for start in range(0, len(event.delta), chunk_bytes):
            chunk = event.delta[start : start + chunk_bytes]
            speaking.n_bytes += len(chunk)
            self.playback.said(event.item_id, self.output_format.bytes_to_ms(speaking.n_bytes))
            commands += self._play(self._to_caller.feed(chunk), event.item_id, now)
        self.tally.model_ms += self.output_format.bytes_to_ms(len(event.delta))
        if (
            self.playback.unheard_ms(now) > MAX_UNHEARD_MS
            or self.playback.n_pending_marks > MAX_PENDING_MARKS
        ):
            commands += self._cut_runaway(speaking)
        return commands

    def _say(self, payload: bytes, item_id: str, now: float) -> list[Command]:
        """Send audio of our own; an item whose audio is coming goes on behind it."""
        chunk_bytes = MARK_SPACING_MS * SAMPLES_PER_MS
        chunks = [payload[start : start + chunk_bytes] for start in range(0, len(payload), chunk_bytes)]
        return [command for chunk in chunks for command in self._play(chunk, item_id, now)]

    def _play(self, payload: bytes, item_id: str, now: float) -> list[Command]:
        return [PlayAudio(payload, self.playback.sent(item_id, len(payload), now))] if payload else []

    def _audio_done(self, item_id: str, now: float) -> list[Command]:
        if self._speaking is None or self._speaking.item_id != item_id:
            return []
        return self._finish_speaking(now)

    def _finish_speaking(self, now: float) -> list[Command]:
        """Send what the filter holds of the item that was passing through it."""
        speaking, self._speaking = self._speaking, None
        if speaking is None:
            return []
        commands = self._play(self._to_caller.flush(), speaking.item_id, now)
        self.playback.finished(speaking.item_id)
        return commands

    def _response_done(self, response_id: str, now: float) -> list[Command]:
        if self._active_response == response_id:
            self._active_response = None
        self._dead_responses.pop(response_id, None)
        if self._speaking is not None and self._speaking.response == response_id:
            return self._finish_speaking(now)
        return []

    def _speech_started(self, now: float) -> list[Command]:
        """Barge-in: the caller started to speak while model audio was unheard, or still being made.

        Key tones are sounded to their end, and so is what waits behind them: a digit that is lost is a wrong number.
        """
        if self._is_guarded():
            return []
        commands: list[Command] = []
        cuts: list[Cut] = []
        active = self._active_response
        if self.playback.is_unheard and not self.is_sending_keys:
            self.tally.n_barge_ins += 1
            commands.append(ClearAudio())
            cuts = self.playback.cleared(now)
        for cut in cuts:
            _remember(self._dead_responses, self._response_of.get(cut.item_id, cut.item_id), None)
        if active is not None:
            _remember(self._dead_responses, active, None)
            if not self.server_interrupts:
                commands.append(CancelResponse(active))
        self._speaking = None
        self._to_caller.reset()
        commands += [TruncateItem(cut.item_id, cut.audio_end_ms) for cut in cuts]
        return commands

    def _is_guarded(self) -> bool:
        """Whether what is being said, or made, cannot be interrupted."""
        if self._guarded_response is None:
            return False
        playing = self._response_of.get(self.playback.playing or "")
        return self._guarded_response in {self._active_response, playing}

    def _cut_runaway(self, speaking: _Speaking) -> list[Command]:
        """Stop a response of which far too much waits at Twilio; what has been sent will be heard."""
        self.tally.n_runaways += 1
        _remember(self._dead_responses, speaking.response, None)
        self._speaking = None
        self._to_caller.reset()
        self.playback.finished(speaking.item_id)
        truncate = TruncateItem(speaking.item_id, self.output_format.bytes_to_ms(speaking.n_bytes))
        generating = speaking.response == self._active_response
        return [CancelResponse(speaking.response), truncate] if generating else [truncate]


def _remember(memory: dict[str, T], key: str, value: T) -> None:
    """Keep the latest few."""
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]
