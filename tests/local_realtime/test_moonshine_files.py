import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest

from gateway.local_realtime import (
    MoonshineRecogniser,
    RecogniserUnavailable,
)
from gateway.local_realtime.moonshine_files import installed_files
from gateway.local_realtime.moonshine_tokens import read_tokens
from tests.local_realtime.test_moonshine import needs_model


def refusal(package: str) -> str:
    """Open a recogniser that must refuse; give the one line that says why."""

    async def scenario() -> None:
        async with MoonshineRecogniser(package=package):
            pass

    with pytest.raises(RecogniserUnavailable) as caught:
        asyncio.run(scenario())
    (line,) = str(caught.value).splitlines()
    return line


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package with a place for models and none in it; its folder."""
    folder = tmp_path / "other_moonshine"
    (folder / "assets" / "tiny-en").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('must not be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_without_the_package_the_reason_says_what_to_install() -> None:
    reason = refusal("no_such_moonshine")

    assert "no_such_moonshine is not installed" in reason
    assert "telephony-voice-gateway[local]" in reason


def test_without_a_model_the_reason_names_the_file(other_package: Path) -> None:
    reason = refusal(other_package.name)

    assert "encoder_model.ort: No such file" in reason


@needs_model
def test_a_changed_model_is_refused(other_package: Path) -> None:
    files = installed_files()
    for path in (files.encoder, files.decoder, files.tokenizer):
        shutil.copy(path, other_package / "assets" / "tiny-en")
    assert installed_files(other_package.name).decoder.parent == other_package / "assets" / "tiny-en"
    changed = other_package / "assets" / "tiny-en" / "decoder_model_merged.ort"
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)

    reason = refusal(other_package.name)

    assert "decoder_model_merged.ort: not the file" in reason
    assert hashlib.sha256(data).hexdigest() in reason


@needs_model
def test_the_tokenizer_file_has_all_tokens_of_the_model() -> None:
    assert len(read_tokens(installed_files().tokenizer.read_bytes())) == 32_768
