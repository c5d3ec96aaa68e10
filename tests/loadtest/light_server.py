"""A Media Streams server that costs little, as a process of its own: it takes any call and speaks every few seconds.

Nothing of a call is checked: it is there to be loaded, or to load the caller's side.
"""

import argparse
import asyncio
import base64
import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.wire import WebSocketPeer, accept_key
from voice_codecs import mulaw_encode, sine

ANSWER_EVERY = 300
"""Messages of the caller from one answer to the next: six seconds."""
CHUNK_MS = 200
N_CHUNKS = 10
"""Of one answer: two seconds."""
_PAYLOAD = base64.b64encode(mulaw_encode(sine(440, CHUNK_MS, 8000)))


class LightServer:
    """What its connections share."""

    def __init__(self, max_calls: int, max_messages: int) -> None:
        self.max_calls = max_calls
        self.max_messages = max_messages
        self.n_calls = 0
        self.n_stops = 0


class LightStream(WebSocketPeer):
    """One connection: webhooks, or a media stream."""

    def __init__(self, server: LightServer) -> None:
        super().__init__()
        self._server = server
        self._n_messages = 0
        self._stream_sid = b""

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            self._answer_webhook(data)
        elif self._is_upgraded or data.startswith(b"GET"):
            super().data_received(data)  # the rest is the body of a form

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._is_upgraded:
            self._server.n_calls -= 1

    def upgraded(self, head: str) -> None:
        self._server.n_calls += 1
        found = re.search(r"(?im)^sec-websocket-key:\s*(\S+)", head)
        assert found is not None
        self.transport.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(found[1])}\r\n\r\n".encode()
        )

    def message(self, text: bytes, now: float) -> None:
        self._n_messages += 1
        if not self._stream_sid and b'"start"' in text:
            found = re.search(rb'"streamSid":\s*"(MZ\w+)"', text)
            assert found is not None
            self._stream_sid = found[1]
        if b'"stop"' in text:
            self._server.n_stops += 1
        if self._n_messages == self._server.max_messages:
            self.close()
        elif self._stream_sid and self._n_messages % ANSWER_EVERY == 25:
            self._speak()

    def _answer_webhook(self, data: bytes) -> None:
        host = re.search(rb"(?im)^host:\s*(\S+)", data)
        assert host is not None
        if data.startswith(b"POST /stops"):
            self._answer(b"200 OK", b"%d" % self._server.n_stops)
        elif self._server.n_calls >= self._server.max_calls:
            self._answer(b"500 Full", b"")
        else:
            twiml = b'<Response><Connect><Stream url="ws://%s/stream"/></Connect></Response>' % host[1]
            self._answer(b"200 OK", twiml)

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self.transport.write(head + body)

    def _speak(self) -> None:
        sid = self._stream_sid
        media = b'{"event":"media","streamSid":"%s","media":{"payload":"%s"}}' % (sid, _PAYLOAD)
        mark = b'{"event":"mark","streamSid":"%s","mark":{"name":"m"}}' % sid
        self.send(*[message for _ in range(N_CHUNKS) for message in (media, mark)])


@contextlib.contextmanager
def light_server(*, max_calls: int = 100_000, max_messages: int = 0) -> Iterator[str]:
    """Run one; its address. Webhooks beyond ``max_calls`` at once get a 500; it hangs up after ``max_messages``."""
    arguments = ["--max-calls", str(max_calls), "--max-messages", str(max_messages)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.loadtest.light_server", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def serve(state: LightServer) -> None:
    """Serve until it is killed; print the port."""
    server = await asyncio.get_running_loop().create_server(lambda: LightStream(state), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-calls", type=int, default=100_000)
    parser.add_argument("--max-messages", type=int, default=0)
    parsed = parser.parse_args()
    asyncio.run(serve(LightServer(parsed.max_calls, parsed.max_messages)))
