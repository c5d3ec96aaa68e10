"""What one media stream tells monitoring: how fast the agent is heard, and how well we know what was heard.

No I/O and no clock: what happens and now in, observations into the metrics.
"""

from collections import deque
from dataclasses import dataclass

from gateway.caller_voice import SAMPLE_RATE, CallerVoice
from gateway.metrics import Metrics

RECENTLY = 1.0
"""Seconds: a voiced sample that long before the model's word for it still belongs to what the model has heard."""


@dataclass(slots=True)
class _Sent:
    """Audio with a mark behind it."""

    mark_name: str
    seconds: float
    sent_at: float
    over_at: float
    """When it has sounded, if the carrier plays it as soon as it is sent."""
    waiting: float
    """Seconds of audio before it at the carrier."""
    answers: float | None = None
    """The caller's last voiced sample, if this is the beginning of the answer to it."""


class StreamMeasures:
    """The measures of one media stream; times are seconds on any clock that does not go back."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._voice = CallerVoice()
        self._admitted_at: float | None = None
        """Until the first sound was heard."""
        self._speech_at = 0.0
        self._unanswered: float | None = None
        """The last voiced sample of a turn whose answer has not begun."""
        self._pending: deque[_Sent] = deque()
        self._plays_since = 0.0
        self._plays_until = 0.0
        self._confirmed_at = 0.0

    def started(self, admitted_at: float | None, now: float) -> None:
        """Take the stream's start; ``admitted_at`` is the webhook's time, None for a call's later streams."""
        self._admitted_at = admitted_at
        self._observe_setup("stream", now)

    def model_ready(self, now: float) -> None:
        """Take note that the model's session is there for the stream."""
        self._observe_setup("ready", now)

    def caller_audio(self, payload: bytes, now: float) -> None:
        """Take audio of the caller, mu-law."""
        self._voice.take(payload, now)

    def speech_started(self, now: float) -> None:
        """Take note that the model hears the caller begin."""
        self._speech_at, self._unanswered = now, None

    def speech_stopped(self) -> None:
        """Take note that the model has heard the caller stop, and will answer."""
        last = self._voice.last_voiced_at
        if last is not None and last > self._speech_at - RECENTLY:
            self._unanswered = last

    def sent(self, n_samples: int, mark_name: str, now: float) -> None:
        """Take note of audio that was sent, and of the mark behind it."""
        seconds = n_samples / SAMPLE_RATE
        if not self._pending:
            self._confirmed_at = self._plays_since = now
        waiting = max(0.0, self._plays_until - now)
        self._plays_until = now + waiting + seconds
        self._pending.append(_Sent(mark_name, seconds, now, self._plays_until, waiting))

    def model_spoke(self, now: float, *, is_new: bool) -> None:
        """Take note that audio of the model came at ``now``, and was sent since, if it is to be heard at all.

        ``is_new`` says that it is the beginning of an item.
        """
        sent = None
        for each in reversed(self._pending):
            if each.sent_at < now:
                break
            sent = each
        if sent is None:
            return
        if not is_new:
            self._metrics.carrier_buffer.observe(sent.waiting)
        if self._unanswered is not None:
            sent.answers, self._unanswered = self._unanswered, None

    def cleared(self, now: float) -> None:
        """Take note that the carrier was told to fall silent."""
        self._pending.clear()
        self._plays_until = now
        voice = self._voice
        if (
            voice.talkspurt_at is None
            or voice.last_voiced_at is None
            or now - voice.last_voiced_at > RECENTLY
        ):
            return  # it was not the caller's voice that did it
        self._metrics.barge_in_stop.observe(now - max(voice.talkspurt_at, self._plays_since))

    def marked(self, name: str, now: float) -> None:
        """Take a mark that came back; one that is not waited for says nothing."""
        if all(sent.mark_name != name for sent in self._pending):
            return
        played = 0.0
        begun: list[tuple[_Sent, float]] = []
        while True:
            sent = self._pending.popleft()
            begun.append((sent, played))
            played += sent.seconds
            if sent.mark_name == name:
                break
        self._observe_correction(now - self._confirmed_at - played)
        self._confirmed_at = now
        self._metrics.mark_round_trip.observe(max(0.0, now - sent.over_at))
        for each, before in begun:
            self._sounded(each, now - played + before)

    def _sounded(self, sent: _Sent, since: float) -> None:
        """Take note that audio is known to have sounded from a moment on."""
        if self._admitted_at is not None:
            self._observe_setup("heard", since)
            self._admitted_at = None
        if sent.answers is not None:
            self._metrics.turn_latency.observe(max(0.0, since - sent.answers))

    def _observe_correction(self, ahead: float) -> None:
        """Take by how many seconds the clock was ahead of the mark."""
        self._metrics.heard_correction.labels("back" if ahead > 0 else "forward").observe(abs(ahead))

    def _observe_setup(self, until: str, now: float) -> None:
        if self._admitted_at is not None:
            self._metrics.setup.labels(until).observe(max(0.0, now - self._admitted_at))
