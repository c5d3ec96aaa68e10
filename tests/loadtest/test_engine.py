"""Whole load tests: Locust's processes, their processes of calls, and a server of its own, all on loopback."""

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import soundfile

from gateway.loadtest.engine import LOCUSTFILE, Engine, EngineError
from gateway.loadtest.messages import Begin, Progress
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.recording import default_recording
from gateway.loadtest.results import RunResult
from tests.loadtest.captures import Timed, begun, frame, stop, written
from tests.loadtest.light_server import light_server
from voice_codecs import sine

pytestmark = pytest.mark.once

TOKEN = "5ec2e7a0b1c2d3e4f5061728394a5b6c"
SHORT = 25
"""Messages after which the server hangs up: half a second."""


def options(target: str, **others: Any) -> LoadOptions:
    given = {"calls": 8, "ramp": 20.0, "duration": 3.0, "command": "gateway loadtest", **others}
    return LoadOptions(**{"recordings": (str(default_recording()),), "target": target, **given})


def run(
    what: LoadOptions, *, n_workers: int = 1, at_each: Callable[[Engine, Progress], None] = lambda *_: None
) -> tuple[RunResult, list[Progress]]:
    seen: list[Progress] = []

    def take(progress: Progress) -> None:
        seen.append(progress)
        at_each(engine, progress)

    engine = Engine(Begin(what, TOKEN), n_workers=n_workers, on_progress=take)
    return asyncio.run(engine.run()), seen


def stops(target: str) -> int:
    """How many streams the server has seen end as Twilio ends them."""
    with urllib.request.urlopen(f"{target}/stops", data=b"", timeout=5) as answer:
        return int(answer.read())


def descendants() -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


@pytest.mark.parametrize("n_workers", [1, 2])
def test_calls_are_kept_up_for_the_time_and_every_one_is_told_of(n_workers: int) -> None:
    with light_server(max_messages=60) as target:
        found, seen = run(options(target), n_workers=n_workers)

    assert max(progress.n_up for progress in seen) == 8
    assert len(found.calls) > 8
    assert len({call.call_sid for call in found.calls}) == len(found.calls)
    assert not any(call.failed for call in found.calls)
    assert {call.outcome for call in found.calls} == {"gateway-hung-up", "caller-hung-up"}
    assert sum(call.n_frames for call in found.calls) > 8 * 50 * 1.5
    assert [stage.n_calls for stage in found.stages] == [8]
    assert (found.mode, found.target, found.command) == ("steady", target, "gateway loadtest")
    assert 3 <= found.ended_at - found.started_at < 5


def test_calls_that_are_still_on_at_the_end_are_hung_up_as_twilio_does() -> None:
    with light_server() as target:
        pid = descendants()[0].pid
        found, _ = run(options(target, server_pid=pid))

        assert stops(target) == 8
    assert [call.outcome for call in found.calls] == ["caller-hung-up"] * 8
    assert len(found.server) >= 3
    assert found.server[-1].cpu_seconds > found.server[0].cpu_seconds
    assert 5 < found.server[-1].memory_mb < 500


def test_test_that_is_stopped_ends_its_calls_within_three_seconds_and_leaves_no_process_and_no_secret() -> (
    None
):
    stopped_at: list[float] = []
    lines: list[str] = []

    def stop(engine: Engine, progress: Progress) -> None:
        if progress.n_up == 8 and not stopped_at:
            lines.extend(" ".join(process.cmdline()) for process in descendants())
            stopped_at.append(time.monotonic())
            engine.stop()

    with light_server() as target:
        found, _ = run(options(target, duration=60.0), n_workers=2, at_each=stop)

        assert time.monotonic() - stopped_at[0] < 4  # with the end of the processes
        assert stops(target) == 8
        left = [process for process in descendants() if process.status() != psutil.STATUS_ZOMBIE]
        assert len(left) == 1  # the server
    assert [call.failed for call in found.calls] == [False] * 8
    assert sum("calls_process" in line for line in lines) == 2
    assert sum("locust" in line for line in lines) >= 3
    assert not any(TOKEN in line for line in lines)


def test_server_that_refuses_calls_is_not_stormed_and_each_failure_has_its_reason() -> None:
    with light_server(max_calls=0) as target:
        found, seen = run(options(target))

    assert 8 <= len(found.calls) <= 8 * 4
    assert {(call.outcome, call.failed) for call in found.calls} == {("webhook-status", True)}
    assert seen[-1].failures.keys() == {"webhook-status"}


def test_server_that_ends_calls_at_once_is_not_stormed() -> None:
    with light_server(max_messages=1) as target:
        found, _ = run(options(target))

    assert 8 <= len(found.calls) <= 8 * 4
    assert not any(call.failed for call in found.calls)


def test_what_callers_hear_is_compared_with_what_the_agent_says(tmp_path: Path) -> None:
    reference = tmp_path / "agent.wav"
    soundfile.write(reference, sine(440, 200, 8000), 8000)
    with light_server(max_messages=60) as target:
        found, _ = run(options(target, calls=2, reference=str(reference)))

    heard = [call.quality.snr_db for call in found.calls if call.delivery.heard_ms >= 400]
    assert heard
    assert all(snr is not None and snr > 30 for snr in heard)


def test_wanted_calls_are_kept_as_stereo_files(tmp_path: Path) -> None:
    with light_server(max_messages=SHORT) as target:
        found, _ = run(options(target, calls=2, wav_dir=str(tmp_path), wavs="3"))

    kept = [call.wav for call in found.calls if call.wav]
    assert len(kept) == 3
    for path in kept:
        assert soundfile.info(path).channels == 2


