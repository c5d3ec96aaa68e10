import json
from pathlib import Path

import pytest

from gateway.loadtest import capture as capture_module
from gateway.loadtest.capture import read_capture
from gateway.loadtest.recording import CapturedFrame, CapturedKey, CapturedStop, Recording, RecordingError
from tests.loadtest.captures import (
    CONNECTED,
    HEADER,
    Timed,
    begun,
    frame,
    key,
    lines,
    start,
    stop,
    twilio,
    written,
)
from tests.local_realtime.sessions import SHORT_TURNS

A, B, C = (bytes([code]) * 160 for code in (1, 2, 3))


def test_the_caller_s_part_of_a_capture_is_read_with_times_from_the_start_message(tmp_path: Path) -> None:
    path = written(
        tmp_path / "call.jsonl",
        *begun(
            (50.12, "twilio", frame(0, A)),
            (50.13, "gateway", frame(0, C)),
            (50.14, "twilio", twilio("mark", {"name": "theirs"})),
            (50.15, "twilio", frame(0, C, track="outbound")),
            (50.16, "twilio", twilio("invented", {})),
            (50.2, "twilio", frame(20, B)),
            (50.3, "twilio", key("5")),
            (50.4, "twilio", stop()),
        ),
    )

    capture = read_capture(path)

    assert capture.name == "call.jsonl"
    assert [each.at for each in capture.messages] == pytest.approx([0.02, 0.1, 0.2, 0.3])
    first, second, pressed, stopped = capture.messages
    assert first == CapturedFrame(first.at, 0, A)
    assert second == CapturedFrame(second.at, 20, B)
    assert pressed == CapturedKey(pressed.at, "5")
    assert stopped == CapturedStop(stopped.at)


def test_the_recording_of_a_capture_has_frames_at_their_timestamps_and_silence_in_holes(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path / "call.jsonl",
        *begun((50.2, "twilio", frame(5, A)), (50.3, "twilio", frame(85, B)), (50.3, "twilio", frame(45, C))),
    )
    capture = read_capture(path)

    recording = capture.recording()

    assert recording.payload == b"\xff" * 40 + A + b"\xff" * 160 + C + b"\xff" * 160 + B
    assert (recording.name, recording.messages) == ("call.jsonl", capture.messages)
    assert recording.utterances == ()


def test_who_speaks_when_is_found_in_a_capture(tmp_path: Path) -> None:
    tape = Recording.read(SHORT_TURNS)
    frames: list[Timed] = [
        (50.12 + n * 0.02, "twilio", frame(n * 20, tape.frame(n))) for n in range(tape.n_frames)
    ]
    path = written(tmp_path / "call.jsonl", *begun(*frames))

    recording = read_capture(path).recording()

    assert recording.payload[: len(tape.payload)] == tape.payload
    assert len(recording.utterances) == len(tape.utterances)


def complaint(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read_capture(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


WHOLE = lines(*begun((50.12, "twilio", frame(0, A)), (50.4, "twilio", stop())))


def line(t: object, sender: object, text: object) -> str:
    return json.dumps({"t": t, "from": sender, "text": text}) + "\n"


@pytest.mark.parametrize(
    "wrong",
    [
        "\n",
        "{}\n",
        "[" * 60_000,
        line(-0.1, "twilio", key("1")),
        line(0.0, "twilio", key("1")),
        line(14_401, "twilio", key("1")),
        line("0.5", "twilio", key("1")),
        line(0.5, "model", key("1")),
        line(0.5, "twilio", 1),
        line(0.5, "twilio", "{}"),
        line(0.5, "twilio", twilio("media", {"payload": "!"})),
        line(0.5, "twilio", frame(4 * 3_600_000 + 1, A)),
        line(0.5, "twilio", start()),
        line(0.5, "twilio", key("1"))[:-20],
        '{"t": 1e999, "from": "twilio", "text": ""}\n',
        line(0.5, "gateway", "x" * 70_000),
        "\xff\n",
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "call.jsonl"
    begin = lines(*begun((50.12, "twilio", frame(0, A))))
    path.write_bytes(begin.encode() + wrong.encode("latin-1"))

    assert "call.jsonl, line 5: " in complaint(path)


def test_nothing_may_follow_the_stop_message(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    path.write_text(WHOLE + line(0.5, "twilio", frame(20, A)))

    assert "line 6: a message after the stop message" in complaint(path)


def test_audio_before_the_start_message_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "call.jsonl", (0.0, "twilio", CONNECTED), (0.1, "twilio", frame(0, A)))

    assert "line 3: before the start message" in complaint(path)


@pytest.mark.parametrize(
    "content",
    ["", "Dear Sir or Madam", HEADER.replace("1", "2"), HEADER.replace("media", "other"), "{}\n", "\0"],
)
def test_what_is_no_capture_of_this_format_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "call.jsonl"
    path.write_text(content)

    assert "line 1: " in complaint(path)


def test_a_capture_without_the_caller_s_audio_is_refused(tmp_path: Path) -> None:
    assert "no audio" in complaint(written(tmp_path / "call.jsonl", *begun((50.4, "twilio", stop()))))


def test_a_missing_capture_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / "nowhere.jsonl")
    assert "cannot be read" in complaint(tmp_path)


def test_a_capture_of_too_many_lines_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "MAX_LINES", 4)
    path = tmp_path / "call.jsonl"
    path.write_text(WHOLE)

    assert "line 5: more than 4 lines" in complaint(path)
