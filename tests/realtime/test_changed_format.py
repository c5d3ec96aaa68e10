"""A server that changes the audio format of a session that is open."""

from typing import Any

import pytest

from gateway.realtime import SessionConfig
from gateway.realtime.history import heard_words
from tests.fakes import Behaviour
from tests.gateways import run
from tests.realtime.clients import connected
from tests.realtime.recoveries import upcoming


@pytest.mark.parametrize("output_format", [{"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 8000}])
def test_session_that_is_confirmed_in_another_format_than_ours_is_over(output_format: dict[str, Any]) -> None:
    async def scenario() -> Any:
        async with connected() as each:
            over = upcoming(each.client, "close")
            each.session.behaviour = Behaviour(output_format=output_format)
            await each.client.update_session(instructions="Be brief.")
            return await over

    assert run(scenario()) == {"code": "wrong_audio_format", "error": True}


def test_session_that_only_writes_may_have_any_format_for_speech() -> None:
    async def scenario() -> None:
        async with connected(SessionConfig(output_modalities=("text",))) as each:
            await each.client.update_session(instructions="Be brief.")
            assert each.client.is_connected()

    run(scenario())


def test_sound_without_words_has_none_that_were_heard() -> None:
    assert heard_words("", 1000, 300, is_whole=False) == ""
