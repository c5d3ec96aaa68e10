"""What transcoding costs and how it sounds: ``python -m tests.benchmarks.codecs``. Prints, asserts nothing."""

import platform
import timeit
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from voice_codecs import (
    PCM16_16K,
    PCM16_24K,
    PCMU_8K,
    AudioFormat,
    CallerToModel,
    Downsampler,
    ModelToCaller,
    Upsampler,
    caller_to_model,
    model_to_caller,
    mulaw_decode,
    mulaw_encode,
    sine,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Row = tuple[str, Callable[[], object], Callable[[], object]]
"""An operation's name, ours, and audioop's."""


def microseconds(work: Callable[[], object], number: int = 2000) -> float:
    """Cost of one run: the best of many rounds, so that neighbours on the machine count little."""
    return min(timeit.repeat(work, number=number, repeat=11)) / number * 1e6


def noise(n_samples: int) -> npt.NDArray[np.int16]:
    return np.random.default_rng(0).integers(-8000, 8000, n_samples).astype(np.int16)


def mulaw_rows() -> list[Row]:
    frame = noise(160)
    frame_bytes, payload = frame.tobytes(), mulaw_encode(frame)
    return [
        ("mulaw_decode, 20 ms", lambda: mulaw_decode(payload), lambda: audioop.ulaw2lin(payload, 2)),
        ("mulaw_encode, 20 ms", lambda: mulaw_encode(frame), lambda: audioop.lin2ulaw(frame_bytes, 2)),
        *pass_through_rows(payload),
    ]


def pass_through_rows(payload: bytes) -> list[Row]:
    """Passing through beside the least that audioop does with the same frame."""
    to_model, to_caller = caller_to_model(PCMU_8K), model_to_caller(PCMU_8K)
    return [
        ("caller to pcmu, 20 ms", lambda: to_model.feed(payload), lambda: audioop.ulaw2lin(payload, 2)),
        ("pcmu to caller, 20 ms", lambda: to_caller.feed(payload), lambda: audioop.ulaw2lin(payload, 2)),
    ]


def rows_at(audio_format: AudioFormat) -> list[Row]:
    rate = audio_format.sample_rate
    frame, delta = noise(160), noise(audio_format.ms_to_samples(200))
    frame_bytes, delta_bytes, payload = frame.tobytes(), delta.tobytes(), mulaw_encode(frame)
    _, up_state = audioop.ratecv(frame_bytes, 2, 1, 8000, rate, None)
    _, down_state = audioop.ratecv(delta_bytes, 2, 1, rate, 8000, None)

    def ratecv_up(pcm16: bytes) -> bytes:
        return audioop.ratecv(pcm16, 2, 1, 8000, rate, up_state)[0]

    def ratecv_down() -> bytes:
        return audioop.ratecv(delta_bytes, 2, 1, rate, 8000, down_state)[0]

    def caller_ratecv() -> bytes:
        return ratecv_up(audioop.ulaw2lin(payload, 2))

    def model_ratecv() -> bytes:
        return audioop.lin2ulaw(ratecv_down(), 2)

    up, down = Upsampler(rate), Downsampler(rate)
    to_model, to_caller = caller_to_model(audio_format), model_to_caller(audio_format)
    to = f"{rate // 1000} kHz"
    return [
        (f"Upsampler {to}, 20 ms", lambda: up.feed(frame), lambda: ratecv_up(frame_bytes)),
        (f"Downsampler {to}, 200 ms", lambda: down.feed(delta), ratecv_down),
        (f"caller to {to}, 20 ms", lambda: to_model.feed(payload), caller_ratecv),
        (f"{to} to caller, 200 ms", lambda: to_caller.feed(delta_bytes), model_ratecv),
    ]


def speed() -> None:
    print(f"{'operation':<28}{'us':>8}{'audioop':>10}{'ratio':>8}")
    for name, ours, audioops in [*mulaw_rows(), *rows_at(PCM16_24K), *rows_at(PCM16_16K)]:
        cost, reference = microseconds(ours), microseconds(audioops)
        print(f"{name:<28}{cost:8.2f}{reference:10.2f}{cost / reference:8.2f}")


def levels(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Levels by 1 Hz of one second of sound, in dBFS."""
    return np.asarray(
        20 * np.log10(np.abs(np.fft.rfft(samples)) / samples.size * 2 / 32768 / np.sqrt(2) + 1e-9)
    )


def sound(rate: int) -> None:
    level = -6.0
    ripple, image, alias = [], [], []
    for frequency_hz in range(100, 3401, 50):
        up = levels(Upsampler(rate).feed(sine(frequency_hz, 1100, 8000, level))[-rate:]) - level
        down = levels(Downsampler(rate).feed(sine(frequency_hz, 1100, rate, level))[-8000:]) - level
        ripple += [abs(up[frequency_hz]), abs(down[frequency_hz])]
        image.append(up[4000:].max())
    for frequency_hz in range(4010, rate // 2 - 9, 70):
        down = levels(Downsampler(rate).feed(sine(frequency_hz, 1100, rate, level))[-8000:]) - level
        alias += [down.max()]
    khz = rate // 1000
    print(f"{khz} kHz: ripple 100 to 3400 Hz      {max(ripple):6.3f} dB")
    print(f"{khz} kHz: images of 100 to 3400 Hz   {max(image):6.1f} dB")
    print(f"{khz} kHz: aliases of 4.01 to {khz // 2:2} kHz  {max(alias):6.1f} dB")


def memory(n_calls: int = 1000) -> None:
    CallerToModel().feed(bytes(160))
    tracemalloc.start()
    chains = [(CallerToModel(), ModelToCaller()) for _ in range(n_calls)]
    for to_model, to_caller in chains:
        to_model.feed(bytes(160))
        to_caller.feed(bytes(9600))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"both chains of a call      {held / n_calls:6.0f} bytes, scratch memory shared by all included")


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, numpy {np.__version__}")
    speed()
    sound(24_000)
    sound(16_000)
    memory()
