import math

import numpy as np
import pytest

from voice_codecs import is_silence, peak_dbfs, rms_dbfs, sine


def test_a_full_scale_square_wave_has_0_dbfs() -> None:
    square = np.tile(np.array([-32768, 32767], np.int16), 400)
    assert rms_dbfs(square) == pytest.approx(0.0, abs=0.001)
    assert peak_dbfs(square) == 0.0


def test_a_full_scale_sine_has_3_db_less() -> None:
    tone = sine(1000, 100, 8000, level_dbfs=-3.0103)
    assert rms_dbfs(tone) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(tone) == pytest.approx(0.0, abs=0.001)


def test_half_the_amplitude_is_6_db_less() -> None:
    samples = np.full(10, -16384, np.int16)
    assert rms_dbfs(samples) == peak_dbfs(samples) == pytest.approx(-6.0206, abs=0.0001)


@pytest.mark.parametrize("n_samples", [0, 160])
def test_digital_silence_and_no_samples_have_no_level(n_samples: int) -> None:
    silence = np.zeros(n_samples, np.int16)
    assert rms_dbfs(silence) == peak_dbfs(silence) == -math.inf
    assert is_silence(silence)


def test_an_idle_line_is_silence_and_quiet_speech_is_not() -> None:
    assert is_silence(sine(300, 100, 8000, level_dbfs=-66))
    assert not is_silence(sine(300, 100, 8000, level_dbfs=-50))
    assert is_silence(sine(300, 100, 8000, level_dbfs=-50), threshold_dbfs=-40)
