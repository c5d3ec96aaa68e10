"""Relays on loopback that pass HTTP and WebSockets on, and may change the texts that pass."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

_OF_THE_CONNECTION = {"connection", "content-length", "upgrade"}
"""Headers that are not passed on, nor are those by which a WebSocket is agreed upon."""
_CODES = range(1000, 1005)
"""With which a socket may be closed."""

_Socket = web.WebSocketResponse | ClientWebSocketResponse
_Change = Callable[[str, float], Iterable[str]]


class Passage(Protocol):
    """What becomes of the texts of one WebSocket."""

    def to_server(self, text: str, now: float) -> Iterable[str]:
        """Say what the server gets for a text of the client's."""

    def to_client(self, text: str, now: float) -> Iterable[str]:
        """Say what the client gets for a text of the server's."""


class Unchanged:
    """Passes everything on as it is."""

    def to_server(self, text: str, now: float) -> Iterable[str]:
        return (text,)

    def to_client(self, text: str, now: float) -> Iterable[str]:
        return (text,)


@contextlib.asynccontextmanager
async def relay(
    to: str, passage: Callable[[], Passage] = Unchanged, *, down_held: float = 0.0
) -> AsyncIterator[str]:
    """Relay to ``HOST:PORT`` and give our own; every WebSocket has a passage of its own.

    Texts for the client are held for so many seconds.
    """
    async with ClientSession(f"http://{to}") as client:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            headers = _passed_on(request)
            if "Upgrade" not in request.headers:
                body = await request.read()
                async with client.request(
                    request.method, request.raw_path, headers=headers, data=body
                ) as answer:
                    return web.Response(
                        status=answer.status, body=await answer.read(), content_type=answer.content_type
                    )
            async with client.ws_connect(request.raw_path, headers=headers, max_msg_size=0) as server:
                socket = web.WebSocketResponse(compress=False, max_msg_size=0)
                await socket.prepare(request)
                changed = passage()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_carry(socket, server, changed.to_server, 0.0))
                    tasks.create_task(_carry(server, socket, changed.to_client, down_held))
                return socket

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield "{}:{}".format(*runner.addresses[0])
        finally:
            await runner.cleanup()


def _passed_on(request: web.Request) -> dict[str, str]:
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in _OF_THE_CONNECTION and not name.lower().startswith("sec-websocket-")
    }


async def _carry(one: _Socket, other: _Socket, changed: _Change, held: float) -> None:
    """Carry what comes from one side to the other, until it closes; then close that too."""
    now = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()

    async def deliver() -> None:
        while (came := await on_the_way.get()) is not None:
            if held:
                await asyncio.sleep(came[0] + held - now())
            for text in changed(came[1], now()):
                with contextlib.suppress(ConnectionError):  # the other side has gone in the meantime
                    await other.send_str(text)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(deliver())
        async for message in one:
            if message.type is not WSMsgType.TEXT:
                break
            on_the_way.put_nowait((now(), message.data))
        on_the_way.put_nowait(None)
    code = one.close_code or 0
    await other.close(code=code if code in _CODES else 1000)
