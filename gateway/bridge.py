"""Decides what each message of either peer leads to. No I/O and no clock: message and now in, commands out."""

from dataclasses import dataclass, field
from typing import TypeVar

from gateway.caller_audio import CALLER_BURST, CallerAudio
from gateway.commands import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    Command,
    DeleteItem,
    PlayAudio,
    TruncateItem,
)
from gateway.interruptions import Interruption, Resumed, Verdict
from gateway.media_clock import MediaClock
from gateway.model_audio import ModelAudio, Speaking
from gateway.playback import Cut, Playback
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
from gateway.tally import Tally
from voice_codecs.formats import PCM16_24K, AudioFormat

__all__ = ["CALLER_BURST", "AppendAudio", "Bridge", "CancelResponse", "ClearAudio", "Command", "PlayAudio", "Tally",
           "TruncateItem"]  # fmt: skip

T = TypeVar("T")

MAX_REMEMBERED = 64
"""Responses and items remembered for a barge-in; far fewer can be waiting at once."""
ANNOUNCEMENT = "gateway:announcement"
"""Stands for the item where the gateway itself speaks."""
KEY_TONES = "gateway:key-tones"
"""The same where it sends key tones, which no barge-in may cut."""


@dataclass
class Bridge:
    """One media stream joined to one model session.

    ``server_interrupts`` says that the model stops generating by itself when the caller starts to speak, the formats
    are those of the model's session. With ``resumes``, what a noise has cut off is played after all, where the server
    ends turns by ``silence_ms`` (see `silence_ending_turns`).
    """

    server_interrupts: bool = True
    input_format: AudioFormat = PCM16_24K
    output_format: AudioFormat = PCM16_24K
    resumes: bool = False
    silence_ms: int | None = None
    playback: Playback = field(default_factory=Playback)
    tally: Tally = field(default_factory=Tally)
    media_clock: MediaClock = field(default_factory=MediaClock)
    _caller: CallerAudio = field(init=False)
    _model: ModelAudio = field(init=False)
    _active_response: str | None = None
    _response_of: dict[str, str] = field(default_factory=dict)
    """Item to response, the latest ones."""
    _dead_responses: dict[str, set[str] | None] = field(default_factory=dict)
    """Those of which nothing more shall be heard, with the items of which the model knows it; None for one outside the
    conversation, which nobody was to hear."""
    _guards_next: bool = False
    _guarded_response: str | None = None
    """Cannot be interrupted."""
    _interruption: Interruption | None = None
    """The one of which it is not known whether it was meant."""
    _resumed: Resumed = field(default_factory=Resumed)

    def __post_init__(self) -> None:
        self._caller = CallerAudio(self.input_format, self.media_clock, self.tally)
        self.resumes = self.resumes and self.silence_ms is not None
        self._model = ModelAudio(self.output_format, self.playback, keeps=self.resumes)

    def caller_audio(self, payload: bytes, now: float, timestamp_ms: int | None = None) -> list[Command]:
        """Take caller audio, mu-law, and where on Twilio's clock it begins; what is missing before it is filled."""
        return self._caller.take(payload, now, timestamp_ms)

    def no_caller_audio(self, now: float) -> list[Command]:
        """Take note that time has passed: a turn of which nothing comes must end, an interruption must be settled."""
        commands = self._caller.none_came(now)
        if self._interruption is not None and now >= self._interruption.deadline:
            commands += self._settle(self._interruption, self._interruption.overdue(), now)
        return commands

    def until_next_look(self, now: float) -> float:
        """Tell how many seconds may pass before `no_caller_audio` is called again."""
        wait = self.media_clock.until_next_look(now)
        if self._interruption is not None:
            wait = min(wait, max(0.001, self._interruption.deadline - now))
        return wait

    def announce(self, payload: bytes, now: float, *, interrupts: bool = True) -> list[Command]:
        """Say something of our own, mu-law, in place of whatever the model was saying, or behind it."""
        commands: list[Command] = []
        if interrupts:
            self._interruption = None
            self._model.drop()
            if self.playback.is_unheard:
                commands.append(ClearAudio())
                self._resumed.cut(self.playback.cleared(now))
        return commands + self._be_answered(now) + self._model.say(payload, ANNOUNCEMENT, now)

    def send_keys(self, payload: bytes, now: float) -> list[Command]:
        """Send key tones, mu-law, behind everything that was sent so far."""
        return self._be_answered(now) + self._model.say(payload, KEY_TONES, now)

    def key_pressed(self, now: float) -> list[Command]:
        """Fall silent because the caller pressed a key. The server does not know of it, so it is told."""
        if self._is_guarded():
            return []
        commands = self._barge_in(now, cancels=True)
        self._interruption = None
        return commands

    @property
    def is_sending_keys(self) -> bool:
        """Whether key tones have not been confirmed as heard."""
        return self.playback.has_unheard(KEY_TONES)

    def guard_next_response(self, *, on: bool = True) -> None:
        """Let the caller speak over the next response without cutting it; what they say reaches the model all the same."""
        self._guards_next = on

    def mark(self, name: str, now: float) -> list[Command]:
        """Take a mark that Twilio echoed."""
        if not self.playback.marked(name, now):
            self.tally.n_stale_marks += 1
        return self._resumed.heard(self.playback)

    def stream_over(self, now: float) -> list[Command]:
        """Take the end of the media stream: what has not been heard never will be."""
        commands = self._drop_held(now)
        if self._active_response is not None:
            commands.append(CancelResponse(self._active_response))
        self._active_response = self._interruption = None
        self._model.drop()
        return commands + self._resumed.cut(self.playback.cleared(now))

    def session_lost(self, now: float) -> list[Command]:
        """Take the end of a model session: what was sent is heard to its end, and nothing more of it comes."""
        commands = self._be_answered(now)
        self._active_response = None
        self._dead_responses.clear()
        self.media_clock.caller_speaks = False
        return commands + self._model.finish(now)

    def model_event(self, event: ServerEvent | Unknown, now: float) -> list[Command]:
        """Take an event of the model."""
        if self._interruption is None:
            return self._take(event, now)
        interruption = self._interruption
        verdict = interruption.take(event, now)
        commands = self._take(event, now)  # first, so that a response that is to be cancelled is known
        return commands + self._settle(interruption, verdict, now)

    def _take(self, event: ServerEvent | Unknown, now: float) -> list[Command]:
        match event:
            case AudioDelta():
                return self._audio_delta(event, now)
            case AudioDone(item_id=item_id):
                return self._audio_done(item_id, now)
            case SpeechStarted(item_id=item_id):
                self.media_clock.caller_speaks = True
                return self._speech_started(item_id, now)
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

    def _audio_delta(self, event: AudioDelta, now: float) -> list[Command]:
        response = event.response_id or event.item_id  # a server that names no response still names the item
        if response in self._dead_responses:
            return self._drop(event, response, now)
        commands: list[Command] = []
        if self._interruption is not None:
            if self._interruption.hold(event):
                return []
            commands += self._be_answered(now)
        if event.item_id not in self._response_of:
            _remember(self._response_of, event.item_id, response)
        commands += self._model.take(event, response, now)
        self.tally.model_ms += self.output_format.bytes_to_ms(len(event.delta))
        if (runaway := self._model.runaway(now)) is not None:
            commands += self._cut_runaway(runaway)
        return commands

    def _audio_done(self, item_id: str, now: float) -> list[Command]:
        if self._model.speaking is None or self._model.speaking.item_id != item_id:
            self.playback.finished(item_id)  # it was interrupted after all that had come of it was heard
            return []
        return self._model.finish(now)

    def _response_done(self, response_id: str, now: float) -> list[Command]:
        if self._active_response == response_id:
            self._active_response = None
        self._dead_responses.pop(response_id, None)
        if self._model.speaking is not None and self._model.speaking.response == response_id:
            return self._model.finish(now)
        return []

    def _speech_started(self, item_id: str, now: float) -> list[Command]:
        """Barge-in: the caller started to speak while model audio was unheard, or still being made.

        What was being made when it was cut cannot go on, so it is never resumed.
        """
        if self._is_guarded():
            return []
        is_whole = self._active_response is None and self._model.speaking is None and not self.is_sending_keys
        cut_off = self.playback.unheard(now) if self.resumes and is_whole and item_id else []
        commands = self._barge_in(now, cancels=not self.server_interrupts)
        if cut_off and self.silence_ms is not None:
            self._interruption = Interruption(cut_off, self.silence_ms)
        if self._interruption is not None:
            self._interruption.speech_started(item_id, now)
        return commands

    def _barge_in(self, now: float, *, cancels: bool) -> list[Command]:
        """Fall silent.

        Key tones are sounded to their end, and so is what waits behind them: a digit that is lost is a wrong number.
        """
        commands: list[Command] = []
        told: list[Command] = []
        cuts: list[Cut] = []
        if self.playback.is_unheard and not self.is_sending_keys:
            self.tally.n_barge_ins += 1
            commands.append(ClearAudio())
            cuts = self.playback.cleared(now)
            told = self._resumed.cut(cuts)
        if self._active_response is not None:
            if cancels and self._active_response not in self._dead_responses:
                commands.append(CancelResponse(self._active_response))
            self._bury(self._active_response)
        for cut in cuts:
            self._bury(self._response_of.get(cut.item_id, cut.item_id), cut.item_id)
        self._model.drop()
        return commands + told + self._drop_held(now)

    def _bury(self, response: str, *known: str) -> None:
        """Let nothing more of a response be heard; the model knows of the items ``known``."""
        items = self._dead_responses.get(response) or set()
        _remember(self._dead_responses, response, items.union(known))

    def _settle(self, interruption: Interruption, verdict: Verdict, now: float) -> list[Command]:
        """Act on what is known now of an interruption, unless that was settled otherwise."""
        if interruption is not self._interruption or verdict is Verdict.OPEN:
            return []
        return self._be_answered(now) if verdict is Verdict.MEANT else self._resume(interruption, now)

    def _be_answered(self, now: float) -> list[Command]:
        """Give up what was cut off, and play what was held."""
        interruption, self._interruption = self._interruption, None
        held = [] if interruption is None else interruption.take_held()
        return [command for event in held for command in self._take(event, now)]

    def _resume(self, interruption: Interruption, now: float) -> list[Command]:
        """Play what a noise has cut off; the answer to it, and the noise itself, are taken back."""
        self.tally.n_resumed += 1
        commands = self._resumed.play(interruption.cut_off, self.playback, now)
        if self._active_response is not None:
            self._bury(self._active_response)
            commands.append(CancelResponse(self._active_response))
        commands += self._drop_held(now)
        self._interruption = None
        return commands + [DeleteItem(item_id) for item_id in interruption.wordless]

    def _drop_held(self, now: float) -> list[Command]:
        """Let nobody hear an answer that was held."""
        if self._interruption is None:
            return []
        commands: list[Command] = []
        for event in self._interruption.take_held():
            if isinstance(event, AudioDelta):
                response = event.response_id or event.item_id
                self._bury(response)
                commands += self._drop(event, response, now)
        return commands

    def _drop(self, event: AudioDelta, response: str, now: float) -> list[Command]:
        """Let nobody hear audio, and the model know it, once."""
        self.tally.late_ms += self.output_format.bytes_to_ms(len(event.delta))
        told = self._dead_responses[response]
        if told is None or event.item_id in told:
            return []
        told.add(event.item_id)
        return [TruncateItem(event.item_id, self.playback.heard_ms(event.item_id, now))]

    def _is_guarded(self) -> bool:
        """Whether what is being said, or made, cannot be interrupted."""
        if self._guarded_response is None:
            return False
        playing = self._response_of.get(self.playback.playing or "")
        return self._guarded_response in {self._active_response, playing}

    def _cut_runaway(self, speaking: Speaking) -> list[Command]:
        """Stop a response of which far too much waits at Twilio; what has been sent will be heard."""
        self.tally.n_runaways += 1
        self._bury(speaking.response, speaking.item_id)
        self._model.drop()
        self.playback.finished(speaking.item_id)
        truncate = TruncateItem(speaking.item_id, self.output_format.bytes_to_ms(speaking.n_bytes))
        generating = speaking.response == self._active_response
        return [CancelResponse(speaking.response), truncate] if generating else [truncate]


def _remember(memory: dict[str, T], key: str, value: T) -> None:
    """Keep the latest few."""
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]
