"""The cable between a browser and a gateway, which can be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Cable:
    """Carries every connection made to ``port`` to the gateway."""

    def __init__(self, gateway_port: int) -> None:
        self.port = 0
        self._gateway_port = gateway_port
        self._writers: list[asyncio.StreamWriter] = []

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self._gateway_port)
        self._writers += [writer, to_gateway]
        with contextlib.suppress(ConnectionError):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pump(reader, to_gateway))
                tasks.create_task(_pump(from_gateway, writer))

    def cut(self) -> None:
        """Break every connection, as a pulled plug does."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def cable(gateway_port: int) -> AsyncIterator[Cable]:
    """Lay a cable to the gateway on that port of this machine."""
    ours = Cable(gateway_port)
    async with await asyncio.start_server(ours.carry, "127.0.0.1", 0) as server:
        ours.port = server.sockets[0].getsockname()[1]
        yield ours
        ours.cut()
