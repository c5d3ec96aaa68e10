"""The page's part of a call from the softphone, without a browser; and a gateway that has the softphone."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.app import Gateway
from gateway.server import listen, serving
from gateway.settings import Settings
from tests.gateways import AUTH_TOKEN, Running

FRAME = b"\xff" * 160
HANG_UP = '{"event":"phone.hang-up"}'


@contextlib.asynccontextmanager
async def phoning(**settings: Any) -> AsyncIterator[Running]:
    """Run a gateway with the softphone on a free port, known by that address."""
    listener = listen("127.0.0.1", 0)
    public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    given = {"public_url": public_url, "twilio_auth_token": AUTH_TOKEN, "drain_timeout": 0.1, **settings}
    gateway = Gateway(Settings(_env_file=None, **given), phone=True)  # type: ignore[call-arg]  # pydantic-settings
    async with serving(gateway.server(), listener):
        yield Running(gateway, listener.getsockname()[1])


@dataclass
class Page:
    """What the page does, step by step."""

    websocket: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)
    stream_sid: str = ""
    n_sent: int = 1
    n_frames: int = 0

    async def until(self, event: str, **details: object) -> dict[str, Any]:
        """Take messages, echoing marks at once, until one of this kind; return it."""
        async for text in self.websocket:
            message = json.loads(text)
            self.heard.append(message)
            if message["event"] == "phone.answered":
                self.stream_sid, self.n_sent = message["streamSid"], 1
            if message["event"] == "mark":
                await self.send("mark", message["mark"])
            if message["event"] == event and details.items() <= message.items():
                return dict(message)
        raise AssertionError(f"closed without {event}: {self.events()}")

    async def send(self, event: str, body: dict[str, Any], **changes: object) -> None:
        """Send one of Twilio's messages, numbered."""
        self.n_sent += 1
        message = {
            "event": event,
            "sequenceNumber": str(self.n_sent),
            event: body,
            "streamSid": self.stream_sid,
        }
        await self.websocket.send(json.dumps({**message, **changes}))

    async def frame(self, payload: bytes = FRAME) -> None:
        """Send 20 ms of sound."""
        self.n_frames += 1
        encoded = base64.b64encode(payload).decode()
        numbers = {"chunk": str(self.n_frames), "timestamp": str(self.n_frames * 20 - 20)}
        await self.send("media", {"track": "inbound", **numbers, "payload": encoded})

    def events(self) -> list[str]:
        """The kinds of messages that came."""
        return [message["event"] for message in self.heard]

    async def closed(self) -> int | None:
        """Wait for the end of the socket; return the close code."""
        with contextlib.suppress(ConnectionClosed):
            async for text in self.websocket:
                self.heard.append(json.loads(text))
        return self.websocket.close_code


@contextlib.asynccontextmanager
async def page(at: Running, **options: Any) -> AsyncIterator[Page]:
    """Open the page's line, as a browser at our own address does."""
    host = f"127.0.0.1:{at.port}"
    options = {"origin": f"http://{host}", **options}
    async with connect(f"ws://{host}/phone/line", proxy=None, compression=None, **options) as websocket:
        yield Page(websocket)
