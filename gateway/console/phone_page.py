"""The page's end of a phone call: text frames to and from one browser, with a deadline on every send."""

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

SEND_TIMEOUT = 10.0
"""Seconds in which the page must take a message."""
_encoder = msgspec.json.Encoder()


class PhonePage:
    """One browser's WebSocket. A page that has gone takes everything, silently."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._gone = False

    async def tell(self, event: str, **details: object) -> None:
        """Send a message of ours, which is none of Twilio's: ``phone.`` and a name."""
        body: Mapping[str, object] = {"event": f"phone.{event}", **details}
        await self.pass_on(_encoder.encode(body).decode())

    async def pass_on(self, text: str) -> None:
        """Send a text frame."""
        if self._gone:
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):  # Starlette: it is closed already
            self._gone = True

    async def hear(self) -> str | None:
        """Wait for the next text frame; None once the page has gone or reads no more, or has sent what is no text."""
        try:
            text = await self._websocket.receive_text()
        except KeyError:
            return None
        except WebSocketDisconnect:
            self._gone = True
        return None if self._gone else text

    async def close(self, code: int = 1000) -> None:
        """Close the socket."""
        if self._gone:
            return
        self._gone = True
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._websocket.close(code)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass  # it was faster
