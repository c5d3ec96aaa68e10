"""What the caller says, on its way to the model: no faster than it can be meant, and without holes.

No I/O and no clock: audio and now in, commands out.
"""

from gateway.commands import AppendAudio, Command
from gateway.media_clock import MAX_FILL, MediaClock
from gateway.playback import SAMPLES_PER_MS
from gateway.tally import Tally
from voice_codecs import line_noise, mulaw_encode
from voice_codecs.formats import AudioFormat
from voice_codecs.transcode import caller_to_model

CALLER_RATE = 2 * 8000
"""Caller audio is carried up to twice real time, samples a second..."""
CALLER_BURST = 10 * 8000
"""...after a burst of 10 s, which is what a stalled network may release at once."""
_NOISE = mulaw_encode(line_noise(1000, 8000)) * (1 + MAX_FILL // 8000)
"""What stands for missing audio: after seconds of digital silence Silero takes the noise of a line for speech."""


class CallerAudio:
    """The caller's audio of one media stream, for a session that takes ``input_format``."""

    def __init__(self, input_format: AudioFormat, media_clock: MediaClock, tally: Tally) -> None:
        self._to_model = caller_to_model(input_format)
        self._media_clock = media_clock
        self._tally = tally
        self._allowance: float = CALLER_BURST
        self._allowed_at = 0.0

    def take(self, payload: bytes, now: float, timestamp_ms: int | None) -> list[Command]:
        """Take audio, mu-law, and where on Twilio's clock it begins; what is missing before it is filled."""
        n = len(payload)
        missing = 0 if timestamp_ms is None else self._media_clock.frame(timestamp_ms, n, now)
        self._allowance = min(CALLER_BURST, self._allowance + (now - self._allowed_at) * CALLER_RATE) - n
        self._allowed_at = now
        if self._allowance < 0:
            self._allowance += n
            self._tally.flooded_ms += n // SAMPLES_PER_MS
            return []
        commands = self._fill(missing, now) if missing else []
        self._tally.caller_ms += n // SAMPLES_PER_MS
        audio = self._to_model.feed(payload)
        if audio:
            commands.append(AppendAudio(audio))
        return commands

    def none_came(self, now: float) -> list[Command]:
        """Take note that time has passed: where nothing comes of a caller who was speaking, the turn must end."""
        missing = self._media_clock.starved(now)
        return self._fill(missing, now) if missing else []

    def _fill(self, n_samples: int, now: float) -> list[Command]:
        """Stand in for caller audio, as far as the caller is still allowed some."""
        allowance = min(CALLER_BURST, self._allowance + (now - self._allowed_at) * CALLER_RATE)
        self._allowed_at = now
        n_samples = min(n_samples, max(0, int(allowance)))
        self._allowance = allowance - n_samples
        start = self._tally.filled_ms * SAMPLES_PER_MS % 8000
        self._tally.filled_ms += n_samples // SAMPLES_PER_MS
        audio = self._to_model.feed(_NOISE[start : start + n_samples])
        return [AppendAudio(audio)] if audio else []
