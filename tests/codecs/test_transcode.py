import hashlib
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import (
    MULAW_SILENCE,
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    PCMU_8K,
    AudioFormat,
    CallerToModel,
    Downsampler,
    ModelToCaller,
    PassThrough,
    Transcoder,
    Upsampler,
    caller_to_model,
    model_to_caller,
    mulaw_decode,
    mulaw_encode,
    sine,
)

cuts = st.lists(st.integers(0, 2000) | st.sampled_from([0, 1, 2, 3, 191, 192, 193, 960]), max_size=12)
at_each_rate = pytest.mark.parametrize("audio_format", [PCM16_16K, PCM16_24K], ids=["16k", "24k"])
in_each_format = pytest.mark.parametrize(
    "audio_format", [PCMU_8K, PCM16_16K, PCM16_24K], ids=["pcmu", "16k", "24k"]
)
in_each_direction = pytest.mark.parametrize("make", [caller_to_model, model_to_caller])

Make = Callable[[AudioFormat], Transcoder]


def noise(n_bytes: int) -> bytes:
    return np.random.default_rng(3).integers(0, 256, n_bytes).astype(np.uint8).tobytes()


def stream(chain: Transcoder, audio: bytes, lengths: list[int]) -> bytes:
    ends = [0, *np.cumsum(lengths).tolist(), len(audio)]
    chunks = [audio[start:end] for start, end in itertools.pairwise(ends)]
    return b"".join([*(chain.feed(chunk) for chunk in chunks), chain.flush()])


@at_each_rate
@given(lengths=cuts)
def test_caller_audio_is_decoded_and_upsampled_wherever_it_is_cut(
    lengths: list[int], audio_format: AudioFormat
) -> None:
    payload = noise(sum(lengths) + 50)
    up = Upsampler(audio_format.sample_rate)
    expected = np.concatenate([up.feed(mulaw_decode(payload)), up.flush()])

    assert stream(caller_to_model(audio_format), payload, lengths) == expected.astype("<i2").tobytes()


@at_each_rate
@given(lengths=cuts)
def test_model_audio_is_downsampled_and_encoded_wherever_it_is_cut_even_inside_a_sample(
    lengths: list[int], audio_format: AudioFormat
) -> None:
    pcm16 = noise(2 * sum(lengths) + 50)
    down = Downsampler(audio_format.sample_rate)
    expected = mulaw_encode(np.concatenate([down.feed(np.frombuffer(pcm16, "<i2")), down.flush()]))

    assert stream(model_to_caller(audio_format), pcm16, lengths) == expected


@at_each_rate
def test_a_byte_at_a_time_gives_what_the_whole_gives(audio_format: AudioFormat) -> None:
    pcm16 = noise(1200)
    whole = stream(model_to_caller(audio_format), pcm16, [])

    assert stream(model_to_caller(audio_format), pcm16, [1] * 1200) == whole


@at_each_rate
def test_four_milliseconds_are_held_back_at_the_start_and_given_at_the_end(audio_format: AudioFormat) -> None:
    to_model, to_caller = caller_to_model(audio_format), model_to_caller(audio_format)
    frame, held = audio_format.ms_to_bytes(20), audio_format.ms_to_bytes(4)

    assert [len(to_model.feed(MULAW_SILENCE * 160)) for _ in range(3)] == [frame - held, frame, frame]
    assert len(to_model.flush()) == held
    assert [len(to_caller.feed(bytes(10 * frame))) for _ in range(3)] == [1600 - 31, 1600, 1600]
    assert len(to_caller.flush()) == 31


@pytest.mark.parametrize(
    ("chain", "sha256"),
    [
        (CallerToModel(), "4184db8ddd7a2ba4202efbf78a8be49527b713002b83d1d1ec41c5655b1a09fd"),
        (ModelToCaller(), "aeb39bcbd6a4bbabe99ab12d3829c3a967a4dafc918a3fe5a2f73a87a1cf71aa"),
        (caller_to_model(PCM16_24K), "4184db8ddd7a2ba4202efbf78a8be49527b713002b83d1d1ec41c5655b1a09fd"),
        (model_to_caller(PCM16_24K), "aeb39bcbd6a4bbabe99ab12d3829c3a967a4dafc918a3fe5a2f73a87a1cf71aa"),
    ],
)
def test_the_bytes_at_24_khz_are_those_of_the_first_version(chain: Transcoder, sha256: str) -> None:
    audio = hashlib.shake_128(b"speech").digest(20_002)

    assert hashlib.sha256(stream(chain, audio, [])).hexdigest() == sha256


