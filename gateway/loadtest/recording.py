"""Recordings of callers, as test input: any sound file becomes mu-law at 8 kHz, and its utterances are known."""

import importlib.resources
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from gateway.errors import GatewayError
from gateway.loadtest.resampling import resample
from gateway.vad import WINDOW_MS, VoiceActivity
from voice_codecs import MULAW_SILENCE, PCMU_8K, Downsampler, mulaw_decode, mulaw_encode

SAMPLE_RATE = PCMU_8K.sample_rate
PTIME_MS = 20
FRAME_BYTES = PCMU_8K.ms_to_bytes(PTIME_MS)
MAX_DURATION = 3600
"""Seconds of the longest recording that is read."""

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


class Recording(msgspec.Struct, frozen=True):
    """The caller's side of one telephone call."""

    payload: bytes
    """PCMU, 8 kHz, mono."""
    name: str
    """The file's name without its folder."""
    utterances: tuple[Utterance, ...]
    """In order of time, not overlapping."""

    @classmethod
    def read(cls, path: str | Path) -> "Recording":
        """Read any sound file that libsndfile knows (WAV, FLAC, OGG, MP3 and more), at any rate.

        Of several channels the first (left) is taken. The utterances come from the JSON file of the same name beside
        it, a list of ``start_ms``, ``end_ms``, ``text``; without one they are found by voice activity.

        Raises:
            RecordingError: the file is missing, unreadable, no sound, empty, or longer than an hour; or its JSON
                file is wrong.
        """
        path = Path(path)
        samples = _read_8k(path)
        texts = path.with_suffix(".json")
        payload = mulaw_encode(samples)
        duration_ms = PCMU_8K.bytes_to_ms(len(payload))
        if texts.is_file() and texts != path:
            utterances = _read_utterances(texts, duration_ms)
        else:
            utterances = find_utterances(mulaw_decode(payload))
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
        frame = self.payload[index * FRAME_BYTES : (index + 1) * FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, MULAW_SILENCE)


def default_recording() -> Path:
    """Find the recording that ships with the gateway: somebody asks how an order stands, and interrupts the answer."""
    return Path(str(importlib.resources.files("gateway") / "recordings" / "order_status.wav"))


def find_utterances(samples: npt.NDArray[np.int16]) -> tuple[Utterance, ...]:
    """Find who speaks when in samples, shape (n,) at 8 kHz; the edges are as fine as a VAD window, 32 ms."""
    speech = np.flatnonzero(np.array(VoiceActivity().feed(samples)) >= _SPEECH_PROBABILITY) * WINDOW_MS
    if not speech.size:
        return ()
    breaks = np.flatnonzero(np.diff(speech) - WINDOW_MS >= _MIN_PAUSE_MS) + 1
    spans = [(int(part[0]), int(part[-1]) + WINDOW_MS) for part in np.split(speech, breaks)]
    return tuple(Utterance(start, end) for start, end in spans if end - start >= _MIN_UTTERANCE_MS)


def _read_8k(path: Path) -> npt.NDArray[np.int16]:
    if not path.is_file():
        raise RecordingError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
    try:
        samples, sample_rate = _read_first_channel(path)
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


def _read_first_channel(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    with soundfile.SoundFile(path) as file:
        sample_rate, n_frames, blocks = int(file.samplerate), 0, []
        while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
            n_frames += len(block)
            if n_frames > MAX_DURATION * sample_rate:
                raise RecordingError(f"{path}: longer than an hour")
            # float32 holds 16-bit samples exactly, and float files may go beyond full scale
            blocks.append(
                np.clip(np.rint(np.nan_to_num(block[:, 0]) * 32768.0), -32768, 32767).astype(np.int16)
            )
    return np.concatenate(blocks or [np.empty(0, np.int16)]), sample_rate


def _read_utterances(path: Path, duration_ms: int) -> tuple[Utterance, ...]:
    try:
        utterances = msgspec.json.decode(path.read_bytes(), type=tuple[Utterance, ...])
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: not a list of utterances ({error})") from error
    previous_ms = 0
    for each in utterances:
        if not previous_ms <= each.start_ms < each.end_ms <= duration_ms:
            raise RecordingError(
                f"{path}: utterance {each.start_ms} to {each.end_ms} ms is out of order or outside the recording"
            )
        previous_ms = each.end_ms
    return utterances
