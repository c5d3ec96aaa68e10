"""What one event costs on the model's leg: ``python -m tests.benchmarks.realtime``. Prints, asserts nothing.

Microseconds, the best of many rounds, with the garbage collector off (as `timeit` has it) and on.
"""

import asyncio
import base64
import gc
import json
import platform
import timeit
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import msgspec
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from gateway.realtime import Provider, RealtimeClient, RealtimeConversation
from gateway.realtime.connection import ModelConnection
from gateway.realtime.events import AudioDelta, decode_event
from tests.fakes import FakeRealtimeServer

NUMBER, ROUNDS = 500, 25
FRAME = bytes(range(256)) * 3 + bytes(192)
"""20 ms of PCM16 24 kHz."""
DELTA = bytes(9600)
"""200 ms of it."""
N_FRAMES, N_ITEMS = 180_000, 3_000
"""One hour."""


def microseconds(work: Callable[[], object], *, collecting: bool = False) -> float:
    """Cost of one run: the best of many rounds, so that neighbours on the machine count little."""
    setup = gc.enable if collecting else "pass"
    return min(timeit.repeat(work, setup, number=NUMBER, repeat=ROUNDS)) / NUMBER * 1e6


def row(name: str, work: Callable[[], object]) -> float:
    cost = microseconds(work)
    print(f"{name:<62}{cost:8.2f}{microseconds(work, collecting=True):8.2f}")
    return cost


def audio_delta() -> bytes:
    sound = base64.b64encode(DELTA).decode()
    ids = {"event_id": "event_B1", "response_id": "resp_B2", "item_id": "item_B3", "output_index": 0}
    return json.dumps(
        {"type": "response.output_audio.delta", **ids, "content_index": 0, "delta": sound}
    ).encode()


def decoding() -> None:
    text = audio_delta()
    event = decode_event(text)
    ours = row("decode_event, 200 ms of audio", lambda: decode_event(text))
    theirs = row("  json.loads and b64decode", lambda: base64.b64decode(json.loads(text)["delta"]))
    print(f"  ratio {ours / theirs:.2f}")
    last = json.dumps(dict(reversed(json.loads(text).items()))).encode()
    row("  decode_event, where the server writes the type last", lambda: decode_event(last))
    sound = base64.b64encode(DELTA)
    row("  b64decode of the sound alone", lambda: base64.b64decode(sound))
    for keeps in (False, True):
        conversation = RealtimeConversation(keep_audio=keeps)
        conversation.process_event(event)
        row(f"process_event of it, keep_audio={keeps}", lambda to=conversation: to.process_event(event))  # type: ignore[misc]


class Bin(asyncio.Transport):
    """A transport that throws away what is written."""

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class Deaf(ModelConnection):
    """Ends where our own code ends."""

    def write_text(self, text: bytes) -> bool:
        return True


def connection_to(transport: asyncio.Transport, kind: type[ModelConnection]) -> ModelConnection:
    protocol = ClientProtocol(parse_uri("ws://127.0.0.1/"), state=State.OPEN, max_size=None)
    connection = kind(RealtimeClient(Provider("ws://127.0.0.1", "m")).realtime.new_socket(None), protocol)
    connection.transport = transport
    return connection


def swapped(client: RealtimeClient, connection: ModelConnection) -> ModelConnection:
    """Have the client write to another connection; return the one it had."""
    socket = client.realtime._socket
    assert socket is not None
    former, socket._connection = socket._connection, connection
    assert former is not None
    return former


async def appending(client: RealtimeClient) -> None:
    """The cost of one frame, from the outside inwards."""
    deaf, thrown = connection_to(Bin(), Deaf), connection_to(Bin(), ModelConnection)
    real = swapped(client, deaf)
    text = msgspec.json.encode(
        {"event_id": "evt_1234567890ab_1", "type": "input_audio_buffer.append", "audio": FRAME}
    )
    own = row(
        "append_input_audio_nowait, until write_text: our own code",
        lambda: client.append_input_audio_nowait(FRAME),
    )
    framed = row("  write_text into nothing: framing and mask", lambda: thrown.write_text(text))
    print(f"{'  of the two, ours':<62}{own / (own + framed):8.0%}")
    swapped(client, thrown)
    whole = row(
        "append_input_audio_nowait, until transport.write", lambda: client.append_input_audio_nowait(FRAME)
    )
    theirs = row("  json.dumps, b64encode and the same write", lambda: thrown.write_text(plainly(FRAME)))
    print(f"  ratio {whole / theirs:.2f}")
    parts(client)
    await on_a_socket(client, real)
    swapped(client, deaf)
    growth(client)
    client.on("realtime.event", lambda _: None)
    row(
        "append, our own code, somebody listening to realtime.event",
        lambda: client.append_input_audio_nowait(FRAME),
    )
    swapped(client, real)


