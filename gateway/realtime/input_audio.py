"""The caller audio of a session, measured from its start as the server does."""

from voice_codecs import AudioFormat

MAX_KEPT_MS = 60_000


class InputAudio:
    """Counts the audio appended in one session and, with ``keep``, holds the latest 60 s of it.

    Positions are milliseconds of all audio ever appended in the session, as in speech_started and speech_stopped.
    They stay right when old audio is let go, and one that was never reached, or is gone, gives what there is.
    """

    def __init__(self, audio_format: AudioFormat, *, keep: bool) -> None:
        self._format = audio_format
        self._keep = keep
        self._kept = bytearray()
        self._n_bytes = 0

    @property
    def duration_ms(self) -> int:
        """How much was appended since the session began."""
        return self._format.bytes_to_ms(self._n_bytes)

    @property
    def n_kept_bytes(self) -> int:
        """How much is held now."""
        return len(self._kept)

    def append(self, audio: bytes | bytearray | memoryview) -> None:
        """Account for audio that was sent to the server, whole samples in the format of the session."""
        self._n_bytes += len(audio)
        if self._keep:
            self._kept += audio
            excess = len(self._kept) - self._format.ms_to_bytes(MAX_KEPT_MS)
            if excess > 0:
                del self._kept[:excess]

    def count_between(self, start_ms: int, end_ms: int) -> int:
        """Bytes that were appended between two positions."""
        start, end = self._offsets(start_ms, end_ms)
        return end - start

    def between(self, start_ms: int, end_ms: int) -> bytes:
        """The audio between two positions, as far as it is held."""
        first = self._n_bytes - len(self._kept)
        start, end = self._offsets(start_ms, end_ms)
        return bytes(self._kept[max(0, start - first) : max(0, end - first)])

    def trim(self, before_ms: int) -> None:
        """Let go of the audio before a position."""
        first = self._n_bytes - len(self._kept)
        _, end = self._offsets(0, before_ms)
        del self._kept[: max(0, end - first)]

    def restart(self) -> None:
        """Begin at 0 again, for a new session."""
        self._kept.clear()
        self._n_bytes = 0

    def _offsets(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        end = min(self._format.ms_to_bytes(max(0, end_ms)), self._n_bytes)
        return min(self._format.ms_to_bytes(max(0, start_ms)), end), end
