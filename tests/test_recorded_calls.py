"""Calls that are recorded: the real gateway on real sockets, and what is in its recordings."""

import asyncio
import stat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.agents_toml import parse_agents
from gateway.call_recordings.wav import HEADER_BYTES
from gateway.loadtest.analysis import stereo
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording, Utterance
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, run, running
from tests.test_calls import tone
from voice_codecs import mulaw_decode, mulaw_encode, sweep

SWEEP = Recording(mulaw_encode(sweep(200.0, 3000.0, 3000, 8000)), "sweep", (Utterance(0, 3000),))
"""No two frames of it sound alike."""
Samples = npt.NDArray[np.int16]


async def answered(model: FakeRealtimeServer, at: Running, caller: RecordedCaller, *, pause: bool) -> None:
    """The model says something, and is interrupted in it."""
    session = await model.session()
    await session.wait_for("input_audio_buffer.append")
    await session.say("item_1", tone(3000), "a long sentence")
    await asyncio.sleep(0.6)  # the caller listens for a while
    await session.speech_started(600)
    await session.wait_for("conversation.item.truncate")
    if pause:
        at.gateway.active_calls.pause_recording(caller.identity.call_sid, on=True)
        await asyncio.sleep(0.6)
        at.gateway.active_calls.pause_recording(caller.identity.call_sid, on=False)


def recorded_call(folder: Path, *, pause: bool = False) -> tuple[Samples, Samples]:
    """One call: what it was for the caller, shape (n, 2), and its recording."""

    agents = folder.with_name("agents.toml")
    agents.write_bytes(b'[agents.default]\ninstructions = "Help."\nrecording_notice = ""\n')

    async def whole() -> RecordedCaller:
        caller = RecordedCaller(SWEEP, PUBLIC_URL, AUTH_TOKEN, linger=0.3, give_up_after=10.0)
        async with (
            FakeRealtimeServer() as model,
            running(realtime_url=model.url, recordings_dir=folder, agents_file=agents) as at,
            asyncio.TaskGroup() as tasks,
        ):
            placed = tasks.create_task(place_call(caller, connect_to=at.address))
            await answered(model, at, caller, pause=pause)
            assert (await placed).faults == {}
        return caller

    caller = run(whole())
    (path,) = folder.iterdir()
    assert path.name.endswith(f"Z-{caller.identity.call_sid}.wav")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    recording, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return stereo(caller), recording


def sounding(samples: Samples) -> tuple[int, int]:
    """Where the first and the last sample are that are more than silence."""
    found = np.flatnonzero(np.abs(samples.astype(np.int32)) > 100)
    return int(found[0]), int(found[-1]) + 1


def test_recording_has_what_was_said_to_the_sample_and_what_was_heard_as_far_as_it_was(
    tmp_path: Path,
) -> None:
    was, recording = recorded_call(tmp_path / "recordings")

    n = min(len(was), len(recording))
    assert abs(len(was) - len(recording)) < 8 * 60
    assert np.array_equal(was[:n, 0], recording[:n, 0])
    (begun, ended), (heard_from, heard_until) = sounding(recording[:, 1]), sounding(was[:, 1])
    assert (
        abs((ended - begun) - (heard_until - heard_from)) <= 8 * 80
    )  # the way there is not known to the sample
    assert abs(begun - heard_from) <= 8 * 100
    length = min(ended - begun, heard_until - heard_from)
    assert np.array_equal(recording[begun : begun + length, 1], was[heard_from : heard_from + length, 1])


def test_nothing_is_kept_while_the_recording_is_paused(tmp_path: Path) -> None:
    _, recording = recorded_call(tmp_path / "recordings", pause=True)

    silent = np.flatnonzero((recording[: 8 * 2900] == mulaw_decode(b"\xff")).all(axis=1))
    assert 8 * 450 < silent.size < 8 * 800
    assert abs(len(recording) - 8 * 3300) < 8 * 200


def test_agent_says_that_it_records_unless_it_does_not() -> None:
    agents = parse_agents(
        b"""
        [agents.default]
        instructions = "Help."
        greeting = "Hello."
        [agents.quiet]
        instructions = "Help."
        recording_notice = ""
        [agents.off]
        instructions = "Help."
        greeting = "Hi."
        record = false
        [agents.ours]
        instructions = "Help."
        recording_notice = "We record this."
        """
    ).agents

    greetings = {name: agent.of_recorded_calls().greeting for name, agent in agents.items()}

    assert greetings == {
        "default": "This call is recorded. Hello.",
        "quiet": "",
        "off": "Hi.",
        "ours": "We record this.",
    }


def test_crash_in_a_call_leaves_a_file_that_the_next_start_finishes(tmp_path: Path) -> None:
    left = tmp_path / ("20260102T030405.000000Z-CA" + "1" * 32 + ".wav.part")
    left.write_bytes(b"\x00" * HEADER_BYTES + b"\x01\x02" * 800)

    async def whole() -> None:
        async with running(recordings_dir=tmp_path):
            pass

    run(whole())

    (path,) = tmp_path.iterdir()
    assert soundfile.info(path).frames == 800
