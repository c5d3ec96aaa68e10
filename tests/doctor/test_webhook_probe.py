import pytest
from aiohttp import web

from gateway.doctor.check import Finding, Outcome
from gateway.doctor.webhook_probe import check_handshake, check_webhook
from tests.fake_twilio_rest import ACCOUNT_SID
from tests.gateways import AUTH_TOKEN, Running, run, running_on

OTHER_ACCOUNT = "AC" + 32 * "b"


def free_port() -> int:
    import socket  # noqa: PLC0415 - the gateway must know its address before it listens

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def at_a_gateway(
    tokens: tuple[str, ...], account_sid: str | None = None, **settings: object
) -> tuple[Finding, Finding, Running]:
    """Look at a gateway that is there, with these tokens."""

    async def scenario() -> tuple[Finding, Finding, Running]:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        async with running_on(port, public_url=url, realtime_url="ws://127.0.0.1:9", **settings) as at:
            return await check_webhook(url, tokens, account_sid), await check_handshake(url), at

    return run(scenario())


def at_a_server(status: int) -> tuple[Finding, Finding]:
    """Look at a server that answers everything alike."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/twilio/media"})

    async def scenario() -> tuple[Finding, Finding]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            url = f"http://{host}:{port}"
            return await check_webhook(url, (AUTH_TOKEN,), None), await check_handshake(url)
        finally:
            await runner.cleanup()

    return run(scenario())


def test_our_gateway_takes_what_is_signed_and_refuses_the_rest_and_no_call_comes_of_it() -> None:
    webhook, handshake, at = at_a_gateway((AUTH_TOKEN,))

    assert (webhook.outcome, handshake.outcome) == ("ok", "ok")
    assert at.gateway.active_calls.n_taken(0.0) == 0


def test_a_gateway_with_another_token_or_account_refuses_and_the_advice_names_them() -> None:
    for finding, _, _ in (
        at_a_gateway(("another",)),
        at_a_gateway((AUTH_TOKEN,), OTHER_ACCOUNT, twilio_account_sid=ACCOUNT_SID),
    ):
        assert finding.outcome == "failed"
        assert "answered with 403" in finding.what
        assert "TWILIO_AUTH_TOKEN" in finding.advice


def test_one_of_two_tokens_that_is_refused_is_a_warning() -> None:
    finding, _, _ = at_a_gateway((AUTH_TOKEN, "new"))

    assert finding.outcome == "warning"
    assert "1 of 2 auth tokens" in finding.what
    assert "new" not in finding.what.split()


@pytest.mark.parametrize(
    ("status", "outcome", "advice"),
    [
        (200, "failed", "Strangers can call"),
        (301, "failed", "redirected"),
        (404, "failed", "pass all of /twilio"),
        (502, "failed", "the proxy in front cannot reach it"),
        (500, "failed", "Look at the log"),
    ],
)
def test_a_server_that_is_not_our_gateway_fails_with_advice(
    status: int, outcome: Outcome, advice: str
) -> None:
    webhook, handshake = at_a_server(status)

    assert webhook.outcome == outcome
    assert advice in webhook.advice
    assert (handshake.outcome, str(status) in handshake.what) == ("failed", True)


def test_a_proxy_that_passes_no_websockets_is_told_of() -> None:
    _, handshake = at_a_server(404)

    assert "pass WebSockets on" in handshake.advice


def test_a_server_without_an_answer_and_nobody_at_all_are_failures() -> None:
    async def scenario() -> tuple[Finding, Finding]:
        return await check_webhook("http://127.0.0.1:1", ("x",), None), await check_handshake(
            "http://127.0.0.1:1"
        )

    webhook, handshake = run(scenario())

    assert (webhook.outcome, webhook.what) == ("failed", "no answer: the connection was refused")
    assert (handshake.outcome, handshake.what.split(":")[0]) == ("failed", "no handshake")
