import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.loadtest import recordings as recordings_module
from gateway.loadtest.recording import RecordingError, Utterance
from gateway.loadtest.recordings import load_recordings
from gateway.loadtest.segments_cache import SegmentsCache
from tests.loadtest.captures import begun, frame, written
from tests.local_realtime.sessions import SHORT_TURNS
from voice_codecs import mulaw_encode, sine

TONE = sine(1000, 100, 8000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With two sound files, a capture, and what is none of these."""
    folder = tmp_path / "calls"
    (folder / "deeper.wav").mkdir(parents=True)
    soundfile.write(folder / "b.wav", TONE, 8000)
    soundfile.write(folder / "a.FLAC", TONE, 8000, format="FLAC")
    soundfile.write(folder / ".hidden.wav", TONE, 8000)
    soundfile.write(folder / "deeper.wav" / "c.wav", TONE, 8000)
    written(folder / "d.jsonl", *begun((50.2, "twilio", frame(0, b"\x01" * 160))))
    (folder / "README.md").write_text("What they say")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> SegmentsCache:
    return SegmentsCache(tmp_path / "cache")


def names(paths: list[Path], cache: SegmentsCache) -> list[str]:
    return [each.name for each in load_recordings(paths, cache=cache)]


def test_paths_are_read_in_their_order_and_folders_by_name(folder: Path, cache: SegmentsCache) -> None:
    assert names([folder / "b.wav", folder], cache) == ["b.wav", "a.FLAC", "b.wav", "d.jsonl"]


def test_a_manifest_stands_for_its_folder(folder: Path, cache: SegmentsCache) -> None:
    listed = {"file": "b.wav", "utterances": [{"start_ms": 0, "end_ms": 50, "text": "tone"}]}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "calls": [listed]}))

    for path in (folder, folder / "manifest.json"):
        (recording,) = load_recordings([path], cache=cache)
        assert (recording.name, recording.utterances) == ("b.wav", (Utterance(0, 50, "tone"),))


def test_a_capture_is_a_recording_with_its_messages(folder: Path, cache: SegmentsCache) -> None:
    (recording,) = load_recordings([folder / "d.jsonl"], cache=cache)

    assert recording.payload == b"\x01" * 160
    assert len(recording.messages) == 1


def test_the_caller_s_channel_is_taken_of_all(folder: Path, cache: SegmentsCache) -> None:
    soundfile.write(folder / "b.wav", np.stack([TONE, -TONE], axis=1), 8000)

    mono, stereo, _ = load_recordings([folder], channel="right", cache=cache)

    assert (mono.payload, stereo.payload) == (mulaw_encode(TONE), mulaw_encode(-TONE))


def test_speech_is_looked_for_once(tmp_path: Path, cache: SegmentsCache) -> None:
    copy = tmp_path / "copy.wav"
    copy.write_bytes(SHORT_TURNS.read_bytes())
    (found,) = load_recordings([copy], cache=cache)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_text("[[0, 77]]")

    assert len(found.utterances) > 1
    assert load_recordings([copy], cache=cache)[0].utterances == (Utterance(0, 77),)


def test_without_another_the_user_s_cache_is_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    load_recordings([folder / "b.wav"])

    assert len(list((tmp_path / ".cache/telephony-voice-gateway/segments").iterdir())) == 1


def complaint(*paths: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        load_recordings(paths)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_there_is_named(folder: Path) -> None:
    assert "nowhere.wav: there is no such file" in complaint(folder / "b.wav", folder / "nowhere.wav")
    assert "nowhere.json: there is no such file" in complaint(folder / "nowhere.json")
    assert "nowhere.jsonl: there is no such file" in complaint(folder / "nowhere.jsonl")
    assert "x.wav" in complaint(folder / f"{'x' * 300}.wav")


def test_a_folder_without_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Nothing here")

    assert complaint(tmp_path) == f"{tmp_path}: there are no sound files in it"


def test_no_paths_are_no_recordings() -> None:
    assert complaint() == "no recordings were named"


def test_utterances_of_a_recording_are_no_manifest(folder: Path) -> None:
    path = folder / "b.json"
    path.write_text("[]")

    assert "not a manifest" in complaint(path)


def test_too_many_recordings_are_refused_before_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "b.wav").write_text("no sound")
    monkeypatch.setattr(recordings_module, "MAX_RECORDINGS", 2)

    assert complaint(folder) == f"{folder}: more than 2 recordings"
