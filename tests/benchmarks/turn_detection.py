"""Which turns the embedded server finds in recorded calls, and how well they fit what was said."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.local_realtime.formats import Pcmu
from gateway.local_realtime.input_buffer import InputBuffer
from gateway.local_realtime.turns import SpeechStarted, SpeechStopped, TurnSettings
from voice_codecs import mulaw_encode

Samples = npt.NDArray[np.int16]
"""PCM16 at 8 kHz, shape (n,)."""
FRAME_SAMPLES = 160
SERVER_VAD = TurnSettings(
    threshold=0.5,
    prefix_padding_ms=300,
    silence_duration_ms=500,
    create_response=True,
    interrupt_response=True,
)
"""The protocol's defaults."""


@dataclass(frozen=True)
class FoundTurn:
    """One turn as the server tells it, its padding and its final silence taken off again."""

    start_ms: int
    end_ms: int
    decided_ms: int
    """How much of the call had been heard when the server knew of the turn."""
    audio: Samples
    """What the recogniser gets, padding and silence included."""

    def overlaps(self, span: dict[str, Any]) -> bool:
        """Whether some of it lies between the span's ``start_ms`` and ``end_ms``."""
        return bool(self.start_ms < span["end_ms"] and self.end_ms > span["start_ms"])


@dataclass
class TurnScore:
    """How the turns found fit the utterances."""

    n_utterances: int = 0
    n_turns: int = 0
    n_missed: int = 0
    """Utterances without a turn."""
    n_split: int = 0
    """Turns beyond the first of an utterance."""
    false_turns: list[FoundTurn] = field(default_factory=list)
    """Turns that overlap no utterance."""
    start_errors_ms: list[int] = field(default_factory=list)
    """Positive: later than the utterance. Only of turns that begin one."""
    end_errors_ms: list[int] = field(default_factory=list)
    decided_after_ms: list[int] = field(default_factory=list)
    """From an utterance's start until the server knew."""

    def add(self, other: "TurnScore") -> None:
        """Take in another's."""
        self.n_utterances += other.n_utterances
        self.n_turns += other.n_turns
        self.n_missed += other.n_missed
        self.n_split += other.n_split
        self.false_turns += other.false_turns
        self.start_errors_ms += other.start_errors_ms
        self.end_errors_ms += other.end_errors_ms
        self.decided_after_ms += other.decided_after_ms

    def cells(self) -> str:
        """The figures as columns."""
        counts = (self.n_utterances, self.n_missed, self.n_turns, len(self.false_turns), self.n_split)
        times = (self.start_errors_ms, self.end_errors_ms, self.decided_after_ms)
        return "".join(f"{count:7}" for count in counts) + "".join(
            f"{median_p90(each):>12}" for each in times
        )


COLUMNS = (
    "".join(f"{name:>7}" for name in ("said", "missed", "turns", "false", "split"))
    + "".join(f"{name:>12}" for name in ("start ms", "end ms", "known ms"))
)  # fmt: skip


def median_p90(values: Sequence[int]) -> str:
    """Median and 90th percentile; of errors, which may be early or late, that of their size."""
    if not values:
        return "-"
    return f"{np.median(values):.0f} / {np.quantile(np.abs(values), 0.9):.0f}"


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Give the calls that a folder's ``manifest.json`` lists."""
    calls: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["calls"]
    return calls


def read_call(path: Path) -> Samples:
    """Give a recording, which must be mono at 8 kHz.

    Raises:
        ValueError: it is not.
    """
    samples, sample_rate = soundfile.read(path, dtype="int16")
    if sample_rate != 8000 or samples.ndim != 1:
        raise ValueError(f"{path.name} is not mono at 8 kHz")
    return np.asarray(samples, np.int16)


def found_turns(samples: Samples, settings: TurnSettings = SERVER_VAD) -> Iterator[FoundTurn]:
    """Give the turns that the embedded server finds in a call of 20 ms mu-law frames and a second of silence."""
    ears = InputBuffer(Pcmu(), remembers=True)
    payload = mulaw_encode(np.concatenate([samples, np.zeros(8000, np.int16)]))
    start_ms = decided_ms = 0
    for start in range(0, len(payload), FRAME_SAMPLES):
        ears.append(payload[start : start + FRAME_SAMPLES])
        for turn in ears.hear(settings):
            match turn:
                case SpeechStarted(audio_start_ms):
                    decided_ms = (start + FRAME_SAMPLES) // 8
                    # Padding that the turn before has taken already is not there to be taken off.
                    start_ms = min(audio_start_ms + settings.prefix_padding_ms, decided_ms)
                case SpeechStopped(audio_end_ms):
                    end_ms = audio_end_ms - settings.silence_duration_ms
                    audio = ears.recall(*ears.end_turn(audio_end_ms))
                    yield FoundTurn(start_ms, end_ms, decided_ms, audio)


def turn_score(turns: Iterable[FoundTurn], utterances: list[dict[str, Any]]) -> TurnScore:
    """Compare a call's turns with its utterances, both in order of time."""
    turns = list(turns)
    score = TurnScore(n_utterances=len(utterances), n_turns=len(turns))
    score.false_turns = [turn for turn in turns if not any(map(turn.overlaps, utterances))]
    for said in utterances:
        own = [turn for turn in turns if turn.overlaps(said)]
        score.n_missed += not own
        score.n_split += max(0, len(own) - 1)
        others = [each for each in utterances if each is not said]
        if own and not any(own[0].overlaps(each) for each in others if each["start_ms"] < said["start_ms"]):
            score.start_errors_ms.append(own[0].start_ms - said["start_ms"])
            score.decided_after_ms.append(own[0].decided_ms - said["start_ms"])
        if own and not any(own[-1].overlaps(each) for each in others if each["start_ms"] > said["start_ms"]):
            score.end_errors_ms.append(own[-1].end_ms - said["end_ms"])
    return score
