"""Which turns of recorded calls are found, and how many words recognised: ``python -m tests.benchmarks.recognition``.

Takes ``tests/recordings/calls``, or a folder of sound files, mono at 8 kHz, and a ``manifest.json`` that names them in
``calls``, each with its ``utterances`` (``start_ms``, ``end_ms``, ``text``, and ``language`` where it is not English:
those count as turns, not as words). Prints, asserts nothing.
"""

import argparse
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.moonshine_files import installed_files
from gateway.local_realtime.segments import segments
from tests.benchmarks.turn_detection import (
    COLUMNS,
    FoundTurn,
    Samples,
    TurnScore,
    found_turns,
    read_call,
    read_manifest,
    turn_score,
)

CALLS = Path(__file__).parent.parent / "recordings" / "calls"
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
SMALL = [*ONES.split(), "seventeen", "eighteen", "nineteen"]
TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}  # fmt: skip


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


def words_in_turns(decoder: MoonshineDecoder, turns: Iterable[FoundTurn], call: dict[str, Any]) -> Score:
    """Recognise the turns of a call; one that is not all in English is left out."""
    utterances = english(call)
    if len(utterances) < len(call["utterances"]):
        return Score()
    reference = [word for each in utterances for word in normalised(each["text"])]
    return recognised(decoder, (turn.audio for turn in turns), reference)


def words_as_listed(decoder: MoonshineDecoder, samples: Samples, call: dict[str, Any]) -> Score:
    """Recognise the utterances of a call, cut as its manifest says."""
    score = Score()
    for each in english(call):
        speech = samples[each["start_ms"] * 8 : each["end_ms"] * 8]
        score.add(recognised(decoder, [speech], normalised(each["text"])))
    return score


def english(call: dict[str, Any]) -> list[dict[str, Any]]:
    """The utterances of a call that are in English."""
    return [each for each in call["utterances"] if each.get("language", "en").startswith("en")]


def measure(folder: Path) -> None:
    """Print a row for each call and one for all, of words and of turns."""
    decoder = MoonshineDecoder(installed_files())
    columns = f"{'WER':>8}{'ms/s':>7}{'worst':>7}"
    print(f"{'':<40}{'utterances as listed':>22}  {'turns as detected':>22}")
    print(f"{'call':<34}{'words':>6}{columns}  {columns}{COLUMNS}")
    all_cut, all_turns, all_found = Score(), Score(), TurnScore()
    for call in read_manifest(folder):
        samples = read_call(folder / call["file"])
        turns = list(found_turns(samples))
        cut, words = words_as_listed(decoder, samples, call), words_in_turns(decoder, turns, call)
        found = turn_score(turns, call["utterances"])
        all_cut.add(cut)
        all_turns.add(words)
        all_found.add(found)
        print(f"{call['file'][:34]:<34}{cut.n_words:6}{cut.cells()}  {words.cells()}{found.cells()}")
    print(f"{'all':<34}{all_cut.n_words:6}{all_cut.cells()}  {all_turns.cells()}{all_found.cells()}")
    print(LEGEND)


LEGEND = """\
ms/s: CPU per second of speech; worst: ms of CPU for one utterance; w: words found where nobody speaks
false: turns that overlap no utterance; split: turns beyond the first of an utterance; start, end: lateness of a turn
without padding and silence, known: from an utterance's start until its turn is told; median / p90 of the sizes"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=CALLS, help="calls with their manifest.json")
    measure(parser.parse_args().folder)
