"""Calls whose media streams are captured: the real gateway on real sockets, and what its captures are good for."""

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.captures import file as file_module
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.capture import read_capture
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.recording import Recording, Utterance
from tests.captures.messages import captured, uncaptured, unread_fifo
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running
from tests.test_calls import heard, tone
from tests.web.test_media import CONNECTED, closed_with, handshake, media, start
from voice_codecs import mulaw_encode, sweep

SWEEP = Recording(mulaw_encode(sweep(200.0, 3000.0, 2000, 8000)), "sweep", (Utterance(0, 2000),))
"""No two frames of it sound alike."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "captures"


async def answered(session: FakeSession) -> None:
    """The model says something, and is interrupted in it."""
    await session.wait_for("input_audio_buffer.append")
    await session.say("item_1", tone(3000), "a long sentence")
    await asyncio.sleep(0.5)  # the caller listens for a while
    await session.speech_started(500)
    await session.wait_for("conversation.item.truncate")


def caller_of(recording: Recording, **options: Any) -> RecordedCaller:
    return RecordedCaller(recording, PUBLIC_URL, AUTH_TOKEN, linger=0.3, give_up_after=10.0, **options)


async def call(at: Running, model: FakeRealtimeServer, caller: RecordedCaller) -> tuple[Outcome, FakeSession]:
    async with asyncio.TaskGroup() as tasks:
        placed = tasks.create_task(place_call(caller, connect_to=at.address))
        session = await model.session()
        await answered(session)
    return placed.result(), session


def good_call(
    folder: Path | None, spoil: Callable[[], None] = lambda: None
) -> tuple[RecordedCaller, FakeSession, dict[str, float]]:
    """One call as it should be, captured to the folder, also where that was spoilt; and what its capture lacks."""

    async def whole() -> tuple[RecordedCaller, FakeSession, dict[str, float]]:
        caller = caller_of(SWEEP)
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url, captures_dir=folder) as at:
                spoil()
                outcome, session = await call(at, model, caller)
            assert model.faults == []
        assert (outcome.end.reason, outcome.faults) == ("caller-hung-up", {})
        return caller, session, uncaptured(at.gateway.metrics)

    return run(whole())


def captured_call(folder: Path) -> tuple[RecordedCaller, FakeSession]:
    """The same, where nothing may be lacking."""
    caller, session, missing = good_call(folder)
    assert missing == {}
    return caller, session


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_every_message_of_both_sides_is_in_the_capture(folder: Path) -> None:
    caller, _ = captured_call(folder)

    path = only_file(folder)
    events = [(sender, message["event"]) for sender, message in captured(path)]
    n_echoed = events.count(("twilio", "mark"))
    assert events[:2] == [("twilio", "connected"), ("twilio", "start")]
    assert events.count(("twilio", "media")) == len(caller.timeline.frame_lateness_ms)
    assert events.count(("twilio", "stop")) == events.count(("gateway", "clear")) == 1
    assert n_echoed == events.count(("gateway", "mark")) >= 3000 // 200
    assert events.count(("gateway", "media")) == n_echoed
    assert events.index(("gateway", "clear")) > events.index(("gateway", "media"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.name.endswith(f"-{caller.identity.call_sid[-8:]}.jsonl")


def test_capture_played_again_gives_the_model_the_same_sound(folder: Path) -> None:
    _, first = captured_call(folder)
    capture = read_capture(only_file(folder))

    async def again() -> FakeSession:
        caller = caller_of(capture.recording(), replay=True)
        async with FakeRealtimeServer() as model, running(realtime_url=model.url) as at:
            _, session = await call(at, model, caller)
        return session

    session = run(again())
    assert len(session.audio) > 2 * 48_000
    n_common = min(len(first.audio), len(session.audio))
    assert abs(len(first.audio) - len(session.audio)) <= 2 * 960  # a frame on its way at the end
    assert first.audio[:n_common] == session.audio[:n_common]


def test_who_called_whom_and_the_streams_token_are_not_in_the_capture(folder: Path) -> None:
    caller, _ = captured_call(folder)

    text = only_file(folder).read_text()
    (begun,) = (message for _, message in captured(only_file(folder)) if message["event"] == "start")
    identity = caller.identity
    secrets = (identity.call_sid, identity.account_sid, identity.from_number, identity.to_number, AUTH_TOKEN)
    assert [each for each in secrets if each in text] == []
    assert begun["start"]["customParameters"] == {"token": "removed"}


def test_nothing_is_captured_unless_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    good_call(None)

    assert list(tmp_path.iterdir()) == []


def test_stream_with_a_wrong_token_leaves_no_file(folder: Path) -> None:
    async def scenario() -> int | None:
        async with running(captures_dir=folder) as at, handshake(at) as websocket:
            for message in (CONNECTED, start("guessed"), media(2)):
                await websocket.send(json.dumps(message))
            return await closed_with(websocket)

    assert run(scenario()) == 1008
    assert list(folder.iterdir()) == []


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    with unread_fifo(tmp_path / "fifo") as path:
        yield path


@pytest.mark.parametrize(
    ("target", "warning"),
    [("fifo", "captures were not finished: the disk is too slow"), ("/dev/full", "capture is not complete")],
)
def test_call_does_not_notice_a_disk_that_hangs_or_is_full(
    target: str, warning: str, folder: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = fifo if target == "fifo" else Path(target)
    monkeypatch.setattr(file_module, "open_for_owner", lambda _path, _flags: os.open(on, os.O_WRONLY))

    with capture_logs() as logs:
        caller, session, _ = good_call(folder)

    warnings = [each for each in logs if each["log_level"] == "warning"]
    assert len(session.audio) > 2 * 48_000
    assert 400 * 8 < len(heard(caller)) < 1000 * 8
    assert [each["event"] for each in warnings] == [warning]
    assert caller.identity.call_sid not in str(warnings)


def test_call_goes_on_when_the_folder_was_removed_and_its_messages_are_counted(folder: Path) -> None:
    with capture_logs() as logs:
        _, _, missing = good_call(folder, folder.rmdir)

    assert missing.keys() == {"disk-failed"}
    assert missing["disk-failed"] > 100
    assert [each["event"] for each in logs].count("capture is not complete") == 1
    assert not folder.exists()
