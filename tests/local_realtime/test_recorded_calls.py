"""Recorded calls through mu-law: which turns the embedded server finds by its defaults, and what it understands."""

import functools
from typing import Any

import numpy as np
import pytest

from gateway.local_realtime.configuration import Configuration
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.moonshine_files import installed_files
from tests.benchmarks.recognition import CALLS, Score, words_in_turns
from tests.benchmarks.turn_detection import (
    SERVER_VAD,
    FoundTurn,
    Samples,
    TurnScore,
    found_turns,
    read_call,
    read_manifest,
    turn_score,
)
from tests.local_realtime.test_moonshine import needs_model

pytestmark = pytest.mark.once

LISTED = {call["file"]: call for call in read_manifest(CALLS)}
SPLIT_AT_ITS_OWN_PAUSES = {"long_turn.wav": 1}
"""The talker hesitates for longer than the 500 ms that end a turn."""


def samples_of(name: str) -> Samples:
    return read_call(CALLS / name)


@functools.cache
def turns_of(name: str) -> list[FoundTurn]:
    return list(found_turns(samples_of(name)))


def score_of(call: dict[str, Any]) -> TurnScore:
    return turn_score(turns_of(call["file"]), call["utterances"])


def crackle(clicks_per_second: float) -> Samples:
    """20 s of a bad line: clicks of all levels up to full scale, each gone within some ms, over faint noise."""
    random = np.random.default_rng(8)
    line = random.normal(0, 15, 20 * 8000)
    for at in random.integers(0, line.size - 80, int(20 * clicks_per_second)):
        level, length_ms = random.uniform(1_000, 32_000), random.uniform(0.1, 3)
        line[at : at + 80] += level * random.normal(0, 0.5, 80) * np.exp(-np.arange(80) / (8 * length_ms))
    return np.clip(line, -32_768, 32_767).astype(np.int16)


def test_the_settings_measured_are_the_servers_defaults() -> None:
    assert Configuration.default("m").turn_settings == SERVER_VAD


def test_every_recording_is_listed_with_its_source_and_licence() -> None:
    assert {path.name for path in CALLS.glob("*.wav")} == set(LISTED)
    readme = (CALLS / "README.md").read_text()
    for name, call in LISTED.items():
        assert f"`{name}`" in readme
        assert call["licence"] in readme
        assert samples_of(name).size // 8 == call["duration_ms"]


@pytest.mark.parametrize("name", LISTED)
def test_each_utterance_is_found_and_nothing_else(name: str) -> None:
    score = score_of(LISTED[name])

    assert score.false_turns == []
    assert score.n_missed == 0
    assert score.n_split <= SPLIT_AT_ITS_OWN_PAUSES.get(name, 0)


@pytest.mark.parametrize("name", ["hold_music.wav", "silence.wav"])
def test_where_nobody_speaks_there_is_no_turn(name: str) -> None:
    assert LISTED[name]["utterances"] == []
    assert turns_of(name) == []


def test_no_turn_is_found_in_key_tones() -> None:
    keys = LISTED["keys.wav"]["other_events"]
    assert len(keys) == 4
    assert [turn for turn in turns_of("keys.wav") if any(map(turn.overlaps, keys))] == []


@pytest.mark.parametrize("clicks_per_second", [1, 10, 100])
def test_no_turn_is_found_in_crackle(clicks_per_second: float) -> None:
    assert list(found_turns(crackle(clicks_per_second))) == []


def test_a_caller_who_puts_the_line_on_hold_makes_one_turn_before_and_one_after_the_music() -> None:
    before, music, after = map(samples_of, ("before_hold.wav", "hold_music.wav", "after_hold.wav"))

    turns = list(found_turns(np.concatenate([before, music, after])))

    assert len(turns) == 2
    assert turns[0].end_ms < before.size // 8
    assert turns[1].start_ms > (before.size + music.size) // 8


def test_turns_are_told_soon_and_end_where_the_speech_ends() -> None:
    score = TurnScore()
    for call in LISTED.values():
        score.add(score_of(call))

    assert score.n_utterances == 34
    assert np.median(score.decided_after_ms) <= 250
    assert np.quantile(score.decided_after_ms, 0.9) <= 500
    assert abs(np.median(score.start_errors_ms)) <= 170
    assert abs(np.median(score.end_errors_ms)) <= 50


@needs_model
def test_the_words_of_recorded_calls_are_recognised() -> None:
    decoder = MoonshineDecoder(installed_files())
    score = Score()
    for call in LISTED.values():
        score.add(words_in_turns(decoder, turns_of(call["file"]), call))

    assert score.n_words == 280
    assert score.n_errors / score.n_words <= 0.15
