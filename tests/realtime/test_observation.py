import datetime as dt
from typing import Any

from gateway.realtime.observation import observe
from tests.gateways import run
from tests.realtime.clients import next_event, opened_api


def test_events_of_both_sides_are_shown_in_order_with_their_source_and_time_in_utc() -> None:
    async def scenario() -> list[dict[str, Any]]:
        async with opened_api() as (api, _, session):
            shown: list[dict[str, Any]] = []
            observe(api, shown.append)
            begun = dt.datetime.now(dt.UTC)
            await api.send("input_audio_buffer.clear")
            await session.send({"type": "rate_limits.updated", "rate_limits": []})
            await next_event(api, "server.rate_limits.updated")
            times = [dt.datetime.fromisoformat(each["time"]) for each in shown]
            assert [time.utcoffset() for time in times] == [dt.timedelta(0)] * 2
            assert begun <= times[0] <= times[1] <= dt.datetime.now(dt.UTC)
            return shown

    sent, received = run(scenario())
    assert set(sent) == set(received) == {"time", "source", "event"}
    assert (sent["source"], sent["event"]["type"]) == ("client", "input_audio_buffer.clear")
    assert (received["source"], received["event"]["type"]) == ("server", "rate_limits.updated")


def test_event_is_shown_as_it_is_on_the_wire() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            shown: list[dict[str, Any]] = []
            observe(api, shown.append)
            await api.send("input_audio_buffer.append", {"audio": b"\x00\x01"})
            assert shown[0]["event"] == (await session.wait_for("input_audio_buffer.append")).event
            await session.send({"type": "weather.changed", "sky": {"clouds": 3}})
            await next_event(api, "server.weather.changed")
            assert shown[1]["event"].pop("event_id")
            assert shown[1]["event"] == {"type": "weather.changed", "sky": {"clouds": 3}}

    run(scenario())


def test_everybody_who_observes_sees_everything_and_one_who_raises_spoils_it_for_nobody() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            shown: list[dict[str, Any]] = []

            def fail(_: dict[str, Any]) -> None:
                raise RuntimeError("not today")

            observe(api, fail)
            observe(api, shown.append)
            await api.send("input_audio_buffer.clear")
            await session.wait_for("input_audio_buffer.clear")
            assert len(shown) == 1

    run(scenario())
