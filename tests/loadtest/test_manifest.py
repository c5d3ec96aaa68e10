import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from gateway.loadtest import manifest as manifest_module
from gateway.loadtest.manifest import ListedCall, read_listed, read_manifest
from gateway.loadtest.recording import RecordingError, Utterance
from voice_codecs import mulaw_encode, sine

TONE = sine(1000, 500, 8000)


def manifest(folder: Path, *calls: dict[str, Any], **more: Any) -> Path:
    """A manifest beside ``sound/one.wav`` and ``sound/two.wav``, half a second each."""
    (folder / "sound").mkdir()
    for name in ("one", "two"):
        soundfile.write(folder / "sound" / f"{name}.wav", TONE, 8000)
    path = folder / "calls.json"
    path.write_text(json.dumps({"format": 1, "sample_rate": 8000, "calls": calls, **more}))
    return path


ONE = {
    "file": "sound/one.wav",
    "licence": "CC0-1.0",
    "utterances": [{"start_ms": 0, "end_ms": 200, "text": "one"}, {"start_ms": 200, "end_ms": 500}],
}


def test_what_a_manifest_lists_is_read_with_its_utterances(tmp_path: Path) -> None:
    path = manifest(tmp_path, ONE, {"file": "sound/two.wav"})

    one, two = read_manifest(path)

    assert one == ListedCall("sound/one.wav", (Utterance(0, 200, "one"), Utterance(200, 500)))
    assert two == ListedCall("sound/two.wav", None)
    recording = read_listed(path, one)
    assert (recording.name, recording.utterances) == ("one.wav", one.utterances)
    assert recording.payload == mulaw_encode(TONE)
    assert read_listed(path, two).utterances == ()


def complaint(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        [read_listed(path, each) for each in read_manifest(path)]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "1"}', '{"format": 1}', "[" * 100_000, "\0"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "calls.json"
    path.write_text(content)

    assert "calls.json: not a manifest" in complaint(path)


def test_another_format_is_refused_whatever_it_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    path.write_text('{"format": 2, "recordings": []}')

    assert "calls.json: format 2 is not known, only 1" in complaint(path)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], "not a manifest"),
        ([{"file": ""}], "not a manifest"),
        ([{"file": 1}], "not a manifest"),
        ([{"file": "sound/three.wav"}], "there is no file 'sound/three.wav'"),
        ([{"file": "sound"}], "there is no file 'sound'"),
        ([{"file": "x" * 999}], "there is no file 'xxx"),
        ([{"file": "a\0b"}], "there is no file"),
        ([ONE, ONE], "'sound/one.wav' is listed twice"),
        ([{"file": "sound/one.wav", "utterances": [{"start_ms": 0}]}], "not a manifest"),
        (
            [{"file": "sound/one.wav", "utterances": [{"start_ms": 0, "end_ms": 501}]}],
            "one.wav: utterance 0 to 501",
        ),
        (
            [
                {
                    "file": "sound/one.wav",
                    "utterances": [{"start_ms": 9, "end_ms": 20}, {"start_ms": 0, "end_ms": 5}],
                }
            ],
            "one.wav: utterance 0 to 5 ms is out of order",
        ),
    ],
)
def test_nonsense_is_refused_and_named(tmp_path: Path, calls: list[dict[str, Any]], expected: str) -> None:
    assert expected in complaint(manifest(tmp_path, *calls))


def test_a_manifest_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_module, "MAX_BYTES", 50)

    assert "too long" in complaint(manifest(tmp_path, ONE))


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    assert "not a manifest" in complaint(tmp_path)
