import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from gateway.errors import GatewayError
from gateway.loadtest import recording as recording_module
from gateway.loadtest.recording import (
    Channel,
    Recording,
    RecordingError,
    Utterance,
    default_recording,
    find_utterances,
)
from tests.local_realtime.sessions import SHORT_TURNS
from voice_codecs import mulaw_decode, mulaw_encode, rms_dbfs, sine

TONE = sine(1000, 500, 8000)


def write(path: Path, samples: object, rate: int = 8000, **options: str) -> Path:
    soundfile.write(path, samples, rate, **options)
    return path


def test_the_packaged_recording_has_its_utterances() -> None:
    recording = Recording.read(default_recording())

    assert recording.name == "order_status.wav"
    assert recording.duration_ms == 30_650
    assert len(recording.payload) == 245_200
    assert recording.n_frames == 1533
    assert recording.utterances[0] == Utterance(4500, 6620, "Hello, what is the status of my order?")
    assert len(recording.utterances) == 4


def test_utterances_are_found_by_ear_where_no_texts_lie_beside_the_recording() -> None:
    written = Recording.read(SHORT_TURNS)

    found = find_utterances(mulaw_decode(written.payload))

    assert len(found) == len(written.utterances)
    for ours, theirs in zip(found, written.utterances, strict=True):
        assert ours.text is None
        assert theirs.start_ms - 40 <= ours.start_ms < ours.end_ms <= theirs.end_ms + 100


def test_a_silent_recording_has_no_utterances(tmp_path: Path) -> None:
    assert Recording.read(write(tmp_path / "silent.wav", np.zeros(8000, np.int16))).utterances == ()


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "ULAW"), ("wav", "PCM_16"), ("flac", "PCM_16")])
def test_telephone_audio_is_taken_sample_for_sample(tmp_path: Path, suffix: str, subtype: str) -> None:
    every_value = mulaw_decode(bytes(range(256)))

    recording = Recording.read(write(tmp_path / f"all.{suffix}", every_value, subtype=subtype))

    assert np.array_equal(mulaw_decode(recording.payload), every_value)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "au"])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_any_sound_file_at_any_rate_becomes_telephone_audio(tmp_path: Path, suffix: str, rate: int) -> None:
    path = write(tmp_path / f"tone.{suffix}", sine(1000, 1000, rate), rate)

    recording = Recording.read(path)

    assert recording.duration_ms == pytest.approx(1000, abs=60)  # MP3 pads
    middle = mulaw_decode(recording.payload)[2000:6000]
    assert rms_dbfs(middle) == pytest.approx(-15.0, abs=0.5)
    spectrum = np.abs(np.fft.rfft(middle))
    assert int(spectrum.argmax()) * 2 == 1000


@pytest.mark.parametrize("rate", [8000, 24_000, 44_100, 48_000])
def test_no_sample_is_lost_at_any_rate(tmp_path: Path, rate: int) -> None:
    recording = Recording.read(write(tmp_path / "tone.wav", sine(1000, 1000, rate), rate))

    assert len(recording.payload) == 8000


@pytest.mark.parametrize(("channel", "expected"), [("left", TONE), (0, TONE), ("right", -TONE), (1, -TONE)])
def test_of_several_channels_the_caller_s_is_taken(
    tmp_path: Path, channel: Channel, expected: npt.NDArray[np.int16]
) -> None:
    path = write(tmp_path / "stereo.wav", np.stack([TONE, -TONE], axis=1))

    assert Recording.read(path, channel=channel).payload == mulaw_encode(expected)


def test_unless_said_otherwise_the_caller_is_on_the_left(tmp_path: Path) -> None:
    path = write(tmp_path / "stereo.wav", np.stack([TONE, -TONE], axis=1))

    assert Recording.read(path).payload == mulaw_encode(TONE)


@pytest.mark.parametrize("channel", ["left", "right", 0])
def test_a_mono_recording_is_the_caller_s_whatever_its_channel_would_be_called(
    tmp_path: Path, channel: Channel
) -> None:
    assert Recording.read(write(tmp_path / "mono.wav", TONE), channel=channel).payload == mulaw_encode(TONE)


