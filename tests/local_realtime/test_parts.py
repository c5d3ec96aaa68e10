import asyncio
from typing import Any

import pytest
import structlog.testing

from gateway.local_realtime import (
    MoonshineRecogniser,
    OrderDesk,
    RecordedPersona,
    RecordedVoice,
    installed_parts,
)
from gateway.local_realtime.parts import Parts
from tests.local_realtime.test_moonshine import needs_model
from tests.local_realtime.test_piper import needs_voice


def opened(**packages: str) -> tuple[Parts, list[Any]]:
    """What could be had, and what the log says of it."""

    async def scenario() -> Parts:
        async with installed_parts(**packages) as parts:
            return parts

    with structlog.testing.capture_logs() as lines:
        return asyncio.run(scenario()), list(lines)


@needs_model
@needs_voice
def test_with_all_models_an_order_desk_answers_and_the_log_says_nothing() -> None:
    parts, lines = opened()
    assert isinstance(parts.recogniser, MoonshineRecogniser)
    assert isinstance(parts.persona(), OrderDesk)
    assert parts.can_converse
    assert lines == []


@pytest.mark.parametrize("missing", ["recogniser_package", "voice_package"])
def test_without_a_model_recorded_prompts_answer_and_one_line_of_the_log_says_so(missing: str) -> None:
    parts, (line,) = opened(**{missing: "no_such_package"})
    assert isinstance(parts.voice, RecordedVoice)
    assert isinstance(parts.persona(), RecordedPersona)
    assert not parts.can_converse
    assert line["log_level"] == "warning"
    assert "telephony-voice-gateway[local]" in line["reason"]


@needs_model
def test_words_are_written_down_even_where_none_can_be_spoken() -> None:
    parts, _ = opened(voice_package="no_such_package")
    assert parts.recogniser is not None
