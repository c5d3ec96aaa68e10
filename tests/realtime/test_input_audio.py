import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.realtime.input_audio import MAX_KEPT_MS, InputAudio
from voice_codecs import PCM16_24K, PCMU_8K, AudioFormat


def numbered(n_ms: int, audio_format: AudioFormat) -> bytes:
    """Audio in which each millisecond is filled with its own number."""
    size = audio_format.ms_to_bytes(1)
    return b"".join(bytes([n % 256]) * size for n in range(n_ms))


@pytest.mark.parametrize("audio_format", [PCM16_24K, PCMU_8K])
def test_a_span_of_milliseconds_is_cut_by_the_bytes_of_the_actual_format(audio_format: AudioFormat) -> None:
    audio = InputAudio(audio_format, keep=True)
    audio.append(numbered(100, audio_format))

    size = audio_format.ms_to_bytes(1)
    assert audio.between(10, 12) == bytes([10]) * size + bytes([11]) * size
    assert audio.count_between(10, 12) == 2 * size
    assert audio.duration_ms == 100


def test_positions_stay_right_after_old_audio_was_let_go() -> None:
    audio = InputAudio(PCMU_8K, keep=True)
    audio.append(numbered(100, PCMU_8K))
    audio.trim(50)
    audio.append(numbered(100, PCMU_8K))

    assert audio.n_kept_bytes == 150 * 8
    assert audio.between(60, 61) == bytes([60]) * 8
    assert audio.between(100, 101) == bytes([0]) * 8
    assert audio.between(40, 51) == bytes([50]) * 8
    audio.trim(20)
    assert audio.n_kept_bytes == 150 * 8


def test_no_more_than_a_minute_is_held() -> None:
    audio = InputAudio(PCMU_8K, keep=True)
    for _ in range(MAX_KEPT_MS // 1000 + 30):
        audio.append(bytes(8000))
    assert audio.n_kept_bytes == MAX_KEPT_MS * 8
    assert audio.duration_ms == MAX_KEPT_MS + 30_000
    assert audio.count_between(0, 10**9) == audio.duration_ms * 8


def test_audio_is_only_counted_unless_it_is_to_be_kept() -> None:
    audio = InputAudio(PCMU_8K, keep=False)
    audio.append(bytes(800))

    assert (audio.n_kept_bytes, audio.duration_ms) == (0, 100)
    assert audio.between(0, 100) == b""
    assert audio.count_between(0, 100) == 800


def test_a_new_session_counts_from_zero() -> None:
    audio = InputAudio(PCMU_8K, keep=True)
    audio.append(bytes(800))
    audio.restart()

    assert (audio.n_kept_bytes, audio.duration_ms) == (0, 0)


@given(
    st.lists(st.binary(max_size=300), max_size=20),
    st.integers(-50, 1000),
    st.integers(-50, 1000),
    st.integers(-50, 1000),
)
def test_positions_that_were_never_reached_give_what_there_is(
    chunks: list[bytes], start_ms: int, end_ms: int, trim_ms: int
) -> None:
    audio = InputAudio(PCMU_8K, keep=True)
    for chunk in chunks:
        audio.append(chunk)
    everything = b"".join(chunks)

    start, end = max(0, start_ms) * 8, max(0, end_ms) * 8
    assert audio.between(start_ms, end_ms) == everything[start:end]
    assert audio.count_between(start_ms, end_ms) == len(everything[start:end])
    audio.trim(trim_ms)
    assert everything.endswith(audio.between(0, 10**9))
    assert audio.n_kept_bytes == max(0, len(everything) - max(0, trim_ms) * 8)
