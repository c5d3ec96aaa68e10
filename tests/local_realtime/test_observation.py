import asyncio
import stat
import time
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect

from gateway.local_realtime import LocalRealtimeServer, RecordedVoice
from gateway.local_realtime.heartbeat import PERIOD, Heartbeat
from gateway.observed import Observed
from tests.local_realtime.test_server import Client


async def append(server: LocalRealtimeServer, query: str) -> None:
    async with connect(server.url + query, max_size=None, compression=None) as socket:
        client = Client(socket)
        await client.until("session.created")
        await client.append(bytes(320))


def ended(folder: Path) -> list[Path]:
    """Wait until a session has been observed, and none is any more."""
    deadline = time.monotonic() + 10
    while any(folder.glob("*.observing")) or not any(folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return sorted(folder.iterdir())


def test_a_session_that_names_its_call_leaves_a_file_for_its_owner_alone(
    voice: RecordedVoice, tmp_path: Path
) -> None:
    async def scenario() -> list[Path]:
        async with LocalRealtimeServer(voice=voice, observed_dir=tmp_path) as server:
            before = time.monotonic()
            await append(server, "?call=CA12_x-3&model=m")
            paths = await asyncio.to_thread(ended, tmp_path)
            found = msgspec.msgpack.decode(paths[0].read_bytes(), type=Observed)
            assert [each.n_samples for each in found.appends] == [80, 80]
            assert all(before <= each.at <= time.monotonic() for each in found.appends)
            assert paths[0].name == f"CA12_x-3-{found.session_id}.observed"
            return paths

    (path,) = asyncio.run(scenario())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "query",
    ["", "?call=", "?call=../up", "?call=%2Fetc%2Fx", "?call=a%00b", "?call=a.b", "?call=" + "x" * 65, "?call=%C3%A9", "?call=a%0A"],
)  # fmt: skip
def test_a_session_without_a_label_leaves_nothing_anywhere(
    voice: RecordedVoice, tmp_path: Path, query: str
) -> None:
    folder = tmp_path / "observed"
    folder.mkdir()

    async def scenario() -> None:
        async with LocalRealtimeServer(voice=voice, observed_dir=folder) as server:
            await append(server, query)
            await append(server, "?call=after")
            assert [path.name.partition("-")[0] for path in await asyncio.to_thread(ended, folder)] == [
                "after"
            ]

    asyncio.run(scenario())

    assert [path.name for path in tmp_path.iterdir()] == ["observed"]


def test_nothing_is_observed_unless_it_was_asked_for(
    voice: RecordedVoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def scenario() -> None:
        async with LocalRealtimeServer(voice=voice) as server:
            await append(server, "?call=CA1")

    asyncio.run(scenario())

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_costs_the_file_and_not_the_session(
    voice: RecordedVoice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "observed"

    async def scenario() -> None:
        async with LocalRealtimeServer(voice=voice, observed_dir=folder) as server:
            await append(server, "?call=CA1")
            folder.mkdir()
            async with connect(f"{server.url}?call=CA1", compression=None) as socket:
                await Client(socket).until("session.created")
                (unfinished,) = folder.iterdir()
                unfinished.unlink()
                folder.rmdir()
            async with asyncio.timeout(10):
                while "an observed session is lost" not in (text := capsys.readouterr().out):
                    said.append(text)
                    await asyncio.sleep(0.01)

    said: list[str] = []
    asyncio.run(scenario())

    assert "a session is not observed" in "".join(said)
    assert not folder.exists()


def test_a_loop_that_was_held_up_says_so_of_what_it_reads_then() -> None:
    async def scenario() -> tuple[float, float, float]:
        heart = Heartbeat()
        unstarted = heart.late(time.monotonic() + 5)
        heart.start()
        await asyncio.sleep(3 * PERIOD)
        time.sleep(0.2)  # noqa: ASYNC251 - that is the hold-up
        held_up = heart.late(time.monotonic())
        async with asyncio.timeout(10):
            while heart.late(time.monotonic()) > PERIOD:  # noqa: ASYNC110 - it is not told
                await asyncio.sleep(3 * PERIOD)
        heart.stop()
        return unstarted, held_up, heart.late(time.monotonic() + 5)

    unstarted, held_up, stopped = asyncio.run(scenario())

    assert 0.15 < held_up < 5
    assert unstarted == stopped == 0


def test_right_after_a_hold_up_what_is_read_may_have_waited_all_the_while() -> None:
    async def scenario() -> float:
        heart = Heartbeat()
        heart.start()
        await asyncio.sleep(3 * PERIOD)
        time.sleep(0.2)  # noqa: ASYNC251 - that is the hold-up
        late: list[float] = []
        asyncio.get_running_loop().call_later(0, lambda: late.append(heart.late(time.monotonic())))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        heart.stop()
        return late[0]

    assert asyncio.run(scenario()) > 0.15
