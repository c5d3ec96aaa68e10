"""Pages that misbehave, calls that end at the wrong moment: nothing is left behind, and others are not held up."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed

from gateway.console import phone_page
from gateway.ending import Ending
from gateway.twilio import twiml
from tests.console.phones import HANG_UP, Page, page, phoning
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run

SECOND = "/tests/second"
MEDIA = (
    '{"event":"media","sequenceNumber":"2","streamSid":"SID",'
    '"media":{"track":"inbound","chunk":"1","timestamp":"0","payload":%s}}'
)

UNHEARD_OF = (
    "null",
    "[" * 5000,
    '{"event":5}',
    MEDIA % "5",
    MEDIA % '"%%%"',
    MEDIA % f'"{"A" * 60_000}"',
    '{"event":"mark","sequenceNumber":"2","streamSid":"SID","mark":{"name":""}}',
    '{"event":"dtmf","sequenceNumber":"2","streamSid":"SID","dtmf":{"track":"inbound_track","digit":"99"}}',
)


class Unanswered:
    """A webhook that is not answered before the caller gives up."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.asked.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return xml(twiml.hang_up())


def xml(document: str) -> Response:
    return Response(document, media_type="application/xml")


def replace_webhook(at: Running, path: str, respond: Callable[[Request], Awaitable[Response]]) -> None:
    """Have this answer in the gateway's place."""

    async def endpoint(request: Request) -> Response:
        return await respond(request)

    at.gateway.app.router.routes.insert(0, Route(path, endpoint, methods=["POST"]))


async def settled(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task is left that was not there before."""
    while left := asyncio.all_tasks() - before:
        await asyncio.wait(left)


async def reach(stage: str, at: Running, ours: Page) -> None:
    """Have the call come as far as that."""
    unanswered = Unanswered()
    if stage in {"webhook", "action"}:
        replace_webhook(at, "/twilio/voice" if stage == "webhook" else "/twilio/after", unanswered)
    if stage == "ringing":
        await ours.until("phone.ringing")
    if stage in {"answered", "talking", "action"}:
        await ours.until("phone.answered")
    if stage == "talking":
        await ours.frame()
    if stage == "action":
        at.gateway.active_calls.end_all(Ending("gateway", "drained"))
    if stage in {"webhook", "action"}:
        await unanswered.asked.wait()
        at.gateway.app.router.routes.pop(0)


@pytest.mark.parametrize("politely", [True, False])
def test_page_that_goes_away_at_any_moment_leaves_no_call_and_no_task(politely: bool) -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            before = asyncio.all_tasks()
            for stage in ("handshake", "ringing", "webhook", "answered", "talking", "action"):
                async with page(at) as ours:
                    await reach(stage, at, ours)
                    if politely:
                        await ours.websocket.send(HANG_UP)
                        over = await ours.until("phone.over")
                        assert (stage, over["text"]) == (stage, "You hung up.")
                    else:
                        ours.websocket.transport.abort()
                await at.gateway.active_calls.wait_empty()
                await settled(before)

    run(scenario(), seconds=10)


def test_many_calls_one_after_the_other_leave_no_task_and_no_place_taken() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            before = asyncio.all_tasks()
            for _ in range(30):  # the next one rings while the last one ends
                async with page(at) as ours:
                    await ours.until("phone.answered")
                    await ours.frame()
                    await ours.websocket.send(HANG_UP)
            await at.gateway.active_calls.wait_empty()
            await settled(before)

    run(scenario())


def test_page_that_sends_what_no_telephone_would_is_told_so() -> None:
    async def scenario() -> list[dict[str, Any]]:
        overs = []
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            for sent in UNHEARD_OF:
                async with page(at) as ours:
                    answered = await ours.until("phone.answered")
                    await ours.websocket.send(sent.replace("SID", answered["streamSid"]))
                    overs.append(await ours.until("phone.over"))
        return overs

    for over in run(scenario()):
        assert (over["failed"], over["by"]) == (True, "caller")
        assert "what no telephone would" in over["text"]


@pytest.mark.parametrize(("sent", "code"), [(b"sound", 1000), ("x" * 100_000, 1009)])
def test_binary_or_huge_frame_ends_the_call(sent: str | bytes, code: int) -> None:
    async def scenario() -> int | None:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at, page(at) as ours:
            await ours.until("phone.answered")
            with contextlib.suppress(ConnectionClosed):
                await ours.websocket.send(sent)
            closed = await ours.closed()
            await at.gateway.active_calls.wait_empty()
            return closed

    assert run(scenario()) == code


def test_flood_from_a_page_holds_nobody_else_up() -> None:
    async def scenario() -> int:
        async with (
            FakeRealtimeServer() as model,
            phoning(realtime_url=model.url) as at,
            page(at) as ours,
            aiohttp.ClientSession() as http,
            asyncio.TaskGroup() as tasks,
        ):
            await ours.until("phone.answered")
            flooding = tasks.create_task(flood(ours))
            n_answers = 0
            while not flooding.done():
                async with http.get(f"http://127.0.0.1:{at.port}/healthz") as response:
                    n_answers += response.status == 200
            await ours.websocket.send(HANG_UP)
            await ours.until("phone.over")
            return n_answers

    async def flood(ours: Page) -> None:
        for n in range(4000):
            await ours.frame()
            if n % 20 == 0:
                await asyncio.sleep(0)  # we share the loop with whom we flood

    assert run(scenario()) > 5


def test_page_that_reads_nothing_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_page, "SEND_TIMEOUT", 0.05)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "text": "hello"} if accepted else {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if accepted:
            await asyncio.Event().wait()
        accepted.append(message)

    async def scenario() -> tuple[str | None, str | None]:
        websocket = WebSocket({"type": "websocket"}, receive, send)
        await websocket.accept()
        ours = phone_page.PhonePage(websocket)
        before = await ours.hear()
        await ours.tell("ringing")
        return before, await ours.hear()

    accepted: list[Any] = []
    assert run(scenario()) == ("hello", None)


def test_second_stream_of_a_call_has_its_own_name_and_its_own_numbers() -> None:
    starts: list[dict[str, Any]] = []
    numbers: list[str] = []

    async def second(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive_text()
        starts.append(json.loads(await websocket.receive_text()))
        numbers.append(json.loads(await websocket.receive_text())["sequenceNumber"])
        await websocket.close()

    async def scenario() -> tuple[Page, str]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            stream_url = f"ws://127.0.0.1:{at.port}{SECOND}"

            async def again(_: Request) -> Response:
                return xml(f'<Response><Connect><Stream url="{stream_url}"/></Connect></Response>')

            replace_webhook(at, "/twilio/after", again)
            at.gateway.app.router.routes.insert(0, WebSocketRoute(SECOND, second))
            async with page(at) as ours:
                first = (await ours.until("phone.answered"))["streamSid"]
                await ours.frame()
                await model.session()
                at.gateway.active_calls.end_all(Ending("gateway", "drained"))
                await ours.until("phone.answered")
                late = {"event": "mark", "sequenceNumber": "3", "mark": {"name": "late"}, "streamSid": first}
                await ours.websocket.send(json.dumps(late))
                await ours.frame()
                await ours.until("phone.over")
                return ours, first

    ours, first = run(scenario())
    assert starts[0]["start"]["streamSid"] == ours.stream_sid != first
    assert (starts[0]["sequenceNumber"], numbers) == ("1", ["2"])
