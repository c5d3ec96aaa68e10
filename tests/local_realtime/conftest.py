from pathlib import Path

import pytest

from gateway.local_realtime import RecordedVoice
from tests.local_realtime.sessions import Talk, make_voice


@pytest.fixture(scope="session")
def voice(tmp_path_factory: pytest.TempPathFactory) -> RecordedVoice:
    folder: Path = tmp_path_factory.mktemp("prompts")
    return make_voice(folder)


@pytest.fixture
def talk(voice: RecordedVoice) -> Talk:
    return Talk(voice)
