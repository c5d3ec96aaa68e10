import numpy as np
import numpy.typing as npt
import pytest

from gateway.local_realtime.segments import segments


def speech_with_pauses(n_seconds: float, *pauses: float) -> npt.NDArray[np.int16]:
    """Noise with 300 ms of near silence beginning at each of the given seconds."""
    samples = np.random.default_rng(3).integers(-8000, 8000, round(n_seconds * 8000)).astype(np.int16)
    for pause in pauses:
        samples[round(pause * 8000) : round(pause * 8000) + 2400] //= 1000
    return samples


@pytest.mark.parametrize("n_samples", [0, 1, 8000, 15 * 8000])
def test_speech_that_fits_stays_whole(n_samples: int) -> None:
    samples = np.ones(n_samples, np.int16)

    assert [piece.size for piece in segments(samples)] == [n_samples]


def test_longer_speech_is_cut_in_the_pause() -> None:
    first, second = segments(speech_with_pauses(20.0, 9.0))

    assert 9.0 <= first.size / 8000 <= 9.3
    assert first.size + second.size == 20 * 8000


@pytest.mark.parametrize(
    "n_samples", [15 * 8000 + 1, 15 * 8000 + 8001, 22 * 8000 + 7, 60 * 8000, 61 * 8000 + 159]
)
def test_pieces_are_the_whole_and_none_is_too_long_or_too_short(n_samples: int) -> None:
    samples = speech_with_pauses(n_samples / 8000)
    pieces = segments(samples)

    assert (np.concatenate(pieces) == samples).all()
    assert max(piece.size for piece in pieces) <= 15 * 8000
    assert min(piece.size for piece in pieces) >= 8000


def test_a_pause_too_early_or_too_late_is_not_used() -> None:
    first, _ = segments(speech_with_pauses(16.0, 2.0, 12.0, 15.6))

    assert 12.0 <= first.size / 8000 <= 12.3


def test_silence_throughout_is_cut_as_well() -> None:
    assert sum(piece.size for piece in segments(np.zeros(47 * 8000, np.int16))) == 47 * 8000


def test_the_longest_piece_can_be_chosen() -> None:
    pieces = segments(speech_with_pauses(10.0), longest_ms=2000)

    assert max(piece.size for piece in pieces) <= 2 * 8000