def test_captured_stream_is_replayed_by_every_caller(tmp_path: Path) -> None:
    frames: list[Timed] = [(50.1 + n / 50, "twilio", frame(20 * n, bytes([n]) * 160)) for n in range(1, 31)]
    capture = written(tmp_path / "call.jsonl", *begun(*frames, (50.8, "twilio", stop())))
    with light_server() as target:
        found, _ = run(options(target, recordings=(str(capture),), calls=3, duration=2.0))

    whole = [call for call in found.calls if call.n_frames == 30]
    assert len(whole) >= 3
    assert {(call.recording, call.outcome) for call in whole} == {("call.jsonl", "caller-hung-up")}


def test_every_call_is_drawn_and_the_best_and_the_worst_can_be_heard() -> None:
    with light_server(max_messages=SHORT) as target:
        found, _ = run(options(target, calls=3))

    assert all(call.trace is not None and call.trace.said for call in found.calls)
    assert 1 <= len(found.audio) <= 2
    sids = {call.call_sid for call in found.calls}
    for each in found.audio:
        assert each.call_sid in sids
        assert soundfile.info(io.BytesIO(each.flac)).channels == 2


def test_ladder_finds_how_many_calls_the_server_holds() -> None:
    with light_server(max_calls=7, max_messages=75) as target:
        found, _ = run(options(target, calls=20, mode="ladder", duration=60.0, fail_if=("failed > 0",)))

    if "the rig was late" not in (
        found.broke or ""
    ):  # on a machine with other things to do it may be, three times
        assert found.holds == 7
        assert [stage.n_calls for stage in found.stages] == [2, 4, 6, 8, 7]


def test_recording_that_a_worker_cannot_use_ends_the_test_with_a_line() -> None:
    what = LoadOptions(
        recordings=("nowhere.wav",), target="http://127.0.0.1:9", calls=1, ramp=1.0, duration=5.0
    )

    with pytest.raises(EngineError, match=r"nowhere\.wav: there is no such file"):
        run(what)


def test_loss_of_the_process_of_calls_ends_the_test() -> None:
    def kill(progress: Progress) -> None:
        for process in descendants() if progress.n_up == 8 else ():
            if process.status() != psutil.STATUS_ZOMBIE and "calls_process" in " ".join(process.cmdline()):
                process.kill()

    began_at = time.monotonic()
    with light_server() as target:
        engine = Engine(Begin(options(target, duration=60.0), TOKEN), n_workers=1, on_progress=kill)
        asyncio.run(engine.run())

    assert time.monotonic() - began_at < 20
    assert not engine.is_whole
    assert any("process of calls is gone" in line for line in engine.complaints)


def test_calls_that_are_never_told_of_make_the_test_fail() -> None:
    stopped: list[psutil.Process] = []

    def stop(progress: Progress) -> None:
        for process in descendants() if progress.n_up == 2 and not stopped else ():
            if process.status() != psutil.STATUS_ZOMBIE and "calls_process" in " ".join(process.cmdline()):
                process.suspend()
                stopped.append(process)

    with light_server() as target:
        what = options(target, calls=2, duration=4.0)
        engine = Engine(Begin(what, TOKEN), n_workers=1, on_progress=stop)
        found = asyncio.run(engine.run())

    assert found.calls == ()
    assert not engine.is_whole
    assert any("missing from the outcome" in line for line in engine.complaints)


def test_test_that_is_stopped_before_it_has_begun_is_over_at_once() -> None:
    async def whole(engine: Engine) -> None:
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(0)
        engine.stop()
        with contextlib.suppress(EngineError):
            await running

    began_at = time.monotonic()
    engine = Engine(
        Begin(options("http://127.0.0.1:9", duration=600.0), TOKEN), n_workers=1, on_progress=lambda _: None
    )
    asyncio.run(whole(engine))

    assert time.monotonic() - began_at < 30


def test_test_whose_workers_cannot_begin_ends_and_says_why() -> None:
    what = LoadOptions(
        recordings=("nowhere.wav",), target="http://127.0.0.1:9", calls=1, ramp=1.0, duration=5.0
    )
    engine = Engine(Begin(what, TOKEN), n_workers=2, on_progress=lambda _: None)

    found = asyncio.run(engine.run())

    assert found.calls == ()
    assert not engine.is_whole
    assert any("nowhere.wav: there is no such file" in line for line in engine.complaints)
    assert not any("process of calls is gone" in line for line in engine.complaints)


def test_locustfile_without_a_recording_or_with_a_stranger_as_target_is_refused() -> None:
    process = locust("--headless", "--host", "https://voice.example.com", "--run-time", "5")
    said = process.communicate(timeout=60)[1]

    assert process.returncode == 2
    assert said.splitlines()[-2:] == [
        "--recordings: is required",
        "--target: voice.example.com is not this machine; say --i-own-this-target if you may load it",
    ]


def locust(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *arguments],
        env={**os.environ, "TWILIO_AUTH_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_test_that_is_stopped_before_it_began_places_no_call() -> None:
    with light_server(max_messages=SHORT) as target:
        engine = Engine(Begin(options(target, duration=60.0), TOKEN), n_workers=1, on_progress=lambda _: None)
        engine.stop()

        with pytest.raises(EngineError):
            asyncio.run(asyncio.wait_for(engine.run(), 30))
        assert stops(target) == 0
