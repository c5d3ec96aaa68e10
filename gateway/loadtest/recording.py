"""Recordings of callers, as test input: any sound file becomes mu-law at 8 kHz, and its utterances are known."""

import importlib.resources
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from gateway.errors import GatewayError
from gateway.loadtest.resampling import resample
from gateway.loadtest.segments_cache import SegmentsCache, Spans
from gateway.vad import WINDOW_MS, VoiceActivity
from voice_codecs import MULAW_SILENCE, PCMU_8K, Downsampler, mulaw_decode, mulaw_encode

SAMPLE_RATE = PCMU_8K.sample_rate
PTIME_MS = 20
FRAME_BYTES = PCMU_8K.ms_to_bytes(PTIME_MS)
MAX_DURATION = 3600
"""Seconds of the longest recording that is read."""

Channel = Literal["left", "right"] | int
"""Which channel of a file the caller is on, by name or counted from 0; a mono file has but one to be on."""

_ALGORITHM = "silero-6 1"
"""Names what ``find_utterances`` does; another name when it, or the model, finds anything else."""
_SPEECH_PROBABILITY = 0.5
_MIN_PAUSE_MS = 500
"""A shorter silence does not end an utterance."""
_MIN_UTTERANCE_MS = 100
_BLOCK_FRAMES = 1 << 18


class RecordingError(GatewayError):
    """A recording cannot be used; the message names the file and says why."""


class Utterance(msgspec.Struct, frozen=True):
    """What the caller says in one go."""

    start_ms: int
    """From the recording's start, as is the next."""
    end_ms: int
    text: str | None = None
    """None where nobody wrote it down."""


class CapturedFrame(msgspec.Struct, frozen=True):
    """Audio that Twilio sent in one media message."""

    at: float
    """Seconds since the stream's start message, as in the next two."""
    timestamp_ms: int
    """Twilio's own time of it: where it is in the recording."""
    payload: bytes
    """PCMU, 8 kHz, of any length."""


class CapturedKey(msgspec.Struct, frozen=True):
    """A key that the caller pressed."""

    at: float
    digit: str


class CapturedStop(msgspec.Struct, frozen=True):
    """The end of the stream."""

    at: float


CapturedMessage = CapturedFrame | CapturedKey | CapturedStop


