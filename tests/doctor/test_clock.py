import pytest
from aiohttp import web

from gateway.doctor.check import Finding, Outcome
from gateway.doctor.clock import check_clock, judged, skew_of
from tests.gateways import run

NOON = "Wed, 25 Nov 2026 12:00:00 GMT"
AT_NOON = 1795608000.0


@pytest.mark.parametrize(
    ("asked", "answered", "skew"),
    [
        (0.2, 0.4, 0.0),
        (0.9, 1.7, 0.0),  # the date's second may have lasted until we heard of it
        (-3.0, 0.1, 0.0),  # it was under way for long
        (7.0, 7.1, 6.0),
        (-8.5, -8.0, -8.0),
    ],
)
def test_skew_is_what_the_second_and_the_way_cannot_account_for(
    asked: float, answered: float, skew: float
) -> None:
    assert skew_of(NOON, AT_NOON + asked, AT_NOON + answered) == pytest.approx(skew)


@pytest.mark.parametrize("date", ["", "noon", "Wed, 99 Nov 2026 12:00:00 GMT"])
def test_what_is_no_date_tells_nothing(date: str) -> None:
    assert skew_of(date, AT_NOON, AT_NOON) is None


@pytest.mark.parametrize(
    ("skew", "outcome", "words"),
    [
        (0.4, "ok", "within a second of Twilio's"),
        (-4.9, "ok", "5 s behind Twilio's"),
        (5.1, "warning", "5 s ahead of Twilio's"),
        (-301.0, "failed", "301 s behind Twilio's"),
    ],
)
def test_a_clock_is_judged_by_the_worst(skew: float, outcome: Outcome, words: str) -> None:
    finding = judged({"Twilio's": skew, "the public address's": 0.0})

    assert (finding.outcome, finding.what.split("; ")[0]) == (outcome, words)


def test_servers_are_asked_for_their_time_whatever_they_answer_and_those_that_cannot_be_are_left_out() -> (
    None
):
    async def late(_: web.Request) -> web.Response:
        return web.Response(status=401, headers={"Date": "Wed, 25 Nov 2020 12:00:00 GMT"})

    async def scenario() -> tuple[Finding, Finding]:
        app = web.Application()
        app.router.add_get("/", late)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            nobody = {"nobody's": "http://127.0.0.1:1"}
            return await check_clock({"its": f"http://{host}:{port}", **nobody}), await check_clock(nobody)
        finally:
            await runner.cleanup()

    asked, alone = run(scenario())

    assert asked.outcome == "failed"
    assert asked.what.endswith("s ahead of its")
    assert "nobody's" not in asked.what
    assert alone.outcome == "skipped"
