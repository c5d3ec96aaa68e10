from pathlib import Path

import pytest
import soundfile

from gateway.local_realtime import RecordedPersona, RecordedVoice, Turn
from gateway.local_realtime.persona import turn_to_answer
from gateway.local_realtime.voice import PROMPTS, prompt_texts
from tests.local_realtime.sessions import make_voice, spoken
from voice_codecs import sine


def test_the_packaged_prompts_are_spoken_whole() -> None:
    voice = RecordedVoice()
    persona = RecordedPersona(voice.texts)

    for kind in ("nothing", "text", "speech", "speech"):
        (piece,) = voice.pieces(persona.answer(Turn(kind, "", "")))
        assert 1000 < len(spoken(voice, piece)) / 48 < 15_000
    assert prompt_texts(PROMPTS) == voice.texts


def test_a_text_without_a_recording_is_not_spoken(voice: RecordedVoice) -> None:
    with pytest.raises(LookupError, match="no recording"):
        spoken(voice, "Something else")


def test_a_recording_at_another_rate_is_refused(tmp_path: Path) -> None:
    make_voice(tmp_path)
    soundfile.write(tmp_path / "hello.flac", sine(440.0, 100, 8000), 8000)
    with pytest.raises(ValueError, match="24000 Hz"):
        RecordedVoice(tmp_path)


def test_the_persona_goes_through_its_answers_and_starts_again(voice: RecordedVoice) -> None:
    persona = RecordedPersona(voice.texts)
    answers = [persona.answer(Turn("speech", "", "")) for _ in range(3)]
    assert answers == [voice.texts["answer_1"], voice.texts["answer_2"], voice.texts["answer_1"]]
    assert persona.answer(Turn("nothing", "", "")) == voice.texts["hello"]
    assert persona.answer(Turn("text", "hi", "")) == voice.texts["text"]


def test_an_empty_conversation_is_nothing_to_answer() -> None:
    assert turn_to_answer([], "be kind") == Turn("nothing", "", "be kind")
