import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import ClientTimeout, web

from gateway.loadtest import line
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.live_stream import HangUp
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.steps import End
from gateway.loadtest.timeline import MAX_DETAIL, Event
from gateway.twilio.stream import State
from tests.loadtest.calls import (
    CONNECT,
    mark,
    media,
    silence,
    speech,
)
from tests.loadtest.fake_gateway import NO_STATUS, TAPE, FakeGateway, call, patient_caller, quick_caller


def test_a_call_is_played_whole_and_hung_up() -> None:
    gateway, caller = FakeGateway(), quick_caller()
    events: list[str] = []

    outcome = call(
        gateway, caller, status_url="/twilio/status", on_event=lambda event: events.append(event.kind)
    )

    assert outcome.end == caller.end == End("caller-hung-up")
    assert b"".join(gateway.heard).startswith(TAPE.payload + silence(60))
    assert outcome.n_frames_sent == len(gateway.heard)
    assert gateway.protocols[0].state is State.STOPPED
    assert gateway.protocols[0].n_missing == 0
    assert gateway.closes == [NO_STATUS]
    assert gateway.marks[:3] == ["m1", "m2", "m3"]
    assert outcome.faults == {}
    assert outcome.timeline is caller.timeline
    assert len(outcome.timeline.frame_lateness_ms) == outcome.n_frames_sent
    assert [(path, fields["CallStatus"]) for path, fields in gateway.requests] == [
        ("/twilio/voice", "ringing"),
        ("/twilio/status", "completed"),
    ]
    assert events[:3] == ["webhook-sent", "twiml-taken", "stream-started"]
    assert events[-2:] == ["stop-sent", "ended"]


def test_the_handshake_looks_like_twilio_s() -> None:
    gateway = FakeGateway()
    call(gateway, quick_caller())

    (headers,) = gateway.handshakes
    assert set(headers) == {
        "host",
        "connection",
        "upgrade",
        "sec-websocket-version",
        "sec-websocket-key",
        "user-agent",
        "x-twilio-signature",
        "accept-encoding",
    }
    assert headers["host"] == "voice.example.com"
    assert headers["user-agent"] == "Twilio.TmeWs/1.0"
    assert headers["accept-encoding"] == "gzip"


def test_what_the_caller_heard_is_what_came_back() -> None:
    gateway, caller = FakeGateway(), quick_caller()
    call(gateway, caller)

    heard = b"".join(bytes(each.payload) for each in caller.playback.runs)
    assert len(heard) > 800
    assert b"".join(gateway.heard).startswith(heard)


def test_a_stream_that_the_gateway_closes_goes_on_at_the_action_url() -> None:
    gateway = FakeGateway(close_code=1000)

    outcome = call(gateway, patient_caller())

    assert outcome.end == End("gateway-hung-up", "hangup")
    assert [path for path, _ in gateway.requests] == ["/twilio/voice", "/twilio/after"]
    assert gateway.requests[1][1]["CallStatus"] == "in-progress"
    assert [each.detail for each in outcome.timeline.events if each.kind == "stream-closed"] == ["1000"]
    assert outcome.faults == {}


def test_a_connection_that_the_gateway_breaks_goes_on_at_the_action_url() -> None:
    gateway = FakeGateway(breaks=True)

    outcome = call(gateway, patient_caller())

    assert outcome.end == End("gateway-hung-up", "hangup")
    assert outcome.faults == {"31903": 1}


def test_the_action_may_open_another_stream() -> None:
    gateway = FakeGateway(close_code=1012, twiml={"/twilio/voice": CONNECT, "/twilio/after": CONNECT})

    outcome = call(gateway, quick_caller(hang_up_after=1.0))

    assert outcome.end == End("caller-hung-up")
    assert len({each.stream_sid for each in gateway.protocols}) == len(gateway.protocols) == 2


@pytest.mark.parametrize("status", [403, 302, 200, 503])
def test_a_refused_handshake_is_31920_and_no_redirect_is_followed(status: int) -> None:
    gateway = FakeGateway(stream_status=status)

    outcome = call(gateway, quick_caller())

    assert (outcome.end.reason, outcome.end.code) == ("stream-refused", 31920)
    assert outcome.end.detail.endswith(f": {status}")
    assert len(gateway.handshakes) == 1


@pytest.mark.parametrize(
    ("end", "reason", "close_codes"),
    [("reset", "caller-reset", [1006, None]), ("close", "caller-closed", [NO_STATUS])],
)
def test_a_caller_can_go_away_without_a_stop(end: HangUp, reason: str, close_codes: list[int | None]) -> None:
    gateway = FakeGateway()

    outcome = call(gateway, quick_caller(), end=end)

    assert outcome.end == End(reason)
    assert gateway.protocols[0].state is State.STREAMING
    assert gateway.closes[0] in close_codes


