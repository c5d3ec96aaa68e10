"""When the caller starts and stops speaking, told from speech probabilities on the audio's own clock."""

import msgspec

from gateway.vad import WINDOW_MS

_ONSET_WINDOWS = 2
"""64 ms of speech in a row start a turn: one loud window alone is a click."""
_HYSTERESIS = 0.15
"""Silence is this much less likely to be speech than speech is; in between nothing changes."""


class TurnSettings(msgspec.Struct, frozen=True):
    """What a session says about turns."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    create_response: bool
    interrupt_response: bool
    idle_timeout_ms: int | None = None
    """A caller who says nothing for so long after an answer was heard has the model speak again; None waits."""


class SpeechStarted(msgspec.Struct, frozen=True):
    """The caller speaks, since ``audio_start_ms`` of all audio, padding included."""

    audio_start_ms: int


class SpeechStopped(msgspec.Struct, frozen=True):
    """The caller has been silent for long enough at ``audio_end_ms`` of all audio."""

    audio_end_ms: int


class TurnDetector:
    """State machine of one session's turns. Its clock counts the windows it was given."""

    def __init__(self) -> None:
        self._n_windows = 0
        self.reset()

    def reset(self) -> None:
        """Take the caller for silent, without turning the clock back."""
        self.speaking = False
        self._n_loud = 0
        self._silent_since_ms: int | None = None

    def feed(self, probability: float, settings: TurnSettings) -> SpeechStarted | SpeechStopped | None:
        """Take the probability of the next 32 ms; say whether that starts or ends a turn."""
        self._n_windows += 1
        if self.speaking:
            return self._end(probability, settings)
        return self._onset(probability, settings)

    def skip(self) -> None:
        """Let the next 32 ms pass unjudged."""
        self._n_windows += 1
        self.reset()

    def _onset(self, probability: float, settings: TurnSettings) -> SpeechStarted | None:
        self._n_loud = self._n_loud + 1 if probability >= settings.threshold else 0
        if self._n_loud < _ONSET_WINDOWS:
            return None
        start_ms = (self._n_windows - self._n_loud) * WINDOW_MS
        self.reset()
        self.speaking = True
        return SpeechStarted(max(0, start_ms - settings.prefix_padding_ms))

    def _end(self, probability: float, settings: TurnSettings) -> SpeechStopped | None:
        now_ms = self._n_windows * WINDOW_MS
        if probability >= settings.threshold:
            self._silent_since_ms = None
        elif probability < settings.threshold - _HYSTERESIS and self._silent_since_ms is None:
            self._silent_since_ms = now_ms - WINDOW_MS
        if self._silent_since_ms is None or now_ms - self._silent_since_ms < settings.silence_duration_ms:
            return None
        end_ms = self._silent_since_ms + settings.silence_duration_ms
        self.reset()
        return SpeechStopped(end_ms)
