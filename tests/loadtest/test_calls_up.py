import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from gateway.loadtest.messages import (
    Begin,
    CallDone,
    CallOver,
    HangUp,
    PlaceCall,
    Ready,
    line_of,
    report_decoder,
)
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.recording import default_recording
from tests.loadtest.calls import AUTH_TOKEN, PUBLIC_URL
from tests.loadtest.fake_gateway import FakeGateway, up
from tests.loadtest.light_server import light_server

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


BUSY = b'<Response><Reject reason="busy"/></Response>'


async def place(
    *orders: PlaceCall | HangUp, target: str, token: str = TOKEN, **others: Any
) -> tuple[list[CallOver], list[CallDone]]:
    """Have a process of calls follow orders at once, and tell what it reports until all calls are measured."""
    given = {"recordings": (str(default_recording()),), "calls": 1, "ramp": 1.0, "duration": 9.0, **others}
    begin = Begin(LoadOptions(target=target, **given), token)
    over: list[CallOver] = []
    done: list[CallDone] = []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.loadtest.calls_process",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdin=PIPE, stdout=PIPE, limit=1 << 24,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line_of(begin))
    async with asyncio.timeout(30):
        assert report_decoder.decode(await process.stdout.readline()) == Ready()
        process.stdin.writelines(map(line_of, orders))
        while len(done) < sum(isinstance(each, PlaceCall) for each in orders):
            match report_decoder.decode(await process.stdout.readline()):
                case CallOver() as report:
                    over.append(report)
                case CallDone() as report:
                    done.append(report)
        process.stdin.close()
        assert await process.wait() == 0
    return over, done


def test_line_that_is_to_hang_up_while_its_caller_is_still_being_made_does() -> None:
    with light_server() as target:
        placed = [PlaceCall(line, 0, line) for line in range(3)]
        over, done = asyncio.run(place(*placed, HangUp(1), HangUp(), target=target))

    assert {each.line for each in over} == {0, 1, 2}
    assert [each.result.outcome for each in done] == ["caller-hung-up"] * 3
    assert all(each.result.duration_ms < 3000 for each in done)


def test_file_that_cannot_be_written_costs_the_file_and_not_the_call(tmp_path: Path) -> None:
    with light_server(max_messages=25) as target:
        orders = PlaceCall(0, 0, 0), PlaceCall(1, 0, 1)
        over, done = asyncio.run(place(*orders, target=target, wav_dir=str(tmp_path / "gone"), wavs="all"))

    assert len(over) == 2
    assert [each.result.wav for each in done] == [None, None]


def test_caller_who_is_turned_away_is_a_failed_call() -> None:
    async def whole() -> tuple[list[CallOver], list[CallDone]]:
        async with up(FakeGateway(twiml={"/twilio/voice": BUSY})) as address:
            return await place(PlaceCall(0, 0, 0), target=PUBLIC_URL, token=AUTH_TOKEN, connect_to=address)

    over, done = asyncio.run(whole())

    assert [each.line for each in over] == [0]
    assert [(each.result.outcome, each.result.failed) for each in done] == [("busy", True)]
