import pytest

from voice_codecs import PCM16_8K, PCM16_16K, PCM16_24K, PCMU_8K, AudioFormat


@pytest.mark.parametrize(
    ("audio_format", "n_bytes", "n_samples"),
    [(PCMU_8K, 160, 160), (PCM16_8K, 320, 160), (PCM16_16K, 640, 320), (PCM16_24K, 960, 480)],
)
def test_twenty_milliseconds_convert_both_ways(
    audio_format: AudioFormat, n_bytes: int, n_samples: int
) -> None:
    assert audio_format.ms_to_bytes(20) == n_bytes
    assert audio_format.bytes_to_ms(n_bytes) == 20
    assert audio_format.ms_to_samples(20) == n_samples
    assert audio_format.samples_to_ms(n_samples) == 20
    assert audio_format.bytes_to_samples(n_bytes) == n_samples
    assert audio_format.samples_to_bytes(n_samples) == n_bytes


def test_a_unit_that_is_not_complete_does_not_count() -> None:
    assert PCM16_24K.bytes_to_samples(961) == 480
    assert PCM16_24K.samples_to_ms(479) == 19
    assert PCM16_24K.bytes_to_ms(961) == 20


def test_a_format_is_a_value() -> None:
    assert AudioFormat("pcmu", 8000, 1) == PCMU_8K
    assert len({PCMU_8K, AudioFormat("pcmu", 8000, 1), PCM16_8K}) == 2
