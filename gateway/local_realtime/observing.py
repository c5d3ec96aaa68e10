"""Takes note of what passes between the embedded server and a client. No I/O and no clock."""

from dataclasses import dataclass, field

from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.protocol import AppendAudio, TruncateItem, decode_client_event
from gateway.local_realtime.server_events import Event
from gateway.observed import RATIO, VERSION, Appended, Encoding, Observed, ObservedItem, Passed, Truncation

MAX_KEPT_SAMPLES = 30 * 24_000
"""Of either side's audio in one session: 1.4 MB."""
MAX_APPENDS = 200_000
"""An hour of 20 ms each, and some; 100 bytes each in memory. What comes after that is not noted."""
MAX_DELTAS = 50_000
"""Nearly three hours of 200 ms each."""
MAX_TRUNCATIONS = 10_000

_SAMPLES: dict[Encoding, tuple[int, int]] = {"pcm16": (1, 2), "pcmu": (RATIO, 1)}
"""Samples at 24 kHz in so many bytes."""


@dataclass
class _Item:
    encoding: Encoding
    deltas: list[Passed] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)


class Recorder:
    """Observes one session. Every ``now`` is seconds of ``time.monotonic()``.

    It holds 3 MB of audio, and 5 kB for each second of frames of 20 ms; never more than 30 MB.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._encoding: Encoding = "pcm16"
        self._first_encoding: Encoding = "pcm16"
        self._appends: list[Appended] = []
        self._input_chunks: list[bytes] = []
        self._n_input_kept = 0
        self._items: dict[str, _Item] = {}
        self._n_deltas = 0
        self._n_output_kept = 0
        self._truncations: list[Truncation] = []
        self._response: tuple[str, Encoding] | None = None
        """The latest one of the conversation, and its format: there is one at a time."""

    def received(self, text: str | bytes, now: float, late: float = 0.0) -> None:
        """Take note of what the client sent; what is no event of the protocol is left to the session.

        It may have been there for ``late`` seconds already.
        """
        try:
            event = decode_client_event(text)
        except ClientEventError:
            return
        match event:
            case AppendAudio(audio=audio):
                self._appended(audio, now, late)
            case TruncateItem(item_id=item_id, audio_end_ms=audio_end_ms):
                if item_id in self._items and len(self._truncations) < MAX_TRUNCATIONS:
                    self._truncations.append(Truncation(item_id, audio_end_ms, now))
            case _:
                pass

    def sent(self, event: Event, now: float) -> None:
        """Take note of an event that goes to the client."""
        match event["type"]:
            case "session.created" | "session.updated":
                self._encoding = _encoding(event["session"]["audio"]["input"])
            case "response.created":
                response = event["response"]
                if response["conversation_id"] is not None:  # else nobody is to hear it
                    self._response = response["id"], _encoding(response["audio"]["output"])
            case "response.output_audio.delta":
                self._said(event, now)

    def observed(self) -> Observed:
        """Give what has been noted."""
        return Observed(
            VERSION,
            self._session_id,
            self._first_encoding,
            tuple(self._appends),
            tuple(self._input_chunks),
            tuple(
                ObservedItem(item_id, item.encoding, tuple(item.deltas), tuple(item.chunks))
                for item_id, item in self._items.items()
            ),
            tuple(self._truncations),
        )

    def _appended(self, audio: bytes, now: float, late: float) -> None:
        if len(self._appends) >= MAX_APPENDS:
            return
        if not self._appends:
            self._first_encoding = self._encoding
        self._appends.append(Appended(now, _n_samples(audio, self._encoding), late))
        if self._encoding != self._first_encoding:
            self._n_input_kept = MAX_KEPT_SAMPLES
        if kept := audio[: _n_bytes(MAX_KEPT_SAMPLES - self._n_input_kept, self._encoding)]:
            self._input_chunks.append(kept)
            self._n_input_kept += _n_samples(kept, self._encoding)

    def _said(self, event: Event, now: float) -> None:
        if (
            self._response is None
            or event["response_id"] != self._response[0]
            or self._n_deltas >= MAX_DELTAS
        ):
            return
        encoding = self._response[1]
        item = self._items.setdefault(event["item_id"], _Item(encoding))
        chunk: bytes = event["delta"]
        n_samples = _n_samples(chunk, encoding)
        item.deltas.append(Passed(now, n_samples))
        self._n_deltas += 1
        self._n_output_kept += n_samples
        if self._n_output_kept <= MAX_KEPT_SAMPLES:
            item.chunks.append(chunk)


def _encoding(direction: Event) -> Encoding:
    return "pcmu" if direction["format"]["type"] == "audio/pcmu" else "pcm16"


def _n_samples(audio: bytes, encoding: Encoding) -> int:
    n_samples, n_bytes = _SAMPLES[encoding]
    return len(audio) // n_bytes * n_samples


def _n_bytes(n: int, encoding: Encoding) -> int:
    n_samples, n_bytes = _SAMPLES[encoding]
    return n // n_samples * n_bytes
