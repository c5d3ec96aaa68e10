import numpy as np
import numpy.typing as npt
import pytest

from gateway.local_realtime.piece_sound import piece_sound
from voice_codecs import peak_dbfs, rms_dbfs

RATE = 22_050


def tone(amplitude: float, seconds: float = 0.5, hz: float = 440.0) -> npt.NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> npt.NDArray[np.float32]:
    return np.zeros(int(seconds * RATE), np.float32)


def made(*parts: npt.NDArray[np.float32], pause_ms: int = 250) -> npt.NDArray[np.int16]:
    return np.frombuffer(piece_sound(np.concatenate(parts), RATE, pause_ms), "<i2")


@pytest.mark.parametrize("amplitude", [0.05, 0.2, 0.9])
def test_speech_has_one_level_however_loud_it_was_made(amplitude: float) -> None:
    sound = made(silence(0.3), tone(amplitude), silence(0.3))

    assert rms_dbfs(sound[1200:9600]) == pytest.approx(-20, abs=0.3)


def test_peaks_are_bent_and_not_clipped() -> None:
    click = silence(1.0)
    click[1000:20_000:600] = 1.0
    sound = made(click)

    assert -3.0 < peak_dbfs(sound) < -0.1


def test_hardly_anything_is_not_made_loud() -> None:
    assert rms_dbfs(made(tone(0.005))) < -35


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.7])
def test_sound_begins_at_once_however_long_the_silence_before_it(seconds: float) -> None:
    (loud,) = np.nonzero(np.abs(made(silence(seconds), tone(0.3))) > 100)

    assert loud[0] <= 30 * 24


@pytest.mark.parametrize("pause_ms", [100, 250])
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.7])
def test_pause_to_the_next_piece_is_as_asked_for(pause_ms: int, seconds: float) -> None:
    piece = made(silence(0.1), tone(0.3), silence(seconds), pause_ms=pause_ms)
    (loud,) = np.nonzero(np.abs(np.concatenate([piece, piece])) > 100)

    assert np.diff(loud).max() / 24 == pytest.approx(pause_ms, abs=25)


def test_sound_is_whole_frames() -> None:
    assert made(tone(0.3, 0.123)).size % 480 == 0


def test_the_rate_is_converted() -> None:
    sound = made(tone(0.3, 1.0, 1000.0)).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(sound[2400:21_600]))

    assert spectrum.argmax() * 24_000 / 19_200 == pytest.approx(1000, abs=2)


@pytest.mark.parametrize("samples", [silence(0.0), silence(1.0)], ids=["nothing", "silence"])
def test_no_sound_is_nothing(samples: npt.NDArray[np.float32]) -> None:
    assert piece_sound(samples, RATE, 250) == b""
