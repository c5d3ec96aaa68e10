"""The input audio buffer: what the caller sent since the last commit, and the turns found in it."""

from collections.abc import Iterator

from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.formats import AudioFormat, Samples, bytes_per_ms
from gateway.local_realtime.hearing import Hearing
from gateway.local_realtime.turns import SpeechStarted, SpeechStopped, TurnDetector, TurnSettings

_SLICE_MS = 1000
"""Heard in one go: 5 ms of CPU, so that an append of minutes does not make other sessions wait."""
_SHORTEST_COMMIT_MS = 100


class InputBuffer:
    """Places and durations of caller audio. The audio itself goes through `Hearing` and is not kept here.

    All times are ms of all audio ever appended in the session.
    """

    def __init__(self, audio_format: AudioFormat, *, remembers: bool) -> None:
        self._format = audio_format
        self._hearing = Hearing(audio_format, remembers=remembers)
        self._detector = TurnDetector()
        self._unheard = memoryview(b"")
        self._heard_ms = 0.0
        self._start_ms = 0

    @property
    def has_unheard(self) -> bool:
        """Whether appended audio is waiting for `hear`."""
        return len(self._unheard) > 0

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks, as far as was heard."""
        return self._detector.speaking

    @property
    def span(self) -> tuple[int, int]:
        """Start and end of the audio in the buffer, as far as it was heard; in a turn, the turn's."""
        return self._start_ms, int(self._heard_ms)

    def append(self, payload: bytes) -> None:
        """Add caller audio in the current format; all that was appended before must have been heard."""
        self._unheard = memoryview(payload)

    def hear(self, settings: TurnSettings | None) -> Iterator[SpeechStarted | SpeechStopped]:
        """Listen to the next second at most of the appended audio; tell the turns that begin and end in it."""
        n_bytes = _SLICE_MS * bytes_per_ms(self._format)
        payload, self._unheard = self._unheard[:n_bytes], self._unheard[n_bytes:]
        self._heard_ms += len(payload) / bytes_per_ms(self._format)
        yield from self._judge(self._hearing.hear(bytes(payload)), settings)

    def change_format(
        self, audio_format: AudioFormat, settings: TurnSettings | None
    ) -> Iterator[SpeechStarted | SpeechStopped]:
        """Expect another format, after all appended audio was heard; tell turns as `hear` does."""
        if audio_format != self._format:
            self._format = audio_format
            yield from self._judge(self._hearing.change_format(audio_format), settings)

    def end_turn(self, end_ms: int) -> tuple[int, int]:
        """Take the audio up to ``end_ms`` out of the buffer; give its start and end."""
        span = self._start_ms, end_ms
        self._start_ms = end_ms
        return span

    def commit(self) -> tuple[int, int]:
        """Take all audio out of the buffer; give its start and end.

        Raises:
            ClientEventError: it is shorter than 100 ms.
        """
        held_ms = self._heard_ms - self._start_ms
        if held_ms < _SHORTEST_COMMIT_MS:
            raise ClientEventError(
                f"Error committing input audio buffer: buffer too small. Expected at least "
                f"{_SHORTEST_COMMIT_MS}ms of audio, but buffer only has {max(0.0, held_ms):.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        return self.take_all()

    def take_all(self) -> tuple[int, int]:
        """Take all audio out of the buffer, however little; give its start and end."""
        self._detector.reset()
        return self.end_turn(int(self._heard_ms))

    def clear(self) -> None:
        """Forget the audio in the buffer, and any turn that has begun in it."""
        self._detector.reset()
        self._start_ms = int(self._heard_ms)

    def forget_turn(self) -> None:
        """Take the caller for silent until speech is heard anew."""
        self._detector.reset()

    def recall(self, start_ms: int, end_ms: int) -> Samples:
        """Give audio for recognition, PCM16 at 8 kHz."""
        return self._hearing.recall(start_ms, end_ms)

    def _judge(
        self, probabilities: list[float], settings: TurnSettings | None
    ) -> Iterator[SpeechStarted | SpeechStopped]:
        for probability in probabilities:
            if settings is None:
                self._detector.skip()
                continue
            match self._detector.feed(probability, settings):
                case SpeechStarted(audio_start_ms):
                    self._start_ms = max(self._start_ms, audio_start_ms)
                    yield SpeechStarted(self._start_ms)
                case SpeechStopped() as stopped:
                    yield stopped
                case None:
                    pass
