"""A caller who costs little: Twilio's part of a call, callback by callback, with a playback buffer in real time."""

import asyncio
import base64
import hmac
import time
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec

from tests.benchmarks.wire import WebSocketPeer

PUBLIC_URL = "https://voice.example.com"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
ACCOUNT_SID = "AC" + "0" * 32
PTIME = 0.02
SAMPLE_RATE = 8000
_TIMER_GRAIN = 0.0005


class _Payload(msgspec.Struct):
    payload: bytes


class _Media(msgspec.Struct, tag_field="event", tag="media"):
    media: _Payload


class _Name(msgspec.Struct):
    name: str


class _Mark(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _Name


class _Clear(msgspec.Struct, tag_field="event", tag="clear"):
    pass


_decoder = msgspec.json.Decoder(_Media | _Mark | _Clear)


@dataclass
class HeardItem:
    """What reached the caller of one item of the model, and when it sounds."""

    item_id: str
    segments: list[tuple[float, int]] = field(default_factory=list)
    """Start on the clock, and samples at 8 kHz."""
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """Arrival on the clock, and samples that had come with it."""
    payloads: list[bytes] = field(default_factory=list)
    n_samples: int = 0
    n_late: int = 0
    """Samples that came after the clear."""
    cleared_at: float | None = None

    def heard_ms(self, now: float) -> float:
        """How much of it has sounded."""
        return sum(min(max(now - start, 0.0) * 1000, n / 8) for start, n in self.segments)


class LightCaller(WebSocketPeer):
    """Sends frames on absolute deadlines from `start` on; buffers, plays, echoes marks and honours clear."""

    is_client = True

    def __init__(self, number: int, port: int, frames: Sequence[bytes], *, keep_audio: bool) -> None:
        super().__init__()
        self.call_sid, self.stream_sid = f"CA{number:032x}", f"MZ{number:032x}"
        self.sent_at: list[float] = []
        self.lateness: list[float] = []
        self.items: list[HeardItem] = []
        self._port = port
        self._frames = [base64.b64encode(frame) for frame in frames]
        self._keep_audio = keep_audio
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[str] = self._loop.create_future()
        self._n_sequence = 0
        self._play_end = 0.0
        self._marks: deque[tuple[str, float]] = deque()
        self._mark_timer: asyncio.TimerHandle | None = None
        self._frame_timer: asyncio.TimerHandle | None = None

    async def dial(self) -> None:
        """Go through webhook, TwiML and handshake, to the stream's start message."""
        stream = ET.fromstring(await self._ask_for_twiml()).find(".//Stream")
        assert stream is not None
        parameter = stream.find("Parameter")
        assert parameter is not None
        url = stream.attrib["url"]
        await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        host, _, path = url.removeprefix("wss://").partition("/")
        self.transport.write(
            f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"X-Twilio-Signature: {signature(url)}\r\n\r\n".encode()
        )
        status = await self._opened
        assert status.startswith("HTTP/1.1 101"), status
        self._send_start(parameter.attrib["value"])

    def speak(self, first_deadline: float) -> None:
        """Begin to send frames."""
        self._deadline = first_deadline
        self._frame_timer = self._loop.call_later(first_deadline - time.monotonic(), self._send_frame)

    def mute(self) -> None:
        """Send no more frames."""
        if self._frame_timer is not None:
            self._frame_timer.cancel()

    def hang_up(self) -> None:
        """Stop the stream and close."""
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        self.send(b'{"event":"stop",%s,"stop":{}}' % self._numbered())
        self.close()

    def expect(self, item_id: str) -> HeardItem:
        """Put what comes from now on down to this item."""
        self.items.append(HeardItem(item_id))
        return self.items[-1]

    def upgraded(self, head: str) -> None:
        self._opened.set_result(head)

    def message(self, text: bytes, now: float) -> None:
        match _decoder.decode(text):
            case _Media(media=media):
                self._take_audio(media.payload, now)
            case _Mark(mark=mark):
                self._take_mark(mark.name, now)
            case _Clear():
                self._clear(now)

    async def _ask_for_twiml(self) -> str:
        form = {"AccountSid": ACCOUNT_SID, "CallSid": self.call_sid, "From": "+15005550006"}
        body = urlencode(form)
        signed = PUBLIC_URL + "/twilio/voice" + "".join(name + form[name] for name in sorted(form))
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(
            f"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"X-Twilio-Signature: {signature(signed)}\r\n\r\n{body}".encode()
        )
        answer = (await reader.read()).decode()
        writer.close()
        head, _, twiml = answer.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200"), head
        return twiml

    def _send_start(self, token: str) -> None:
        start = {
            "accountSid": ACCOUNT_SID,
            "callSid": self.call_sid,
            "streamSid": self.stream_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": token},
        }
        message = b'{"event":"start",%s,"start":%s}' % (self._numbered(), msgspec.json.encode(start))
        self.send(b'{"event":"connected","protocol":"Call","version":"1.0.0"}', message)

    def _numbered(self) -> bytes:
        self._n_sequence += 1
        return b'"sequenceNumber":"%d","streamSid":"%s"' % (self._n_sequence, self.stream_sid.encode())

    def _send_frame(self) -> None:
        n = len(self.sent_at)
        media = b'{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%s"}' % (
            n + 1,
            20 * n,
            self._frames[n % len(self._frames)],
        )
        message = b'{"event":"media",%s,"media":%s}' % (self._numbered(), media)
        now = time.monotonic()
        self.send(message)
        self.sent_at.append(now)
        self.lateness.append(now - self._deadline)
        self._deadline += PTIME
        self._frame_timer = self._loop.call_later(self._deadline - now, self._send_frame)

    def _take_audio(self, payload: bytes, now: float) -> None:
        item = self.items[-1] if self.items else self.expect("unasked")
        if item.cleared_at is not None:
            item.n_late += len(payload)
        start = max(now, self._play_end)
        self._play_end = start + len(payload) / SAMPLE_RATE
        item.segments.append((start, len(payload)))
        item.n_samples += len(payload)
        item.arrivals.append((now, item.n_samples))
        if self._keep_audio:
            item.payloads.append(payload)

    def _take_mark(self, name: str, now: float) -> None:
        if self._play_end <= now:
            self._echo(name)
            return
        self._marks.append((name, self._play_end))
        if self._mark_timer is None:
            self._mark_timer = self._loop.call_later(self._play_end - now, self._echo_played)

    def _echo_played(self) -> None:
        now = time.monotonic()
        while self._marks and self._marks[0][1] <= now + _TIMER_GRAIN:
            self._echo(self._marks.popleft()[0])
        due = self._marks[0][1] - now if self._marks else None
        self._mark_timer = None if due is None else self._loop.call_later(due, self._echo_played)

    def _clear(self, now: float) -> None:
        if self.items:
            self.items[-1].cleared_at = now
        self._play_end = now
        while self._marks:
            self._echo(self._marks.popleft()[0])

    def _echo(self, name: str) -> None:
        self.send(b'{"event":"mark",%s,"mark":{"name":"%s"}}' % (self._numbered(), name.encode()))


def signature(signed: str) -> str:
    """Twilio's signature over a URL and the sorted form. Twilio, "Security"."""
    return base64.b64encode(hmac.digest(AUTH_TOKEN.encode(), signed.encode(), "sha1")).decode()