def test_a_gateway_that_reads_nothing_cannot_hold_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "CLOSE_TIMEOUT", 0.1)

    assert call(FakeGateway(is_deaf=True), quick_caller()).end == End("caller-hung-up")


def test_a_call_that_somebody_else_ends_is_over() -> None:
    gateway, caller = FakeGateway(close_code=1000), patient_caller()

    def hang_up_at_the_first_mark(event: Event) -> None:
        if event.kind == "mark-received" and caller.end is None:
            caller.hang_up(event.at)

    assert call(gateway, caller, on_event=hang_up_at_the_first_mark).end == End("caller-hung-up")


def test_a_call_turned_away_is_over_at_once() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": b"<Response><Reject reason='busy'/></Response>"})

    outcome = call(gateway, quick_caller(), status_url="/twilio/status")

    assert outcome.end == End("busy")
    assert outcome.n_frames_sent == 0
    assert gateway.requests[-1][1]["CallStatus"] == "busy"


def test_a_stream_url_that_cannot_be_dialled_is_invalid() -> None:
    body = b"<Response><Connect><Stream url='wss://somebody@voice.example.com/'/></Connect></Response>"

    assert call(FakeGateway(twiml={"/twilio/voice": body}), quick_caller()).end.reason == "stream-url-invalid"


def test_a_redirect_to_a_page_that_is_not_there_is_a_failure() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": b"<Response><Redirect>/nowhere</Redirect></Response>"})

    outcome = call(gateway, quick_caller())

    assert outcome.end == End("webhook-status", "404")


def test_a_webhook_that_takes_too_long_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "WEBHOOK_TIMEOUT", ClientTimeout(total=0.1))

    outcome = call(FakeGateway(stalls=True), quick_caller())

    assert outcome.end.reason == "webhook-timeout"


def test_a_document_that_never_ends_is_not_read_to_the_end() -> None:
    gateway = FakeGateway(twiml={"/twilio/voice": b"<Response>" + b" " * 10_000_000})

    assert call(gateway, quick_caller()).end.reason == "webhook-too-large"


def test_a_status_callback_that_fails_is_a_fault_and_not_an_end() -> None:
    outcome = call(FakeGateway(), quick_caller(hang_up_after=0.03), status_url="/nowhere")

    assert outcome.end == End("caller-hung-up")
    assert outcome.faults == {"15003": 1}


async def call_nobody(caller: RecordedCaller) -> Outcome:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    return await place_call(caller, connect_to=(host, port), status_url="/twilio/status")


def test_a_gateway_that_is_not_there_is_unreachable() -> None:
    outcome = asyncio.run(call_nobody(quick_caller()))

    assert outcome.end.reason == "webhook-unreachable"
    assert outcome.faults == {"15003": 1}


async def stream_to(answer: bytes | None, caller: RecordedCaller) -> Outcome:
    """Answer the webhook, then answer the handshake with ``answer`` and hang up; or say nothing."""
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(CONNECT), CONNECT)
                )
            elif answer is None:
                return
            else:
                writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        return await place_call(caller, connect_to=server.sockets[0].getsockname())
    finally:
        server.close()
        for writer in connections:
            writer.close()
        await server.wait_closed()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
def test_a_stream_that_does_not_open_is_unreachable(answer: bytes) -> None:
    assert asyncio.run(stream_to(answer, quick_caller())).end.reason == "stream-unreachable"


def test_a_stream_whose_handshake_is_never_answered_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "STREAM_TIMEOUT", 0.1)

    assert asyncio.run(stream_to(None, quick_caller())).end.reason == "stream-timeout"


