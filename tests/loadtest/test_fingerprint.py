"""A caller's mark is found in whatever an echo does to it, and in nothing else."""

import functools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from gateway.loadtest.fingerprint import N_FINGERPRINTS, Fingerprint, found, plainness
from gateway.loadtest.recording import Recording, default_recording
from gateway.vad import VoiceActivity
from tests.loadtest.calls import silence
from voice_codecs import Downsampler, Upsampler, dtmf_tone, mulaw_decode, mulaw_encode, sine

CALLS = Path(__file__).parent.parent / "recordings" / "calls"
VOICES = ("account_digits", "clipped", "french", "hold_music", "long_pause", "long_turn", "quiet", "short_turns",
          "spelled_name")  # fmt: skip
SEEDS = range(N_FINGERPRINTS)
TEN_SECONDS = 80_000


@functools.cache
def said(name: str) -> bytes:
    """Ten seconds of somebody's audio, or what there is."""
    path = default_recording() if name == "order_status" else CALLS / f"{name}.wav"
    return Recording.read(path).payload[:TEN_SECONDS]


def through_a_model(payload: bytes) -> bytes:
    """8 to 24 to 8 kHz, mu-law at both ends; and some delay."""
    up, down = Upsampler(), Downsampler()
    return silence(137) + mulaw_encode(down.feed(up.feed(mulaw_decode(payload))))


@pytest.mark.parametrize("name", ["order_status", *VOICES])
def test_a_caller_is_known_by_his_echo(name: str) -> None:
    assert found(through_a_model(Fingerprint(77).mixed(said(name))), SEEDS) == 77


@pytest.mark.parametrize("name", ["order_status", *VOICES])
def test_without_a_mark_speech_and_music_are_nobody_s(name: str) -> None:
    assert found(through_a_model(said(name)), SEEDS) is None


@pytest.mark.parametrize("name", ["account_digits", "quiet", "long_turn", "hold_music"])
def test_a_caller_is_known_through_gaps_after_every_200_ms(name: str) -> None:
    echo = through_a_model(Fingerprint(300).mixed(said(name)))
    gaps = np.random.default_rng(1)
    pieces = [
        echo[start : start + 1600] + b"\xff" * int(gaps.integers(40, 1200))
        for start in range(0, len(echo), 1600)
    ]

    assert found(b"".join(pieces), SEEDS) == 300


def test_a_caller_is_known_when_every_50th_frame_is_lost() -> None:
    echo = through_a_model(Fingerprint(300).mixed(said("short_turns")))
    frames = [echo[start : start + 160] for start in range(0, len(echo), 160)]

    assert found(b"".join(frame for n, frame in enumerate(frames) if n % 50), SEEDS) == 300


def test_two_callers_whose_audio_is_swapped_hear_each_other() -> None:
    mine, other = Fingerprint(4).mixed(said("quiet")), Fingerprint(5).mixed(said("french"))

    assert found(through_a_model(other), (4, 5)) == 5
    assert found(through_a_model(mine), (4, 5)) == 4


def test_a_mark_of_somebody_who_is_not_asked_for_is_nobody_s() -> None:
    echo = through_a_model(Fingerprint(4).mixed(said("french")))

    assert found(echo, [seed for seed in SEEDS if seed != 4]) is None
    assert found(echo, []) is None


def test_a_mark_is_found_behind_another_voice() -> None:
    echo = mulaw_decode(Fingerprint(9).mixed(said("french"))).astype(np.int32)
    agent = mulaw_decode(said("order_status")[: echo.size]).astype(np.int32)
    echo[: agent.size] += agent // 4

    assert found(mulaw_encode(np.clip(echo, -32768, 32767).astype(np.int16)), SEEDS) == 9


@pytest.mark.parametrize("seed", [0, 1, 255, 510, 511])
def test_every_caller_has_a_mark_of_his_own(seed: int) -> None:
    scores = plainness(through_a_model(Fingerprint(seed).mixed(said("french"))))

    assert scores[seed] > 30
    assert np.delete(scores, seed).max() < 5