@in_each_direction
@given(lengths=cuts)
def test_mulaw_passes_through_as_it_is_and_at_once(lengths: list[int], make: Make) -> None:
    chain = make(PCMU_8K)
    for length in [*lengths, 160]:
        audio = noise(length)
        assert chain.feed(audio) is audio
    assert chain.flush() == b""


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_what_passed_through_does_not_change_with_its_source(
    wrap: type[bytearray] | type[memoryview],
) -> None:
    source = bytearray(range(256))
    passed = PassThrough().feed(wrap(source))
    source[:] = bytes(256)

    assert passed == bytes(range(256))


@in_each_direction
@pytest.mark.parametrize(
    "audio_format",
    [
        PCM16_8K,
        AudioFormat("pcm16", 48_000, 2),
        AudioFormat("pcmu", 16_000, 1),
        AudioFormat("pcm16", 24_000, 1),
    ],
)
def test_a_format_that_no_chain_serves_is_refused_by_name(make: Make, audio_format: AudioFormat) -> None:
    with pytest.raises(ValueError, match=f"{audio_format.encoding}.*{audio_format.sample_rate}"):
        make(audio_format)


@at_each_rate
def test_silence_stays_silent_both_ways(audio_format: AudioFormat) -> None:
    silence = bytes(audio_format.ms_to_bytes(20))
    assert stream(caller_to_model(audio_format), MULAW_SILENCE * 160, []) == silence
    assert stream(model_to_caller(audio_format), silence, []) == MULAW_SILENCE * 160


@at_each_rate
def test_a_lone_half_sample_is_dropped_at_the_end(audio_format: AudioFormat) -> None:
    to_caller = model_to_caller(audio_format)
    pcm16 = noise(961)
    whole = stream(model_to_caller(audio_format), pcm16[:960], [])

    assert stream(to_caller, pcm16, []) == whole
    assert stream(to_caller, pcm16[:960], []) == whole


@in_each_format
@in_each_direction
def test_reset_forgets_audio_and_half_a_sample(make: Make, audio_format: AudioFormat) -> None:
    chain = make(audio_format)
    chain.feed(noise(501))

    chain.reset()

    assert stream(chain, noise(300), []) == stream(make(audio_format), noise(300), [])


@in_each_format
@in_each_direction
def test_empty_chunks_give_nothing_and_change_nothing(make: Make, audio_format: AudioFormat) -> None:
    chain = make(audio_format)
    assert chain.feed(b"") == chain.flush() == b""

    assert stream(chain, noise(301), [0, 3, 0]) == stream(make(audio_format), noise(301), [])


@in_each_format
@in_each_direction
@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_bytes_like_chunk_is_taken(
    wrap: type[bytearray] | type[memoryview], make: Make, audio_format: AudioFormat
) -> None:
    chain = make(audio_format)
    audio = noise(1001)
    parts = [chain.feed(wrap(audio[:333])), chain.feed(wrap(audio[333:])), chain.flush()]

    assert b"".join(parts) == stream(make(audio_format), audio, [])


@in_each_format
def test_an_utterance_through_both_chains_is_as_good_as_mulaw_allows(audio_format: AudioFormat) -> None:
    tone = sine(1000, 500, 8000)
    heard_by_model = stream(caller_to_model(audio_format), mulaw_encode(tone), [160] * 10)

    heard = mulaw_decode(stream(model_to_caller(audio_format), heard_by_model, [3200]))

    error = heard.astype(float) - tone
    assert heard.size == tone.size
    assert 10 * np.log10(np.mean(tone.astype(float) ** 2) / np.mean(error[100:-100] ** 2)) > 33
