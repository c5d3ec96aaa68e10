"""How many words of recorded calls are recognised, and what it costs: ``python -m tests.benchmarks.recognition FOLDER``.

FOLDER holds sound files, mono at 8 kHz, and a ``manifest.json`` that names them in ``calls``, each with its
``utterances`` (``start_ms``, ``end_ms``, ``text``, and ``language`` where it is not English, which are left out).
Prints, asserts nothing.
"""

import argparse
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.local_realtime.formats import Pcmu
from gateway.local_realtime.input_buffer import InputBuffer
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.moonshine_files import installed_files
from gateway.local_realtime.segments import segments
from gateway.local_realtime.turns import SpeechStopped, TurnSettings
from voice_codecs import mulaw_encode

Samples = npt.NDArray[np.int16]
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
SMALL = [*ONES.split(), "seventeen", "eighteen", "nineteen"]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}  # fmt: skip
TURNS = TurnSettings(
    threshold=0.5,
    prefix_padding_ms=300,
    silence_duration_ms=500,
    create_response=True,
    interrupt_response=True,
)


def normalised(text: str) -> list[str]:
    """Words to compare: lower case, no punctuation, numbers in words, spelled letters one by one."""
    text = re.sub(r"(?<=\d)[,:](?=\d)", " ", text.lower()).replace("a.m", "am").replace("p.m", "pm")
    text = re.sub(r"['\u2019]", "", text)
    found = re.findall(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+", text)
    return [word for each in found for word in (spoken(each) if each[0].isdigit() else [each])]


def spoken(number: str) -> list[str]:
    """The words of a number: two digits as a number, more one by one."""
    digits = number.rstrip("stndrh")
    if len(digits) > 2:
        words = [SMALL[int(digit)] for digit in digits]
    elif int(digits) < 20:
        words = [SMALL[int(digits)]]
    else:
        words = [TENS[int(digits[0])], *([SMALL[int(digits[1])]] if digits[1] != "0" else [])]
    if digits != number:
        last = words[-1]
        words[-1] = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return words


def word_errors(reference: list[str], found: list[str]) -> int:
    """The fewest words to insert, leave out or exchange to come from one text to the other."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


@dataclass
class Score:
    """Words and costs of some speech."""

    n_words: int = 0
    n_errors: int = 0
    n_found: int = 0
    seconds: float = 0.0
    cost_ms: list[float] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        """Take in another's."""
        self.n_words += other.n_words
        self.n_errors += other.n_errors
        self.n_found += other.n_found
        self.seconds += other.seconds
        self.cost_ms += other.cost_ms

    def cells(self) -> str:
        """The figures as columns: WER, CPU ms per second of speech, and ms of the costliest piece."""
        rate = f"{100 * self.n_errors / self.n_words:5.1f}%" if self.n_words else f"{self.n_found:3} w "
        cost = sum(self.cost_ms) / self.seconds if self.seconds else 0.0
        return f"{rate:>8}{cost:7.1f}{max(self.cost_ms, default=0.0):7.0f}"


def recognised(decoder: MoonshineDecoder, pieces: Iterable[Samples], reference: list[str]) -> Score:
    """Recognise pieces of speech that say a text together, as the recogniser does."""
    score = Score(n_words=len(reference))
    found: list[str] = []
    for whole in pieces:
        score.seconds += whole.size / 8000
        start = time.thread_time()
        words = [decoder.words(piece) for piece in segments(whole)]
        score.cost_ms.append((time.thread_time() - start) * 1000)
        found += normalised(" ".join(words))
    score.n_found = len(found)
    score.n_errors = word_errors(reference, found)
    return score


def found_turns(samples: Samples) -> Iterator[Samples]:
    """The turns that the embedded server finds by its default settings, padding and final silence included."""
    ears = InputBuffer(Pcmu(), remembers=True)
    padded = np.concatenate([samples, np.zeros(8000, np.int16)])
    ears.append(mulaw_encode(padded))
    while ears.has_unheard:
        for turn in ears.hear(TURNS):
            if isinstance(turn, SpeechStopped):
                yield ears.recall(*ears.end_turn(turn.audio_end_ms))


def scores(decoder: MoonshineDecoder, call: dict[str, Any], folder: Path) -> tuple[Score, Score]:
    """One call: its utterances cut as the manifest says, and its turns as the server finds them."""
    samples, sample_rate = soundfile.read(folder / call["file"], dtype="int16")
    if sample_rate != 8000 or samples.ndim != 1:
        raise SystemExit(f"{call['file']}: not mono at 8 kHz")
    utterances = [each for each in call["utterances"] if each.get("language", "en").startswith("en")]
    foreign = len(utterances) < len(call["utterances"])
    cut = Score()
    for each in utterances:
        speech = samples[each["start_ms"] * 8 : each["end_ms"] * 8]
        cut.add(recognised(decoder, [speech], normalised(each["text"])))
    reference = [word for each in utterances for word in normalised(each["text"])]
    turns = Score() if foreign else recognised(decoder, found_turns(samples), reference)
    return cut, turns


def measure(folder: Path) -> None:
    """Print a row for each call and one for all."""
    calls = json.loads((folder / "manifest.json").read_text())["calls"]
    decoder = MoonshineDecoder(installed_files())
    columns = f"{'WER':>8}{'ms/s':>7}{'worst':>7}"
    print(f"{'':<40}{'utterances as listed':>22}  {'turns as detected':>22}")
    print(f"{'call':<34}{'words':>6}{columns}  {columns}")
    all_cut, all_turns = Score(), Score()
    for call in calls:
        cut, turns = scores(decoder, call, folder)
        all_cut.add(cut)
        all_turns.add(turns)
        print(f"{call['file'][:34]:<34}{cut.n_words:6}{cut.cells()}  {turns.cells()}")
    print(f"{'all':<34}{all_cut.n_words:6}{all_cut.cells()}  {all_turns.cells()}")
    print(
        "ms/s: CPU per second of speech; worst: ms of CPU for one utterance; w: words found where nobody speaks"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="recorded calls with their manifest.json")
    measure(parser.parse_args().folder)