def plainly(chunk: bytes) -> bytes:
    """An append as one would write it without thinking."""
    audio = base64.b64encode(chunk).decode("ascii")
    return json.dumps({"event_id": "evt_1", "type": "input_audio_buffer.append", "audio": audio}).encode()


def parts(client: RealtimeClient) -> None:
    """What our own code consists of."""
    encoder, socket = msgspec.json.Encoder(), client.realtime._socket
    assert socket is not None
    event = {"event_id": "evt_1234567890ab_1", "type": "input_audio_buffer.append", "audio": FRAME}
    row("  part: msgspec's encode, base64 included", lambda: encoder.encode(event))
    row("  part: is_open of the connection", lambda: socket.is_open)
    row("  part: accounting for the chunk", lambda: client._audio_sent(FRAME))
    deaf = swapped(client, connection_to(Bin(), Deaf))
    row(
        "  part: ModelSocket.send with all that",
        lambda: socket.send("input_audio_buffer.append", {"audio": FRAME}),
    )
    swapped(client, deaf)


async def on_a_socket(client: RealtimeClient, real: ModelConnection) -> None:
    """To a server on loopback, which is given time to read between the rounds."""
    swapped(client, real)
    best = {
        "append_input_audio_nowait, to a socket on loopback": 1e9,
        "  transport.write of the same frame": 1e9,
    }
    wire = real.protocol
    wire.send_text(plainly(FRAME))
    frame = b"".join(wire.data_to_send())
    works: list[Callable[[], object]] = [
        lambda: client.append_input_audio_nowait(FRAME),
        lambda: real.transport.write(frame),
    ]
    for _ in range(60):
        for name, work in zip(best, works, strict=True):
            best[name] = min(best[name], timeit.timeit(work, number=20) / 20 * 1e6)
            await asyncio.sleep(0.005)
    for name, cost in best.items():
        print(f"{name:<62}{cost:8.2f}")


def growth(client: RealtimeClient) -> None:
    """The same work in the first minute and after an hour of conversation."""
    at_first = microseconds(lambda: client.append_input_audio_nowait(FRAME))
    delta = {"type": "response.output_audio.delta", "delta": base64.b64encode(DELTA).decode()}
    first = AudioDelta("item_first", DELTA)
    delta_at_first = microseconds(lambda: client.conversation.process_event(first))
    for number in range(N_ITEMS):
        for _ in range(N_FRAMES // N_ITEMS):
            client.append_input_audio_nowait(FRAME)
        item = {"id": f"item_{number}", "type": "message", "role": "assistant", "content": []}
        for kind in ("conversation.item.added", "conversation.item.done"):
            client.conversation.process_event({"type": kind, "item": item})
        client.conversation.process_event({**delta, "item_id": f"item_{number}"})
    last = AudioDelta(f"item_{N_ITEMS - 1}", DELTA)
    later = microseconds(lambda: client.append_input_audio_nowait(FRAME))
    delta_later = microseconds(lambda: client.conversation.process_event(last))
    print(f"after {N_FRAMES} frames and {N_ITEMS} items, as ratios to the first minute:")
    print(
        f"  append {later / at_first:.2f}, process_event of an audio delta {delta_later / delta_at_first:.2f}"
    )


async def main() -> None:
    print(
        f"Python {platform.python_version()}, msgspec {msgspec.__version__}, websockets {version('websockets')}"
    )
    print(f"{'microseconds; the second figure with the collector on':<62}{'off':>8}{'on':>8}")
    decoding()
    async with FakeRealtimeServer() as server:
        client = RealtimeClient(Provider(server.url, "m"))
        await client.connect()
        await appending(client)
        await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
