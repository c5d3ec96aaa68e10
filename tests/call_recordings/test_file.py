import io
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from gateway.call_recordings.file import Piece, RecordingFile, repair
from gateway.call_recordings.wav import HEADER_BYTES, header, whole_bytes
from gateway.disk import Backlog

AUDIO = bytes(range(256)) * 125
"""A second of both channels... of two."""


def recorded(path: Path, *pieces: Piece, is_over: bool = True) -> tuple[RecordingFile, list[tuple[int, str]]]:
    backlog: Backlog[Piece] = Backlog()
    lost: list[tuple[int, str]] = []
    for each in pieces:
        assert backlog.put(each, 1)
    backlog.is_over = is_over
    file = RecordingFile(path, backlog, lambda n_bytes, why: lost.append((n_bytes, why)))
    assert file.write_waiting() is not is_over
    return file, lost


def test_finished_file_can_be_played_by_everybody(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorded(path, AUDIO, AUDIO)

    info = soundfile.info(path)
    assert (info.channels, info.samplerate, info.subtype, info.frames) == (2, 8000, "ULAW", len(AUDIO))
    assert path.read_bytes()[HEADER_BYTES:] == AUDIO * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_silence_stands_for_what_there_was_no_room_for(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorded(path, b"\x01\x02", 4, b"\x03\x04")

    assert path.read_bytes()[HEADER_BYTES:] == b"\x01\x02\xff\xff\xff\xff\x03\x04"


def test_unfinished_file_has_every_byte_and_is_finished_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    (tmp_path / "other.wav.part").write_bytes(header(0) + AUDIO + b"\x01")  # half a sample

    file, _ = recorded(tmp_path / "going_on.wav", AUDIO, is_over=False)

    assert repair(tmp_path) == 1  # the one that is written to is left alone
    assert soundfile.info(tmp_path / "other.wav").frames == len(AUDIO) // 2
    assert (tmp_path / "going_on.wav.part").read_bytes()[HEADER_BYTES:] == AUDIO
    file.close()
    assert soundfile.info(tmp_path / "going_on.wav").frames == len(AUDIO) // 2
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"RIFF", header(0)[:-1]])
def test_file_that_a_crash_left_without_a_header_becomes_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "call.wav.part").write_bytes(content)

    assert repair(tmp_path) == 1
    assert soundfile.info(tmp_path / "call.wav").frames == 0


def test_disk_that_is_full_keeps_what_it_took_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "call.wav"
    backlog: Backlog[Piece] = Backlog()
    lost: list[tuple[int, str]] = []
    file = RecordingFile(path, backlog, lambda n_bytes, why: lost.append((n_bytes, why)))
    backlog.put(AUDIO, 1)
    file.write_waiting()

    def full(_: io.FileIO, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("gateway.call_recordings.file._append", full)
    backlog.put(AUDIO, 1)
    file.write_waiting()
    monkeypatch.undo()
    backlog.put(AUDIO[:10], 1)
    backlog.is_over = True

    assert not file.write_waiting()
    assert lost == [(len(AUDIO), "disk-failed"), (10, "disk-failed")]
    assert repair(tmp_path) == 1  # its header could not be written either
    assert soundfile.info(path).frames == len(AUDIO) // 2


def test_folder_that_is_gone_costs_the_recording_alone(tmp_path: Path) -> None:
    _, lost = recorded(tmp_path / "gone" / "call.wav", AUDIO)

    assert lost == [(len(AUDIO), "disk-failed")]


def test_length_is_of_whole_samples() -> None:
    assert [whole_bytes(HEADER_BYTES + n) for n in (-1, 0, 1, 2, 3)] == [0, 0, 0, 2, 2]
    assert soundfile.info(io.BytesIO(header(0))).frames == 0


CHILD = """
import asyncio, sys, time
from pathlib import Path
from gateway.call_recordings import Pausing, Recordings
from gateway.metrics import Metrics

async def main():
    async with Recordings(Path(sys.argv[1]), Metrics()) as recordings:
        recording = recordings.new("CA" + "0" * 32, Pausing())
        began_at = time.monotonic()
        for number in range(10_000):
            await asyncio.sleep(max(0.0, began_at + number * 0.02 - time.monotonic()))
            recording.said(bytes([number % 100 + 1]) * 160, number * 20, time.monotonic())
            print(number, flush=True)

asyncio.run(main())
"""


def test_crash_costs_no_more_than_the_last_frame(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        told = [int(line) for line, _ in zip(child.stdout, range(60), strict=False)]
        time.sleep(0.013)  # somewhere within a frame
        child.kill()
        told += map(int, child.stdout)

    assert repair(tmp_path) == 1
    (path,) = tmp_path.glob("*.wav")
    n_frames = soundfile.info(path).frames // 160
    assert told[-1] + 1 - n_frames <= 1
    assert n_frames >= 60