class Recording(msgspec.Struct, frozen=True):
    """The caller's side of one telephone call."""

    payload: bytes
    """PCMU, 8 kHz, mono."""
    name: str
    """The file's name without its folder."""
    utterances: tuple[Utterance, ...]
    """In order of time, not overlapping."""
    messages: tuple[CapturedMessage, ...] = ()
    """Of a captured media stream: what the caller's part of it was made of, in order of time."""

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        channel: Channel = "left",
        utterances: tuple[Utterance, ...] | None = None,
        cache: SegmentsCache | None = None,
    ) -> "Recording":
        """Read any sound file that libsndfile knows (WAV, FLAC, OGG, MP3 and more), at any rate.

        Utterances that are not given come from the JSON file of the same name beside it, a list of ``start_ms``,
        ``end_ms``, ``text``; without one they are found by voice activity, or in the cache.

        Raises:
            RecordingError: the file is missing, unreadable, no sound, empty, or longer than an hour; it has no such
                channel; or the utterances are wrong.
        """
        path = Path(path)
        payload = mulaw_encode(read_samples(path, channel))
        duration_ms = PCMU_8K.bytes_to_ms(len(payload))
        texts = path.with_suffix(".json")
        if utterances is not None:
            check_utterances(path, utterances, duration_ms)
        elif is_file(texts) and texts != path:
            utterances = _read_utterances(texts, duration_ms)
        else:
            utterances = find_utterances(mulaw_decode(payload), cache)
        return cls(payload, path.name, utterances)

    @property
    def duration_ms(self) -> int:
        """Length in whole milliseconds."""
        return PCMU_8K.bytes_to_ms(len(self.payload))

    @property
    def n_frames(self) -> int:
        """Frames of 20 ms, the last one filled up with silence."""
        return -(-len(self.payload) // FRAME_BYTES)

    def frame(self, index: int) -> bytes:
        """Frame ``index`` from 0, 160 bytes; silence beyond the end."""
        return self.excerpt(index * PTIME_MS, 1)

    def excerpt(self, start_ms: int, n_frames: int) -> bytes:
        """PCMU of so many frames from ``start_ms`` on, not below 0; silence beyond the end."""
        start, n_bytes = PCMU_8K.ms_to_bytes(start_ms), n_frames * FRAME_BYTES
        return self.payload[start : start + n_bytes].ljust(n_bytes, MULAW_SILENCE)


def default_recording() -> Path:
    """Find the recording that ships with the gateway: somebody asks how an order stands, and interrupts the answer."""
    return Path(str(importlib.resources.files("gateway") / "recordings" / "order_status.wav"))


def is_file(path: Path) -> bool:
    """Whether there is such a file; not, if no file could have that name or it lies where we may not look."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find_utterances(
    samples: npt.NDArray[np.int16], cache: SegmentsCache | None = None
) -> tuple[Utterance, ...]:
    """Find who speaks when in samples, shape (n,) at 8 kHz; the edges are as fine as a VAD window, 32 ms.

    What a cache knows is not looked for again, and what is found is left there.
    """
    spans = cache.recall(samples, _ALGORITHM, _find_spans) if cache else _find_spans(samples)
    return tuple(Utterance(start, end) for start, end in spans)


def check_utterances(path: Path, utterances: tuple[Utterance, ...], duration_ms: int) -> None:
    """Refuse utterances that are out of order, overlap or leave the recording; ``path`` is who says so."""
    previous_ms = 0
    for each in utterances:
        if not previous_ms <= each.start_ms < each.end_ms <= duration_ms:
            raise RecordingError(
                f"{path}: utterance {each.start_ms} to {each.end_ms} ms is out of order or outside the recording"
            )
        previous_ms = each.end_ms


def _find_spans(samples: npt.NDArray[np.int16]) -> Spans:
    speech = np.flatnonzero(np.array(VoiceActivity().feed(samples)) >= _SPEECH_PROBABILITY) * WINDOW_MS
    if not speech.size:
        return ()
    breaks = np.flatnonzero(np.diff(speech) - WINDOW_MS >= _MIN_PAUSE_MS) + 1
    spans = [(int(part[0]), int(part[-1]) + WINDOW_MS) for part in np.split(speech, breaks)]
    return tuple((start, end) for start, end in spans if end - start >= _MIN_UTTERANCE_MS)


def read_samples(path: Path, channel: Channel = "left") -> npt.NDArray[np.int16]:
    """Read one channel of a sound file, at most an hour, as samples of shape (n,) at 8 kHz.

    Raises:
        RecordingError: it is missing, unreadable, no sound, empty or too long, or has no such channel.
    """
    try:
        if not path.is_file():
            raise RecordingError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
        samples, sample_rate = _read_channel(path, channel)
    except (OSError, RuntimeError, TypeError) as error:  # libsndfile's, and its TypeError for headerless .raw
        raise RecordingError(f"{path}: not a sound file that can be read ({error})") from error
    if not samples.size:
        raise RecordingError(f"{path}: there is no audio in it")
    if sample_rate == SAMPLE_RATE:
        return samples
    if sample_rate == 3 * SAMPLE_RATE:
        down = Downsampler()
        return np.concatenate([down.feed(samples), down.flush()])
    return resample(samples, sample_rate, SAMPLE_RATE)


def _read_channel(path: Path, channel: Channel) -> tuple[npt.NDArray[np.int16], int]:
    with soundfile.SoundFile(path) as file:
        sample_rate, n_frames, blocks = int(file.samplerate), 0, []
        index = _channel_index(path, channel, int(file.channels))
        while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
            n_frames += len(block)
            if n_frames > MAX_DURATION * sample_rate:
                raise RecordingError(f"{path}: longer than an hour")
            # float32 holds 16-bit samples exactly, and float files may go beyond full scale
            blocks.append(
                np.clip(np.rint(np.nan_to_num(block[:, index]) * 32768.0), -32768, 32767).astype(np.int16)
            )
    return np.concatenate(blocks or [np.empty(0, np.int16)]), sample_rate


def _channel_index(path: Path, channel: Channel, n_channels: int) -> int:
    if n_channels == 1 and channel in ("left", "right"):
        return 0
    index = {"left": 0, "right": 1}[channel] if isinstance(channel, str) else channel
    if not 0 <= index < n_channels:
        raise RecordingError(f"{path}: there is no channel {channel}, counted from 0, of {n_channels}")
    return index


def _read_utterances(path: Path, duration_ms: int) -> tuple[Utterance, ...]:
    try:
        utterances = msgspec.json.decode(path.read_bytes(), type=tuple[Utterance, ...])
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: not a list of utterances ({error})") from error
    check_utterances(path, utterances, duration_ms)
    return utterances
