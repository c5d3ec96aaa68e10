import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway import model_leases
from gateway.errors import RealtimeError
from gateway.loadtest.place import place_call
from gateway.model_leases import Lease, ModelLeases
from gateway.realtime import RealtimeClient, provider_named
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run, running


def with_server(
    scenario: Callable[[FakeRealtimeServer, Callable[[], Lease]], Coroutine[Any, Any, None]],
) -> None:
    async def whole() -> None:
        async with FakeRealtimeServer(api_key="sk-test") as server:
            provider = provider_named("openai", url=server.url, api_key="sk-test")
            await scenario(server, lambda: Lease(RealtimeClient(provider)))

    run(whole())


def test_a_session_is_open_before_the_call_takes_it() -> None:
    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        async with ModelLeases() as leases:
            leases.open("CA1", new_lease)
            leases.open("CA1", new_lease)  # a webhook that is repeated
            await (await server.session()).wait_for("session.update")
            lease = leases.take("CA1", new_lease)
            await lease.ready()
            assert lease.client.is_ready
            await lease.client.disconnect()
        assert len(server.sessions) == 1

    with_server(scenario)


def test_a_call_without_a_lease_gets_one_that_begins_now() -> None:
    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        async with ModelLeases() as leases:
            lease = leases.take("CA1", new_lease)
            await lease.ready()
            await lease.client.disconnect()

    with_server(scenario)


def test_a_session_that_nobody_takes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_leases, "LEASE", 0.1)

    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        clients = []

        def remembered() -> Lease:
            lease = new_lease()
            clients.append(lease.client)
            return lease

        async with ModelLeases() as leases:
            leases.open("CA1", remembered)
            await clients[0].wait_for_next("close", timeout=5)
            lease = leases.take("CA1", remembered)  # the caller comes after all
            await lease.ready()
            await lease.client.disconnect()
        assert len(clients) == len(server.sessions) == 2

    with_server(scenario)


def test_a_call_that_is_over_before_its_stream_keeps_no_session() -> None:
    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        lease = new_lease()
        async with ModelLeases() as leases:
            leases.drop("CA1")  # nothing was opened
            leases.open("CA1", lambda: lease)
            await lease.ready()
            closed = lease.client.wait_for_next("close", timeout=5)
            leases.drop("CA1")
            await closed

    with_server(scenario)


def test_the_end_of_the_process_closes_what_was_not_taken() -> None:
    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        lease = new_lease()
        async with ModelLeases() as leases:
            leases.open("CA1", lambda: lease)
            await (await server.session()).wait_for("session.update")
        assert not lease.client.is_connected()

    with_server(scenario)


def test_a_failure_is_tried_again_when_the_caller_comes() -> None:
    async def scenario(server: FakeRealtimeServer, new_lease: Callable[[], Lease]) -> None:
        wrong = provider_named("openai", url=server.url, api_key="sk-wrong")
        async with ModelLeases() as leases:
            held = Lease(RealtimeClient(wrong))
            leases.open("CA1", lambda: held)
            with pytest.raises(RealtimeError):
                await held.ready()
            lease = leases.take("CA1", new_lease)
            await lease.ready()
            await lease.client.disconnect()

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