def test_there_are_no_more_callers_than_marks() -> None:
    with pytest.raises(ValueError, match="no fingerprint 512: they are counted from 0 to 511"):
        Fingerprint(512)


@pytest.mark.parametrize(
    "kind", ["noise", "repeated noise", "tones", "keys", "silence", "one window", "clicks"]
)
def test_what_is_no_speech_stays_far_below_the_alarm(kind: str) -> None:
    # The alarm is at 10. Of the worst kinds one score in a million is above 6, and each unit more is five times rarer.
    generator = np.random.default_rng(11)
    best = max(float(plainness(mulaw_encode(_made(kind, generator))).max()) for _ in range(40))

    assert best < 6.5


def _made(kind: str, generator: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    noise = (generator.normal(size=TEN_SECONDS) * 2000).astype(np.int16)
    made = {
        "noise": noise,
        "repeated noise": np.resize(noise[: int(generator.integers(200, 4096))], TEN_SECONDS),
        "tones": sum((sine(float(generator.uniform(300, 3400)), 10_000, 8000) // 3 for _ in range(3)), noise * 0),
        "keys": np.resize(np.append(dtmf_tone("159#"[generator.integers(4)], 90, 8000), noise[:800] * 0), TEN_SECONDS),
        "silence": noise * 0,
        "one window": noise[:2048],
        "clicks": np.where(np.arange(TEN_SECONDS) % int(generator.integers(500, 5000)) == 0, 20_000, 0),
    }  # fmt: skip
    return np.asarray(made[kind], np.int16)


def test_a_long_recording_is_marked_piece_by_piece_without_a_seam() -> None:
    beginning = np.random.default_rng(6).normal(0.0, 3000.0, 300_000).astype(np.int16)
    later = np.concatenate([np.zeros(2560 * 8, np.int16), beginning])  # ten periods
    seam = slice(256_000 - 2560 * 8 - 4000, 256_000 - 2560 * 8 + 4000)

    whole = mulaw_decode(Fingerprint(5).mixed(mulaw_encode(beginning)))
    moved = mulaw_decode(Fingerprint(5).mixed(mulaw_encode(later)))[2560 * 8 :]

    assert np.array_equal(moved[seam], whole[seam])


def test_marking_a_long_recording_takes_little_memory() -> None:
    payload = mulaw_encode(sine(440, 300_000, 8000))
    Fingerprint(5).mixed(payload[:8000])
    tracemalloc.start()
    Fingerprint(5).mixed(payload)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 10 * len(payload)


def test_the_mark_is_about_25_db_below_the_voice_and_pauses_stay_as_they_were() -> None:
    payload = silence(500) + mulaw_encode(sine(1000, 1000, 8000)) + silence(500)

    marked = Fingerprint(3).mixed(payload)

    mark = mulaw_decode(marked).astype(np.float64) - mulaw_decode(payload)
    assert len(marked) == len(payload)
    assert not mark[:3920].any()
    assert not mark[12_160:].any()
    level = 20 * np.log10(mark[4400:11_600].std() / mulaw_decode(payload)[4400:11_600].std())
    assert level == pytest.approx(-24.5, abs=1)
    assert Fingerprint(3).mixed(b"") == b""


@pytest.mark.parametrize("name", ["order_status", *VOICES, "silence"])
def test_the_mark_is_no_speech_to_the_vad_and_hides_none(name: str) -> None:
    plain = np.array(VoiceActivity().feed(mulaw_decode(said(name))))
    marked = np.array(VoiceActivity().feed(mulaw_decode(Fingerprint(300).mixed(said(name)))))

    assert not ((marked > 0.5) & (plain < 0.3)).any()
    assert not ((marked < 0.3) & (plain > 0.85)).any()
    assert np.mean((marked > 0.5) != (plain > 0.5)) < 0.03
