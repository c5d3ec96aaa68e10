import contextlib
import http.server
import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import msgspec
import psutil
import pytest
import soundfile

from gateway.cli import main
from gateway.loadtest.recording import default_recording
from gateway.loadtest.results import RunResult
from tests.loadtest.light_server import light_server
from tests.local_realtime.sessions import SHORT_TURNS

pytestmark = pytest.mark.once

TOKEN = "7a6b5c4d3e2f10987a6b5c4d3e2f1098"
RECORDING = str(default_recording())
HAS_PROC = pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="no folder that even root cannot write to"
)


@contextlib.contextmanager
def loadtest(*arguments: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "200",
        "TWILIO_AUTH_TOKEN": TOKEN,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "loadtest", *arguments],
        env={**environment, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def done(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    with loadtest(*arguments, **settings) as process:
        output, errors = process.communicate(timeout=90)
        return process.returncode, output, errors


def refused(*arguments: str, **settings: str) -> list[str]:
    """What the command says, a line each, about how it was asked; in this process, for there are many ways to ask."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"TWILIO_AUTH_TOKEN": TOKEN, **settings}),
        mock.patch.object(sys, "argv", ["gateway", "loadtest", *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as left,
    ):
        main()
    assert (left.value.code, output.getvalue()) == (2, "")
    return errors.getvalue().splitlines()


def test_misuse_is_exit_code_2_of_the_command_itself() -> None:
    assert done(RECORDING, "--calls", "0") == (2, "", "--calls: '0' is not a number from 1 to 2000\n")


def test_load_test_shows_how_it_stands_and_writes_what_it_found(tmp_path: Path) -> None:
    found = tmp_path / "run.json"
    with light_server(max_messages=25) as target:
        code, output, errors = done(
            RECORDING, "--calls", "4", "--ramp", "20/s", "--duration", "6s", "--target", target, "--json", str(found),
            "--html", str(tmp_path / "run.html"), "--junit", str(tmp_path / "run.xml"),
        )  # fmt: skip

    assert code == 0, errors
    lines = errors.splitlines()
    assert lines[0].startswith("0 s, calls up ")
    assert "calls up " in lines[1]
    assert "failed 0" in lines[1]
    assert "set-up p95" in lines[1]
    assert "rig lateness p99" in lines[1]
    run = msgspec.json.decode(found.read_bytes(), type=RunResult)
    assert len(run.calls) > 4
    assert str(len(run.calls)) in output
    assert run.command.startswith("gateway loadtest ")
    page, cases = (tmp_path / "run.html").read_text(), (tmp_path / "run.xml").read_text()
    assert run.calls[0].call_sid in page
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
    assert '<testcase name="failed &gt; 0"' in cases
    assert TOKEN not in output + errors + found.read_text() + page + cases


def test_json_on_standard_output_is_alone_there() -> None:
    with light_server(max_messages=25) as target:
        code, output, errors = done("--calls", "1", "--duration", "1s", "--target", target, "--json", "-")

    assert code == 0, errors
    assert msgspec.json.decode(output, type=RunResult).calls
    assert "calls in" in errors


def test_broken_threshold_is_exit_code_1_and_named(tmp_path: Path) -> None:
    with light_server(max_messages=25) as target:
        aim = ["--calls", "2", "--ramp", "20/s", "--duration", "2s", "--target", target]
        before = done(*aim, "--json", str(tmp_path / "old.json"))
        code, output, errors = done(*aim, "--fail-if", "peak > 1", "--baseline", str(tmp_path / "old.json"))

    assert before[0] == 0, before
    assert code == 1, errors
    assert "fails if peak > 1: BROKEN (2)" in output
    assert "Against the baseline" in output


def test_failed_calls_are_exit_code_1() -> None:
    with light_server(max_calls=0) as target:
        code, _, errors = done(RECORDING, "--calls", "2", "--duration", "2s", "--target", target)

    assert code == 1, errors


def test_connection_can_go_elsewhere_than_the_target_says() -> None:
    with light_server(max_messages=25) as target:
        code, _, errors = done(
            RECORDING, "--calls", "1", "--duration", "2s", "--target", "http://localhost:9/any/webhook?a=b",
            "--connect-to", target.removeprefix("http://"),
        )  # fmt: skip

    assert code == 0, errors


def test_without_a_target_a_gateway_of_our_own_is_loaded_and_watched(tmp_path: Path) -> None:
    samples, rate = soundfile.read(SHORT_TURNS, dtype="int16")
    call = tmp_path / "short.wav"
    soundfile.write(call, samples[: 3 * rate], rate, subtype="ULAW")
    found = tmp_path / "run.json"
    code, _, errors = done(
        str(tmp_path), "--calls", "2", "--ramp", "10/s", "--duration", "12s", "--json", str(found), TWILIO_AUTH_TOKEN=""
    )  # fmt: skip

    assert code == 0, errors
    run = msgspec.json.decode(found.read_bytes(), type=RunResult)
    assert run.target.startswith("http://127.0.0.1:")
    assert len(run.calls) >= 2
    assert all(call.delivery.heard_ms > 0 for call in run.calls if call.outcome == "gateway-hung-up")
    assert not any(call.failed for call in run.calls)
    assert run.server[-1].cpu_seconds > 0


def without_extra(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the gateway where the extra [loadtest] is not installed."""
    hidden = "{'locust', 'gevent', 'psutil', 'junitparser'}"
    code = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {hidden}: raise ModuleNotFoundError(name)\n"
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *rest: None if name in {hidden} else found(name, *rest)\n"
        "sys.meta_path.insert(0, Hidden)\n"
        f"sys.argv = ['gateway', *{list(arguments)!r}]\n"
        "from gateway.cli import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@contextlib.contextmanager
def scripted(answers: dict[str, bytes]) -> Iterator[str]:
    """Serve TwiML by path; the server's address."""

    class Webhooks(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = answers[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhooks) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def until_line(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"no line has {words}")


def test_ctrl_c_ends_the_calls_and_still_reports() -> None:
    with (
        light_server() as target,
        loadtest(
            RECORDING, "--calls", "4", "--ramp", "20/s", "--duration", "60s", "--target", target
        ) as process,
    ):
        until_line(process, "calls up 4/4")
        process.send_signal(signal.SIGINT)
        interrupted_at = time.monotonic()
        output, _ = process.communicate(timeout=20)

        assert time.monotonic() - interrupted_at < 4
        assert process.returncode == 0
        assert "4 calls in " in output


def test_second_ctrl_c_leaves_at_once() -> None:
    with (
        light_server() as target,
        loadtest(
            RECORDING, "--calls", "4", "--ramp", "20/s", "--duration", "60s", "--target", target
        ) as process,
    ):
        until_line(process, "calls up")
        process.send_signal(signal.SIGINT)
        until_line(process, "Ending the calls")
        process.send_signal(signal.SIGINT)
        interrupted_at = time.monotonic()
        output, _ = process.communicate(timeout=20)

        assert time.monotonic() - interrupted_at < 1
        assert process.returncode == 130
        assert output == ""


def test_ctrl_c_before_the_first_call_leaves_without_a_trace() -> None:
    with loadtest(RECORDING, "--duration", "60s", "--target", "http://127.0.0.1:9") as process:
        while not psutil.Process(process.pid).children():  # from then on Ctrl-C is ours to pass on
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)

    assert (process.returncode, output) == (130, "")
    assert "Left before the first call." in errors
    assert "Traceback" not in errors


def test_results_are_in_the_files_even_if_nobody_reads_the_table(tmp_path: Path) -> None:
    with (
        light_server(max_messages=25) as target,
        loadtest(
            RECORDING, "--calls", "1", "--duration", "1s", "--target", target, "--json", str(tmp_path / "run.json")
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=90) != 0

    assert msgspec.json.decode((tmp_path / "run.json").read_bytes(), type=RunResult).calls


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_full_disk_is_one_line_and_not_the_end_of_the_other_files(tmp_path: Path) -> None:
    with light_server(max_messages=25) as target:
        code, output, errors = done(
            RECORDING, "--calls", "1", "--duration", "1s", "--target", target, "--json", "/dev/full",
            "--junit", str(tmp_path / "run.xml"),
        )  # fmt: skip

    assert code == 1
    assert "/dev/full: cannot be written (No space left on device)" in errors.splitlines()
    assert "calls in" in output
    assert (tmp_path / "run.xml").exists()


def test_server_that_leads_to_another_machine_is_not_followed_there() -> None:
    with scripted(
        {"/twilio/voice": b"<Response><Redirect>http://192.0.2.1/</Redirect></Response>"}
    ) as target:
        code, output, _ = done(RECORDING, "--calls", "1", "--duration", "1s", "--target", target)

    assert code == 1
    assert "failed: webhook-elsewhere" in output
    assert "http://192.0.2.1/ is not this machine; say --i-own-this-target if you may load it" in output


@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["loadtest", "--help"]])
def test_other_commands_and_help_need_no_extra(command: list[str]) -> None:
    assert without_extra(*command).returncode == 0


def test_missing_extra_is_one_line_and_exit_code_2() -> None:
    ended = without_extra("loadtest")

    assert ended.returncode == 2
    assert ended.stderr == "gateway loadtest: needs the extra [loadtest], which brings Locust along\n"


def test_help_tells_what_is_done_where_nothing_is_said() -> None:
    said = " ".join(done("--help", TERMINAL_WIDTH="200")[1].split())

    assert "Without one: a call that is included." in said
    assert "Without it: a gateway started for the test." in said
    assert "Without it: one for each 100 calls" in said


def test_file_name_is_no_order_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred.wav").write_bytes(b"no sound")

    (said,) = refused(str(tmp_path))

    assert "\x1b" not in said
    assert "\ufffd[31mred.wav" in said


def test_nonsense_gets_a_line_each_and_exit_code_2() -> None:
    said = refused(
        RECORDING, "--target", "http://127.0.0.1", "--calls", "5x", "--ramp", "0", "--duration", "5y", "--workers", "0", "--mode", "up", "--wavs", "some",
        "--connect-to", "nowhere", "--barge-in-at", "soon", "--channel", "-1", "--server-pid", "init",
        "--wav-dir", "nowhere", "--json", "nowhere/run.json",
    )  # fmt: skip

    assert sorted(line.partition(":")[0] for line in said) == sorted(
        ["--calls", "--ramp", "--duration", "--workers", "--mode", "--wavs", "--connect-to", "--barge-in-at",
         "--channel", "--server-pid", "--wav-dir", "--json"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--calls", "2001"], "--calls: '2001' is not a number from 1 to 2000"),
        (["--calls", "700", "--mode", "spike"], "--calls: 700 (a spike of 2100) is not from 1 to 2000"),
        (["--calls", "0"], "--calls: '0' is not a number from 1 to 2000"),
        (["--ramp", "101/s"], "--ramp: '101/s' is not a rate such as 10/s, above 0 and at most 100/s"),
        (["--calls", "50", "--ramp", "1/s", "--duration", "50s"], "--duration: 50 s are over before 50 calls are up"),
        (["--open-loop", "--barge-in-at", "1.5"], "--barge-in-at: does not go with --open-loop"),
        (["--fail-if", "turn_latency > 8"], "--fail-if: 'turn_latency > 8': there is no figure 'turn_latency'; say which percentile, like turn_latency_p95"),
        (["--baseline", "nowhere.json"], "--baseline: nowhere.json: cannot be read (No such file or directory)"),
        (["--target", "ftp://127.0.0.1"], "--target: 'ftp://127.0.0.1' is not an http or https address without a name and a password in it"),
        (["--target", ""], "--target: '' is not an http or https address without a name and a password in it"),
        (["--target", "http://127.0.0.1/a b"], "--target: 'http://127.0.0.1/a b' is not an http or https address without a name and a password in it"),
        (["--connect-to", "127.0.0.1:80"], "--connect-to: needs a --target"),
        (["--server-pid", "1"], "--server-pid: needs a --target"),
        (["--server-metrics", "http://127.0.0.1/metrics"], "--server-metrics: needs a --target"),
        (["--observed", "/"], "--observed: needs a --target"),
        (["--target", "http://127.0.0.1", "--server-metrics", "http://192.0.2.1/metrics"],
         "--server-metrics: 192.0.2.1 is not this machine; say --i-own-this-target if you may load it"),
        (["--target", "http://127.0.0.1", "--reference", "nowhere.wav"],
         "--reference: nowhere.wav: there is no such file"),
        (["--target", "http://127.0.0.1", "--server-metrics", "metrics"], "--server-metrics: 'metrics' is not an http or https address without a name and a password in it"),
        pytest.param(["--wav-dir", "/proc"], "--wav-dir: /proc cannot be written", marks=HAS_PROC),
        pytest.param(["--json", "/proc/run.json"], "--json: /proc/run.json cannot be written", marks=HAS_PROC),
        (["--json", "-", "--html", "-"], "--html: - is --json already"),
        (["--html", RECORDING], f"--html: {RECORDING} is a recording already"),
        (["--html", "run\udcff.html"], "--html: not UTF-8"),
        (["--target", "https://127.0.0.1:no"], "--target: 'https://127.0.0.1:no' is not an http or https address without a name and a password in it"),
    ],
)  # fmt: skip
def test_what_would_not_work_is_one_line_and_exit_code_2(arguments: list[str], complaint: str) -> None:
    assert refused(RECORDING, *arguments) == [complaint]


@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1/metrics", "file:///proc/self/stat", "metrics"])
def test_metrics_are_read_from_the_web_without_a_password_that_would_be_written_down(url: str) -> None:
    (said,) = refused(RECORDING, "--target", "http://127.0.0.1", "--server-metrics", url)

    assert said.startswith("--server-metrics: ")
    assert "secret" not in said


@pytest.mark.parametrize(
    "aim",
    [
        ["--target", "https://voice.example.com"],
        ["--target", "http://127.0.0.1", "--connect-to", "192.0.2.1:80"],
    ],
)
def test_other_machines_are_not_loaded_unless_they_are_ours(aim: list[str]) -> None:
    (said,) = refused(RECORDING, *aim)

    assert said.endswith("is not this machine; say --i-own-this-target if you may load it")
    (said,) = refused(RECORDING, *aim, "--i-own-this-target", TWILIO_AUTH_TOKEN="")
    assert said.startswith("TWILIO_AUTH_TOKEN: is required")


@pytest.mark.parametrize("content", [None, b"", b"no sound"])
def test_recording_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "call.wav"
    if content is not None:
        path.write_bytes(content)

    (said,) = refused(str(path))

    assert "call.wav" in said


def test_auth_token_comes_from_the_variable_that_is_named() -> None:
    with light_server(max_messages=25) as target:
        aim = ["--calls", "1", "--duration", "1s", "--target", target, "--auth-token-env", "OTHER_TOKEN"]

        assert refused(RECORDING, *aim) == [
            "OTHER_TOKEN: is required in the environment or in .env, to sign as Twilio does"
        ]
        code, _, errors = done(RECORDING, *aim, OTHER_TOKEN=TOKEN)
        assert code == 0, errors