@pytest.mark.parametrize(("n_channels", "channel"), [(1, 1), (2, 2), (2, -1)])
def test_a_channel_that_is_not_there_is_refused(tmp_path: Path, n_channels: int, channel: int) -> None:
    path = write(tmp_path / "tone.wav", np.stack([TONE] * n_channels, axis=1))

    assert "there is no channel" in complaint(path, channel=channel)


def test_utterances_that_are_given_are_taken_and_checked(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", TONE)
    path.with_suffix(".json").write_text("[]")

    assert Recording.read(path, utterances=(Utterance(0, 500),)).utterances == (Utterance(0, 500),)
    with pytest.raises(RecordingError, match="outside the recording"):
        Recording.read(path, utterances=(Utterance(0, 501),))


def test_float_audio_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    loud = np.array([0.5, 1.5, -1.5, float("nan")] * 100, np.float32)

    payload = Recording.read(write(tmp_path / "loud.wav", loud, subtype="FLOAT")).payload

    assert payload[:4] == mulaw_encode(np.array([16384, 32767, -32768, 0], np.int16))


def test_an_excerpt_begins_at_any_millisecond_and_is_silent_beyond_the_end() -> None:
    recording = Recording(bytes(range(240)), "short.wav", ())

    assert recording.excerpt(1, 1) == bytes(range(8, 168))
    assert recording.excerpt(25, 2) == bytes(range(200, 240)) + b"\xff" * 280
    assert recording.excerpt(9999, 1) == b"\xff" * 160


def test_the_last_frame_is_filled_up_with_silence() -> None:
    recording = Recording(b"\x01" * 200, "short.wav", ())

    assert recording.n_frames == 2
    assert recording.frame(0) == b"\x01" * 160
    assert recording.frame(1) == b"\x01" * 40 + b"\xff" * 120
    assert recording.frame(2) == b"\xff" * 160


def complaint(path: Path, *, channel: Channel = "left") -> str:
    with pytest.raises(RecordingError) as caught:
        Recording.read(path, channel=channel)
    assert isinstance(caught.value, GatewayError)
    message = str(caught.value)
    assert path.stem in message
    assert "\n" not in message
    return message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "nowhere.wav")


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    assert "not a file" in complaint(tmp_path)


@pytest.mark.parametrize("name", ["letter.wav", "letter.mp3", "letter.raw", "letter.txt", "letter"])
@pytest.mark.parametrize(
    "content", [b"", b"Dear Sir or Madam", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\0" * 5000]
)
def test_what_is_no_sound_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert "not a sound file" in complaint(path) or "no audio" in complaint(path)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(RecordingError):
            Recording.read(tmp_path / f"{name}.wav")


def test_a_sound_file_without_sound_is_refused(tmp_path: Path) -> None:
    assert "no audio" in complaint(write(tmp_path / "empty.wav", np.empty(0, np.int16)))


def test_a_recording_longer_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "long.wav", np.zeros(16_001, np.int16))
    monkeypatch.setattr(recording_module, "MAX_DURATION", 2)

    assert "longer than" in complaint(path)


@pytest.mark.parametrize(
    "texts",
    [
        "",
        "{}",
        "[1]",
        '[{"start_ms": 0}]',
        '[{"start_ms": "0", "end_ms": 100}]',
        '[{"start_ms": 100, "end_ms": 100}]',
        '[{"start_ms": -1, "end_ms": 100}]',
        '[{"start_ms": 0, "end_ms": 501}]',
        '[{"start_ms": 0, "end_ms": 200}, {"start_ms": 199, "end_ms": 300}]',
        "[" * 100_000,
    ],
)
def test_wrong_texts_are_refused_and_their_file_named(tmp_path: Path, texts: str) -> None:
    path = write(tmp_path / "tone.wav", TONE)
    path.with_suffix(".json").write_text(texts)

    assert "tone.json" in complaint(path)


def test_texts_beside_the_recording_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "tone.wav", TONE)
    texts = [{"start_ms": 0, "end_ms": 200, "text": "one"}, {"start_ms": 200, "end_ms": 500}]
    path.with_suffix(".json").write_text(json.dumps(texts))

    assert Recording.read(path).utterances == (Utterance(0, 200, "one"), Utterance(200, 500))
