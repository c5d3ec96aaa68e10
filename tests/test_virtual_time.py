import asyncio
import time

import pytest

from tests import virtual_time

HOUR = 3600.0


def test_an_hour_passes_at_once() -> None:
    async def scenario() -> tuple[float, float]:
        began_at = time.monotonic(), asyncio.get_running_loop().time()
        await asyncio.sleep(HOUR)
        return time.monotonic() - began_at[0], asyncio.get_running_loop().time() - began_at[1]

    really_began_at = time.perf_counter()

    assert virtual_time.run(scenario()) == pytest.approx((HOUR, HOUR))
    assert time.perf_counter() - really_began_at < HOUR / 60


def test_no_time_passes_while_something_is_to_be_done() -> None:
    async def scenario() -> float:
        began_at = time.monotonic()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            sum(range(1_000_000))
            writer.write(b"hello\n")
            async with asyncio.timeout(0.001):
                assert await reader.readline() == b"hello\n"
            writer.close()
        return time.monotonic() - began_at

    assert virtual_time.run(scenario()) < 0.001


def test_time_stands_still_while_a_thread_works() -> None:
    async def scenario() -> float:
        began_at = time.monotonic()
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(sum, range(3_000_000))
        return time.monotonic() - began_at

    assert virtual_time.run(scenario()) < 0.001


def test_the_clock_is_the_real_one_again_afterwards() -> None:
    real = time.monotonic

    with pytest.raises(ValueError, match="over"):
        virtual_time.run(_fail())

    assert time.monotonic is real


async def _fail() -> None:
    raise ValueError("over")
