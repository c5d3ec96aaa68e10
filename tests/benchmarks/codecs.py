"""What transcoding costs and how it sounds: ``python -m tests.benchmarks.codecs``. Prints, asserts nothing."""

import platform
import timeit
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from voice_codecs import (
    CallerToModel,
    Downsampler,
    ModelToCaller,
    Upsampler,
    mulaw_decode,
    mulaw_encode,
    sine,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop


def microseconds(work: Callable[[], object], number: int = 2000) -> float:
    """Cost of one run: the best of many rounds, so that neighbours on the machine count little."""
    return min(timeit.repeat(work, number=number, repeat=11)) / number * 1e6


def speed() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(-8000, 8000, 160).astype(np.int16)
    delta = rng.integers(-8000, 8000, 4800).astype(np.int16)
    frame_bytes, delta_bytes, payload = frame.tobytes(), delta.tobytes(), mulaw_encode(frame)
    _, up_state = audioop.ratecv(frame_bytes, 2, 1, 8000, 24_000, None)
    _, down_state = audioop.ratecv(delta_bytes, 2, 1, 24_000, 8000, None)

    def ratecv_up() -> bytes:
        return audioop.ratecv(frame_bytes, 2, 1, 8000, 24_000, up_state)[0]

    def ratecv_down() -> bytes:
        return audioop.ratecv(delta_bytes, 2, 1, 24_000, 8000, down_state)[0]

    def caller_ratecv() -> bytes:
        return audioop.ratecv(audioop.ulaw2lin(payload, 2), 2, 1, 8000, 24_000, up_state)[0]

    def model_ratecv() -> bytes:
        return audioop.lin2ulaw(audioop.ratecv(delta_bytes, 2, 1, 24_000, 8000, down_state)[0], 2)

    up, down, to_model, to_caller = Upsampler(), Downsampler(), CallerToModel(), ModelToCaller()
    table: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        ("mulaw_decode, 20 ms", lambda: mulaw_decode(payload), lambda: audioop.ulaw2lin(payload, 2)),
        ("mulaw_encode, 20 ms", lambda: mulaw_encode(frame), lambda: audioop.lin2ulaw(frame_bytes, 2)),
        ("Upsampler, 20 ms", lambda: up.feed(frame), ratecv_up),
        ("Downsampler, 200 ms", lambda: down.feed(delta), ratecv_down),
        ("CallerToModel, 20 ms", lambda: to_model.feed(payload), caller_ratecv),
        ("ModelToCaller, 200 ms", lambda: to_caller.feed(delta_bytes), model_ratecv),
    ]
    print(f"{'operation':<24}{'us':>8}{'audioop':>10}{'ratio':>8}")
    for name, ours, audioops in table:
        cost, reference = microseconds(ours), microseconds(audioops)
        print(f"{name:<24}{cost:8.2f}{reference:10.2f}{cost / reference:8.2f}")


def levels(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Levels by 1 Hz of one second of sound, in dBFS."""
    return np.asarray(
        20 * np.log10(np.abs(np.fft.rfft(samples)) / samples.size * 2 / 32768 / np.sqrt(2) + 1e-9)
    )


def sound() -> None:
    level = -6.0
    ripple, image, alias = [], [], []
    for frequency_hz in range(100, 3401, 50):
        up = levels(Upsampler().feed(sine(frequency_hz, 1100, 8000, level))[-24_000:]) - level
        down = levels(Downsampler().feed(sine(frequency_hz, 1100, 24_000, level))[-8000:]) - level
        ripple += [abs(up[frequency_hz]), abs(down[frequency_hz])]
        image.append(up[4000:].max())
    for frequency_hz in range(4010, 11_991, 70):
        down = levels(Downsampler().feed(sine(frequency_hz, 1100, 24_000, level))[-8000:]) - level
        alias += [down.max()]
    print(f"ripple 100 to 3400 Hz      {max(ripple):6.3f} dB")
    print(f"images of 100 to 3400 Hz   {max(image):6.1f} dB")
    print(f"aliases of 4.01 to 12 kHz  {max(alias):6.1f} dB")


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
    sound()
    memory()
