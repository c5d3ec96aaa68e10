import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import soundfile


def gateway(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], env=environment, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip


@pytest.fixture
def short_call(tmp_path: Path) -> Path:
    """The first eight seconds of the packaged recording: three turns, and two barge-ins."""
    source = Path(__file__).parents[2] / "gateway" / "recordings" / "short_turns.wav"
    samples, rate = soundfile.read(source, dtype="int16")
    path = tmp_path / "short.wav"
    soundfile.write(path, samples[: 8 * rate], rate, subtype="ULAW")
    return path


def test_demo_carries_a_recorded_call_and_reports_it(short_call: Path, tmp_path: Path) -> None:
    wav = tmp_path / "both.wav"
    done = gateway("demo", "--once", "--json", "--port", "0", "--output", str(wav), str(short_call))

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["outcome"] == "caller-hung-up"
    assert report["faults"] == {}
    assert report["under_runs"] == 0
    assert report["turn_ms"]
    assert all(0 < each < 2000 for each in report["turn_ms"])
    assert any(stop is not None and 0 < stop < 1000 for stop in report["barge_in_ms"])
    assert {line["who"] for line in report["conversation"]} == {"caller", "agent"}
    both, rate = soundfile.read(wav, dtype="int16")
    assert (rate, both.shape[1]) == (8000, 2)
    source, _ = soundfile.read(short_call, dtype="int16")
    assert (both[: source.size, 0] == source).all()
    assert abs(both[:, 1].astype(int)).max() > 3000


@pytest.mark.parametrize("content", [None, b"", b"no sound", b"RIFF\0\0\0\0WAVE"])
def test_recording_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "call.wav"
    if content is not None:
        path.write_bytes(content)
    done = gateway("demo", "--once", "--port", "0", "--output", str(tmp_path / "out.wav"), str(path))

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "call.wav" in done.stderr


def test_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = gateway("demo", "--once", "--output", str(tmp_path / "out.wav"), MAX_CALLS="many")

    assert done.returncode == 2
    assert done.stderr.startswith("MAX_CALLS: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_port_that_is_taken_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = gateway("demo", "--once", "--port", port, "--output", str(tmp_path / "out.wav"))

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = gateway("demo", "--once", "--port", "0", "--output", str(tmp_path / "nowhere" / "out.wav"))

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--live", "--once"], "--live"),
        (["--phone", "--once"], "--phone"),
        (["--phone", "--json"], "--phone"),
    ],
)
def test_options_that_cannot_be_followed_are_one_line_and_exit_code_2(
    arguments: list[str], option: str
) -> None:
    done = gateway("demo", "--port", "0", *arguments, OPENAI_API_KEY="", REALTIME_API_KEY="", REALTIME_URL="")

    assert done.returncode == 2
    assert done.stderr.startswith(f"{option}: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_phone_is_served_without_a_call_and_its_address_is_printed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--phone", "--port", "0"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Talk to it: http://127.0.0.1:")
        with urllib.request.urlopen(line.removeprefix("Talk to it: ").strip(), timeout=5) as response:
            assert b"<title>Softphone" in response.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) in {0, 130}
    finally:
        process.kill()
        process.communicate()