def test_a_plain_gateway_is_called_at_its_own_address() -> None:
    """Without ``connect_to`` the public URL itself is dialled; ``http://`` is how a demo runs on loopback."""

    async def place_it() -> Outcome:
        async def voice(request: web.Request) -> web.Response:
            url = str(request.url.with_path("/twilio/media")).replace("http", "ws", 1)
            body = f"<Response><Connect><Stream url='{url}'/></Connect></Response>"
            return web.Response(text=body, content_type="text/xml")

        async def stream(request: web.Request) -> web.StreamResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                await socket.send_bytes(b"noise")
                await socket.send_str(mark("nothing-to-play"))
                await socket.send_str(media(speech(20), "MZ" + "0" * 32))
            return socket

        app = web.Application()
        app.router.add_post("/twilio/voice", voice)
        app.router.add_get("/twilio/media", stream)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            caller = quick_caller(hang_up_after=0.1)
            caller.signalling.public_url = "http://{}:{}".format(*runner.addresses[0])
            return await place_call(caller)
        finally:
            await runner.cleanup()

    outcome = asyncio.run(place_it())

    assert outcome.end == End("caller-hung-up")
    assert outcome.faults["31950"] >= outcome.faults["31951"] > 1
    received = [each.at for each in outcome.timeline.events if each.kind == "mark-received"]
    echoed = [each.at for each in outcome.timeline.events if each.kind == "mark-echoed"]
    lags = [after - before for before, after in zip(received, echoed, strict=False)]
    assert min(lags[1:]) < 0.005  # not with the next frame, 20 ms later


async def answered(body: bytes, **how: Any) -> tuple[Outcome, list[str]]:
    """Place a call at a plain server on loopback that answers each webhook with this; with the paths it was asked for."""
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.method == "POST":
            host = f"{request.url.host}:{request.url.port}".encode()
            return web.Response(body=body.replace(b"HOST", host), content_type="text/xml")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if request.path == "/long":
            await socket.send_str("x" * (line.MAX_MESSAGE + 1))
            await socket.receive()
            await asyncio.Event().wait()
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_route("*", "/{name:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        caller = patient_caller()
        caller.signalling.public_url = "http://{}:{}".format(*runner.addresses[0])
        return await place_call(caller, **how), asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("twiml", "reason"),
    [
        ("<Redirect>http://192.0.2.1/twiml</Redirect>", "webhook-elsewhere"),
        ("<Redirect>http://192.0.2.1\\@127.0.0.1/</Redirect>", "webhook-unreachable"),
        ("<Redirect>http://127.0.0.1@192.0.2.1/</Redirect>", "webhook-elsewhere"),
        ("<Redirect>//voice.example.com/twiml</Redirect>", "webhook-elsewhere"),
        ("<Redirect>http://localhost.example.com/</Redirect>", "webhook-elsewhere"),
        ("<Gather action='http://192.0.2.1/' actionOnEmptyResult='true'/>", "webhook-elsewhere"),
        ("<Connect action='http://192.0.2.1/'><Stream url='ws://HOST/'/></Connect>", "webhook-elsewhere"),
        ("<Connect><Stream url='ws://192.0.2.1/'/></Connect>", "stream-elsewhere"),
        ("<Connect><Stream url='ws://[::ffff:192.0.2.1]/'/></Connect>", "stream-elsewhere"),
    ],
)
def test_gateway_cannot_send_a_caller_to_another_machine(twiml: str, reason: str) -> None:
    body = f"<Response>{twiml}</Response>".encode()

    outcome, asked = asyncio.run(answered(body, loopback_only=True))

    assert outcome.end.reason == reason
    assert asked[0] == "/twilio/voice"
    assert asked[1:] in ([], ["/"])


def test_gateway_may_send_a_caller_on_within_this_machine() -> None:
    body = b"<Response><Connect action='http://localhost/'><Stream url='ws://HOST/'/></Connect></Response>"

    outcome, _ = asyncio.run(answered(body, loopback_only=True))

    assert outcome.end.reason == "webhook-unreachable"  # nobody listens at port 80, but it was tried


def test_status_is_reported_to_no_other_machine() -> None:
    body = b"<Response><Hangup/></Response>"

    outcome, _ = asyncio.run(answered(body, loopback_only=True, status_url="http://192.0.2.1/"))

    (fault,) = [each.detail for each in outcome.timeline.events if each.kind == "fault"]
    assert fault.endswith("http://192.0.2.1/ is not this machine")


@pytest.mark.parametrize(
    "verb", ["<Redirect>http://{}/</Redirect>", "<Connect><Stream url='ws://{}/'/></Connect>"]
)
def test_host_that_is_no_name_ends_the_call_and_nothing_else(verb: str) -> None:
    body = f"<Response>{verb.format('a' * 1000)}</Response>".encode()

    outcome, _ = asyncio.run(answered(body))

    assert outcome.end.reason.endswith("-unreachable")
    assert len(outcome.end.detail) <= MAX_DETAIL


def test_message_without_end_is_not_taken() -> None:
    outcome, _ = asyncio.run(
        answered(b"<Response><Connect><Stream url='ws://HOST/long'/></Connect></Response>")
    )

    assert outcome.end == End("gateway-hung-up", "end of document")
    assert outcome.faults == {"31903": 1}
