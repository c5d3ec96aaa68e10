"""What the synthesised voice costs and how soon it is heard: ``python -m tests.benchmarks.voice``.

Prints, asserts nothing: opening time, memory, CPU per second of speech, how long the first piece of an answer takes
alone and with ten callers at once, the level, and how many words are recognised after mu-law.
"""

import asyncio
import statistics
import time
from pathlib import Path

import numpy as np

from gateway.local_realtime import moonshine_files
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.piper import PiperVoice
from tests.benchmarks.recognition import normalised, word_errors
from voice_codecs import Downsampler, mulaw_decode, mulaw_encode, peak_dbfs, rms_dbfs

ANSWERS = [
    "Thanks for calling Acme support, this is your assistant speaking. How can I help you today?",
    "Sure, let me look that up for you, it should only take a moment.",
    "Your order number is 482913 and it will be delivered on March 14 between 9:30 and 11:00.",
    "We are open Monday to Friday from nine in the morning until half past five in the evening. On Saturday we close at noon.",
    "The total is $42.50, and the delivery is free. Would you like to pay now?",
    "Please hold the line while I transfer you to a person who can help.",
    "I'm sorry, I did not understand that. Could you say it again, please?",
    "Your package has left our warehouse in New Jersey and arrives tomorrow before ten in the morning.",
    "The appointment with Mr. Smith was moved to the 3rd of May, at 2:15 p.m.",
    "Thank you for calling, and goodbye.",
]


def resident_mb() -> float:
    """Resident memory of this process in MB, on Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def spread(figures: list[float]) -> str:
    return f"median {statistics.median(figures):5.0f}   worst {max(figures):5.0f}"


async def first_piece_ms(voice: PiperVoice, answer: str, speed: float) -> float:
    start = time.perf_counter()
    await voice.speak(voice.pieces(answer)[0], speed=speed)
    return (time.perf_counter() - start) * 1000


async def costs(voice: PiperVoice) -> list[bytes]:
    """Speak all answers piece by piece, print what that takes, and give their sounds."""
    sounds, firsts, gaps = [], list[float](), list[float]()
    cpu = time.process_time()
    for answer in ANSWERS:
        sound, start = b"", time.perf_counter()
        first_at = 0.0
        for number, piece in enumerate(voice.pieces(answer)):
            now_heard = first_at + len(sound) / 48_000
            sound += await voice.speak(piece)
            if number:
                gaps.append((time.perf_counter() - now_heard) * 1000)
            else:
                first_at = time.perf_counter()
                firsts.append((first_at - start) * 1000)
        sounds.append(sound)
    cpu = time.process_time() - cpu
    seconds = sum(map(len, sounds)) / 48_000
    print(f"CPU ms per second of speech          {cpu / seconds * 1000:5.0f}   of {seconds:.0f} s")
    print(f"first piece of an answer, ms         {spread(firsts)}")
    print(f"a later piece after it is due, ms    {spread(gaps)}   (below zero: in time)")
    # Another speed is another sound: nothing of it was spoken before.
    together = await asyncio.gather(*(first_piece_ms(voice, answer, 1.01) for answer in ANSWERS))
    print(f"first pieces, ten callers at once    {spread(list(together))}")
    again = [await first_piece_ms(voice, answer, 1.0) for answer in ANSWERS]
    print(
        f"spoken before, ms                    median {statistics.median(again):5.2f}   worst {max(again):5.2f}"
    )
    return sounds


def quality(sounds: list[bytes]) -> None:
    """Print levels, and how well the recogniser understands the sounds after mu-law at 8 kHz."""
    decoder = MoonshineDecoder(moonshine_files.installed_files())
    n_words = n_errors = 0
    levels, peaks, leads = list[float](), list[float](), list[float]()
    for answer, sound in zip(ANSWERS, sounds, strict=True):
        samples = np.frombuffer(sound, "<i2")
        frames = samples[: samples.size // 480 * 480].reshape(-1, 480)
        of_frames = np.array([rms_dbfs(frame) for frame in frames])
        levels.append(rms_dbfs(frames[of_frames >= of_frames.max() - 25].ravel()))
        peaks.append(peak_dbfs(samples))
        leads.append(float(np.flatnonzero(np.abs(samples) > 100)[0]) / 24)
        reference = normalised(answer)
        found = decoder.words(mulaw_decode(mulaw_encode(Downsampler().feed(samples))))
        n_words += len(reference)
        n_errors += word_errors(reference, normalised(found))
    print(
        f"active speech level, dBFS            {min(levels):5.1f} to {max(levels):5.1f}, peaks up to {max(peaks):.1f}"
    )
    print(f"before the first sound, ms           {spread(leads)}")
    print(f"words wrong after mu-law             {100 * n_errors / n_words:5.1f}%   of {n_words}")


async def main() -> None:
    before = resident_mb()
    start = time.perf_counter()
    async with PiperVoice() as voice:
        opening = time.perf_counter() - start
        print(f"opening, s                           {opening:5.2f}")
        print(f"resident memory, MB                  {before:5.0f}   {resident_mb():.0f} once open")
        sounds = await costs(voice)
        print(f"resident memory after it, MB         {resident_mb():5.0f}")
    quality(sounds)


if __name__ == "__main__":
    asyncio.run(main())
