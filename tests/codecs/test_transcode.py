import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import (
    MULAW_SILENCE,
    CallerToModel,
    Downsampler,
    ModelToCaller,
    Upsampler,
    mulaw_decode,
    mulaw_encode,
    sine,
)

cuts = st.lists(st.integers(0, 2000) | st.sampled_from([0, 1, 2, 3, 191, 192, 193, 960]), max_size=12)


def noise(n_bytes: int) -> bytes:
    return np.random.default_rng(3).integers(0, 256, n_bytes).astype(np.uint8).tobytes()


def stream(chain: CallerToModel | ModelToCaller, audio: bytes, lengths: list[int]) -> bytes:
    ends = [0, *np.cumsum(lengths).tolist(), len(audio)]
    chunks = [audio[start:end] for start, end in itertools.pairwise(ends)]
    return b"".join([*(chain.feed(chunk) for chunk in chunks), chain.flush()])


@given(cuts)
def test_caller_audio_is_decoded_and_upsampled_wherever_it_is_cut(lengths: list[int]) -> None:
    payload = noise(sum(lengths) + 50)
    up = Upsampler()
    expected = np.concatenate([up.feed(mulaw_decode(payload)), up.flush()])

    assert stream(CallerToModel(), payload, lengths) == expected.astype("<i2").tobytes()


@given(cuts)
def test_model_audio_is_downsampled_and_encoded_wherever_it_is_cut_even_inside_a_sample(
    lengths: list[int],
) -> None:
    pcm16 = noise(2 * sum(lengths) + 50)
    down = Downsampler()
    expected = mulaw_encode(np.concatenate([down.feed(np.frombuffer(pcm16, "<i2")), down.flush()]))

    assert stream(ModelToCaller(), pcm16, lengths) == expected


def test_a_byte_at_a_time_gives_what_the_whole_gives() -> None:
    pcm16 = noise(1200)
    assert stream(ModelToCaller(), pcm16, [1] * 1200) == stream(ModelToCaller(), pcm16, [])


def test_four_milliseconds_are_held_back_at_the_start_and_given_at_the_end() -> None:
    to_model, to_caller = CallerToModel(), ModelToCaller()

    assert [len(to_model.feed(MULAW_SILENCE * 160)) for _ in range(3)] == [960 - 192, 960, 960]
    assert len(to_model.flush()) == 192
    assert [len(to_caller.feed(bytes(9600))) for _ in range(3)] == [1600 - 31, 1600, 1600]
    assert len(to_caller.flush()) == 31


def test_silence_stays_silent_both_ways() -> None:
    assert stream(CallerToModel(), MULAW_SILENCE * 160, []) == bytes(960)
    assert stream(ModelToCaller(), bytes(960), []) == MULAW_SILENCE * 160


def test_a_lone_half_sample_is_dropped_at_the_end() -> None:
    to_caller = ModelToCaller()
    pcm16 = noise(961)

    assert stream(to_caller, pcm16, []) == stream(ModelToCaller(), pcm16[:960], [])
    assert stream(to_caller, pcm16[:960], []) == stream(ModelToCaller(), pcm16[:960], [])


def test_reset_forgets_audio_and_half_a_sample() -> None:
    to_model, to_caller = CallerToModel(), ModelToCaller()
    to_model.feed(noise(500))
    to_caller.feed(noise(501))

    to_model.reset()
    to_caller.reset()

    assert stream(to_model, noise(300), []) == stream(CallerToModel(), noise(300), [])
    assert stream(to_caller, noise(300), []) == stream(ModelToCaller(), noise(300), [])


def test_empty_chunks_give_nothing_and_change_nothing() -> None:
    to_model, to_caller = CallerToModel(), ModelToCaller()
    assert to_model.feed(b"") == to_caller.feed(b"") == b""
    assert to_model.flush() == to_caller.flush() == b""

    to_caller.feed(noise(3))
    assert to_caller.feed(b"") == b""
    assert len(to_caller.feed(noise(957))) == 129


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_bytes_like_chunk_is_taken(wrap: type[bytearray] | type[memoryview]) -> None:
    to_caller = ModelToCaller()
    parts = [
        to_caller.feed(wrap(noise(1001)[:333])),
        to_caller.feed(wrap(noise(1001)[333:])),
        to_caller.flush(),
    ]

    assert b"".join(parts) == stream(ModelToCaller(), noise(1001), [])
    assert CallerToModel().feed(wrap(noise(200))) == CallerToModel().feed(noise(200))


def test_an_utterance_through_both_chains_is_as_good_as_mulaw_allows() -> None:
    tone = sine(1000, 500, 8000)
    payload = mulaw_encode(tone)

    heard = mulaw_decode(stream(ModelToCaller(), stream(CallerToModel(), payload, [160] * 10), [4800]))

    error = heard.astype(float) - tone
    assert heard.size == tone.size
    assert 10 * np.log10(np.mean(tone.astype(float) ** 2) / np.mean(error[100:-100] ** 2)) > 33
