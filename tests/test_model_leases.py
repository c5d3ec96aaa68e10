import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway import model_leases
from gateway.agent_leg import AgentLeg
from gateway.errors import RealtimeError
from gateway.loadtest.place import place_call
from gateway.model_leases import ModelLeases
from gateway.realtime import provider_named
from tests import legs
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run, running


def with_server(
    scenario: Callable[[FakeRealtimeServer, Callable[[], AgentLeg]], Coroutine[Any, Any, None]],
) -> None:
    async def whole() -> None:
        async with FakeRealtimeServer(api_key="sk-test") as server:
            provider = provider_named("openai", url=server.url, api_key="sk-test")
            await scenario(server, lambda: legs.new_leg(provider))

    run(whole())


def test_a_session_is_open_before_the_call_takes_it() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            leases.open("CA1", new_leg)
            leases.open("CA1", new_leg)  # a webhook that is repeated
            await (await server.session()).wait_for("session.update")
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            assert lease.leg.client.is_ready
            await lease.leg.client.disconnect()
        assert len(server.sessions) == 1

    with_server(scenario)


def test_a_call_without_a_lease_gets_one_that_begins_now() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            await lease.leg.client.disconnect()

    with_server(scenario)


def test_a_session_that_nobody_takes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_leases, "LEASE", 0.1)

    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        clients = []

        def remembered() -> AgentLeg:
            leg = new_leg()
            clients.append(leg.client)
            return leg

        async with ModelLeases() as leases:
            leases.open("CA1", remembered)
            await clients[0].wait_for_next("close", timeout=5)
            lease = leases.take("CA1", remembered)  # the caller comes after all
            await lease.ready()
            await lease.leg.client.disconnect()
        assert len(clients) == len(server.sessions) == 2

    with_server(scenario)


def test_a_call_that_is_over_before_its_stream_keeps_no_session() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        leg = new_leg()
        async with ModelLeases() as leases:
            leases.drop("CA1")  # nothing was opened
            leases.open("CA1", lambda: leg)
            await (await server.session()).wait_for("session.update")
            await leg.client.wait_for_session_created()
            closed = leg.client.wait_for_next("close", timeout=5)
            leases.drop("CA1")
            await closed

    with_server(scenario)


def test_the_end_of_the_process_closes_what_was_not_taken() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        leg = new_leg()
        async with ModelLeases() as leases:
            leases.open("CA1", lambda: leg)
            await (await server.session()).wait_for("session.update")
        assert not leg.client.is_connected()

    with_server(scenario)


def test_a_failure_is_tried_again_when_the_caller_comes() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        wrong = provider_named("openai", url=server.url, api_key="sk-wrong")
        # Nothing is left of it that we would wait for when we stop.
        async with asyncio.timeout(model_leases.LEASE / 2), ModelLeases() as leases:
            leases.open("CA1", lambda: legs.new_leg(wrong))
            with pytest.raises(RealtimeError):
                await leases._leases["CA1"].ready()
            assert leases.waiting("CA1") is None
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            await lease.leg.client.disconnect()

    with_server(scenario)


def test_a_call_between_two_streams_keeps_its_session() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            lease.leg.has_begun = True
            leases.open("CA1", new_leg)  # a webhook that is repeated while the stream goes on
            leases.park(lease.leg, 5.0)
            assert leases.waiting("CA1") is lease.leg
            assert leases.parked() == [lease.leg]
            again = leases.take("CA1", new_leg)
            await again.ready()
            assert again.leg is lease.leg
            assert again.leg.client.is_ready
            await again.leg.client.disconnect()
        assert all(session.closed.is_set() for session in server.sessions)

    with_server(scenario)


def test_a_call_that_does_not_come_back_loses_its_session() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            closed = lease.leg.client.wait_for_next("close", timeout=5)
            leases.park(lease.leg, 0.05)
            await closed
            assert leases.waiting("CA1") is None

    with_server(scenario)


def test_the_webhook_opens_the_session_that_the_stream_then_uses() -> None:
    async def call(at: Running, server: FakeRealtimeServer) -> None:
        caller = at.caller(1.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(place_call(caller, connect_to=at.address))
            session = await server.session()
            update = await session.wait_for("session.update")
            append = await session.wait_for("input_audio_buffer.append")
        assert update.at < append.at

    async def whole() -> None:
        async with FakeRealtimeServer(api_key="sk-test") as server:
            async with running(realtime_url=server.url, openai_api_key="sk-test") as at:
                await call(at, server)
            assert len(server.sessions) == 1
            assert server.faults == []

    run(whole())


def test_a_session_that_is_given_up_as_soon_as_it_is_kept_is_closed() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            closed = lease.leg.client.wait_for_next("close", timeout=5)
            leases.park(lease.leg, 60.0)
            leases.drop("CA1")  # Twilio says in the same breath that the caller has gone
            await closed
            assert leases.waiting("CA1") is None

    with_server(scenario)


def test_a_stream_that_ends_before_its_session_is_open_leaves_it_to_the_next() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await asyncio.sleep(0)  # it begins to be opened
            assert lease.leg.is_connected
            leases.park(lease.leg, 60.0)
            again = leases.take("CA1", new_leg)
            await again.ready()
            assert again.leg is lease.leg
            assert again.leg.client.is_ready
            await again.leg.client.disconnect()
        assert len(server.sessions) == 1

    with_server(scenario)


def test_a_session_that_is_lost_between_two_streams_is_waited_for() -> None:
    async def scenario(server: FakeRealtimeServer, new_leg: Callable[[], AgentLeg]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_leg)
            await lease.ready()
            leases.park(lease.leg, 60.0)
            lost = asyncio.Event()
            lease.leg.client.on("session.lost", lambda _: lost.set())
            await (await server.session()).close(1011)
            await lost.wait()
            again = leases.take("CA1", new_leg)
            assert not again.leg.client.is_ready
            await again.ready()
            assert again.leg.client.is_ready
            await again.leg.client.disconnect()
        assert len(server.sessions) == 2

    with_server(scenario)
