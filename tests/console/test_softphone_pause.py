"""The softphone takes <Pause> as a telephone call does."""

import time
from typing import Any

import pytest
from starlette.responses import Response
from starlette.routing import Route

from tests.console.phones import HANG_UP, page, phoning
from tests.fakes import FakeRealtimeServer
from tests.gateways import run


def call(document: str, *, hangs_up: bool) -> tuple[dict[str, Any], float]:
    """How a call ends whose webhook is answered with this document, and after how many seconds."""

    async def answer(_: object) -> Response:
        return Response(document, media_type="application/xml")

    async def scenario() -> tuple[dict[str, Any], float]:
        async with FakeRealtimeServer() as model, phoning(realtime_url=model.url) as at:
            at.gateway.app.router.routes.insert(0, Route("/twilio/voice", answer, methods=["POST"]))
            began_at = time.monotonic()
            async with page(at) as ours:
                await ours.until("phone.notice")
                if hangs_up:
                    await ours.websocket.send(HANG_UP)
                return await ours.until("phone.over"), time.monotonic() - began_at

    return run(scenario())


@pytest.mark.parametrize(
    ("length", "hangs_up", "reason"), [(1, False, "gateway-hung-up"), (3600, True, "caller-hung-up")]
)
def test_a_pause_lasts_until_it_is_over_or_the_page_hangs_up(
    length: int, hangs_up: bool, reason: str
) -> None:
    document = f"<Response><Say>Wait</Say><Pause length='{length}'/></Response>"

    over, seconds = call(document, hangs_up=hangs_up)

    assert over["reason"] == reason
    assert hangs_up or seconds >= 1.0
