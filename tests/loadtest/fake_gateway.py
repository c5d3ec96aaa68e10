"""A scripted gateway on loopback, and calls to it under its public name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.line import Address
from gateway.loadtest.live_stream import HangUp
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.timeline import Event
from gateway.twilio.messages import Mark, Media, Start
from gateway.twilio.signature import is_handshake_signed_by_twilio, is_signed_by_twilio
from gateway.twilio.stream import MediaStreamProtocol
from tests.loadtest.calls import (
    AUTH_TOKEN,
    CONNECT,
    HANG_UP,
    PUBLIC_URL,
    STREAM_URL,
    new_caller,
    recording,
)

TAPE = recording((40, 160), duration_ms=200)
NO_STATUS = 0
"""How aiohttp spells a close frame without status."""
CLOSE_AFTER = 5
"""Frames after which a gateway that closes does so."""


@dataclass
class FakeGateway:
    """A gateway of one route each: checks signatures, answers TwiML, sends every frame back with a mark."""

    twiml: dict[str, bytes | list[bytes]] = field(
        default_factory=lambda: {"/twilio/voice": CONNECT, "/twilio/after": HANG_UP}
    )
    """By path; of a list one document after the other, the last for good. What has none is answered with 204."""
    stream_status: int = 101
    close_code: int | None = None
    """If set, the gateway closes the first stream after some frames."""
    breaks: bool = False
    """Or breaks the connection."""
    stalls: bool = False
    """If set, webhooks are never answered."""
    is_deaf: bool = False
    """If set, nothing is read from the stream."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    """When each of them came, on the loop's clock."""
    handshakes: list[dict[str, str]] = field(default_factory=list)
    protocols: list[MediaStreamProtocol] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    closes: list[int | None] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/twilio/{name}", self.webhook)
        app.router.add_get("/twilio/media", self.stream)
        return app

    async def webhook(self, request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        fields = parse_qsl(body, keep_blank_values=True)
        signature = request.headers.getall("X-Twilio-Signature")
        assert is_signed_by_twilio(PUBLIC_URL + request.path_qs, fields, signature, [AUTH_TOKEN])
        assert request.headers.getall("Host") == ["voice.example.com"]
        assert request.headers.getall("User-Agent") == ["TwilioProxy/1.1"]
        self.requests.append((request.path, dict(fields)))
        self.asked_at.append(asyncio.get_running_loop().time())
        if self.stalls:
            await asyncio.Event().wait()
        if request.path not in self.twiml:
            return web.Response(status=204)
        document = self.twiml[request.path]
        if isinstance(document, list):
            document = document.pop(0) if len(document) > 1 else document[0]
        return web.Response(body=document, content_type="application/xml")

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append({name.lower(): value for name, value in request.headers.items()})
        signature = request.headers.getall("X-Twilio-Signature")
        assert is_handshake_signed_by_twilio(STREAM_URL, signature, [AUTH_TOKEN])
        if self.stream_status != 101:
            return web.Response(status=self.stream_status, headers={"Location": STREAM_URL})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            await self.carry(socket, request)
        finally:  # a connection that resets cancels us
            self.closes.append(socket.close_code)
        return socket

    async def carry(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        if self.is_deaf:
            await asyncio.Event().wait()
        protocol = MediaStreamProtocol()
        self.protocols.append(protocol)
        n_frames = 0
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = protocol.receive_text(frame.data)
            if isinstance(message, Start):
                assert message.start.custom_parameters == {"token": "one-time"}
            elif isinstance(message, Media):
                n_frames += 1
                self.heard.append(message.media.payload)
                await socket.send_str(protocol.media(message.media.payload).decode())
                await socket.send_str(protocol.mark(f"m{n_frames}").decode())
            elif isinstance(message, Mark):
                self.marks.append(message.mark.name)
            if n_frames == CLOSE_AFTER and self.breaks:
                assert request.transport is not None
                request.transport.abort()
            elif n_frames == CLOSE_AFTER and self.close_code and len(self.protocols) == 1:
                await socket.close(code=self.close_code)


def call(
    gateway: FakeGateway,
    caller: RecordedCaller,
    *,
    end: HangUp = "stop",
    status_url: str | None = None,
    on_event: Callable[[Event], None] | None = None,
    answered_by: tuple[float, str] | None = None,
) -> Outcome:
    """Let a caller telephone a gateway on loopback under its public name."""

    async def place_it() -> Outcome:
        async with up(gateway) as address:
            return await place_call(
                caller,
                connect_to=address,
                on_event=on_event,
                status_url=status_url,
                end=end,
                answered_by=answered_by,
            )

    return asyncio.run(place_it())


@asynccontextmanager
async def up(gateway: FakeGateway) -> AsyncIterator[Address]:
    """Run a gateway on a free port of this machine."""
    runner = web.AppRunner(gateway.app(), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield host, port
    finally:
        await runner.cleanup()


def patient_caller(**settings: Any) -> RecordedCaller:
    """One that leaves it to the gateway to end the call."""
    return quick_caller(**{"linger": 60.0, "give_up_after": 60.0, **settings})


def quick_caller(**settings: Any) -> RecordedCaller:
    return new_caller(TAPE, **{"linger": 0.1, "give_up_after": 0.3, **settings})
