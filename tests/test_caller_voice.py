import numpy as np
import pytest

from gateway.caller_voice import CallerVoice
from voice_codecs import line_noise, mulaw_encode, sine

FRAME = 160


def heard(voice: CallerVoice, payload: bytes, since: float = 0.0) -> float:
    """Give audio that begins at ``since`` to a voice, frame by frame; return when it ends."""
    now = since
    for start in range(0, len(payload), FRAME):
        now = since + (start + len(payload[start : start + FRAME])) / 8000
        voice.take(payload[start : start + FRAME], now)
    return now


def noise(ms: int, dbfs: float) -> bytes:
    """Noise whose mean level is so high."""
    samples = np.random.default_rng(3).normal(0, 32768 * 10 ** (dbfs / 20), ms * 8)
    return mulaw_encode(np.clip(np.rint(samples), -32768, 32767).astype(np.int16))


def tone(ms: int) -> bytes:
    return mulaw_encode(sine(300.0, ms, 8000))


SILENCE = bytes([0xFF])


def test_last_voiced_sample_is_where_the_tone_ends() -> None:
    voice = CallerVoice()

    heard(voice, SILENCE * 4000 + tone(1007) + SILENCE * 8000)

    assert voice.talkspurt_at == pytest.approx(0.5, abs=0.003)
    assert voice.last_voiced_at == pytest.approx(1.507, abs=0.003)


def test_silence_and_line_noise_are_never_voiced() -> None:
    voice = CallerVoice()

    heard(voice, SILENCE * 8000 + mulaw_encode(line_noise(3000, 8000)) + SILENCE * 8000)

    assert voice.last_voiced_at is None


@pytest.mark.parametrize("dbfs", [-55.0, -48.0, -42.0])
def test_speech_is_told_from_the_noise_of_the_place(dbfs: float) -> None:
    voice = CallerVoice()

    end = heard(voice, noise(3000, dbfs))
    end = heard(voice, tone(800), end)
    heard(voice, noise(2000, dbfs), end)

    assert voice.talkspurt_at == pytest.approx(3.0, abs=0.03)
    assert voice.last_voiced_at == pytest.approx(3.8, abs=0.03)


def test_pause_within_a_sentence_does_not_begin_another_talkspurt() -> None:
    voice = CallerVoice()

    end = heard(voice, SILENCE * 800 + tone(500) + SILENCE * 8 * 300 + tone(500))
    assert voice.talkspurt_at == pytest.approx(0.1, abs=0.003)
    end = heard(voice, SILENCE * 8 * 500, end)
    heard(voice, tone(100), end)

    assert voice.talkspurt_at == pytest.approx(end, abs=0.003)


def test_empty_frame_changes_nothing() -> None:
    voice = CallerVoice()
    voice.take(b"", 1.0)

    assert (voice.last_voiced_at, voice.talkspurt_at) == (None, None)
