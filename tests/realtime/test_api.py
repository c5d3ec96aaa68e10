"""RealtimeAPI over real sockets."""

import asyncio
import base64
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime import Provider, RealtimeAPI
from gateway.realtime.model_socket import MAX_UNKNOWN_TYPES
from tests.fakes import Behaviour, FakeRealtimeServer
from tests.gateways import run
from tests.realtime.clients import next_event, opened_api, record


def test_api_without_a_key_has_none_and_one_with_a_key_shows_it_to_its_owner_only() -> None:
    assert RealtimeAPI(Provider("ws://127.0.0.1", "m")).provider.api_key is None
    api = RealtimeAPI(Provider("ws://127.0.0.1", "m", "sk-canary"))
    assert api.provider.api_key == "sk-canary"
    assert "sk-canary" not in repr(api.provider)


def test_api_is_connected_from_connect_to_disconnect() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer(api_key="sk-canary") as server:
            api = RealtimeAPI(Provider(server.url, "m", "sk-canary"))
            assert not api.is_connected()
            await api.connect()
            assert api.is_connected()
            closing = asyncio.ensure_future(api.disconnect())
            await asyncio.sleep(0)
            assert not api.is_connected()
            await closing
            assert server.faults == []

    run(scenario())


def test_wrong_key_is_an_error_at_the_handshake_after_which_another_try_is_possible() -> None:
    async def scenario() -> None:
        behaviours = [Behaviour(handshake_status=401), Behaviour()]
        async with FakeRealtimeServer(behaviours) as server:
            api = RealtimeAPI(Provider(server.url, "m", "sk-canary"))
            with pytest.raises(RealtimeError, match="401") as caught:
                await api.connect()
            assert caught.value.code == "invalid_api_key"
            assert "sk-canary" not in str(caught.value)
            assert not api.is_connected()
            await api.connect()
            await api.disconnect()

    run(scenario())


def test_connecting_twice_is_refused_even_while_the_first_is_under_way() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            api = RealtimeAPI(Provider(server.url, "m"))
            first = asyncio.ensure_future(api.connect())
            await asyncio.sleep(0)
            with pytest.raises(LocalProtocolError, match="already connected, disconnect first"):
                await api.connect()
            await first
            with pytest.raises(LocalProtocolError):
                await api.connect()
            await api.disconnect()
            assert len(server.attempts) == 1

    run(scenario())


def test_model_may_be_named_when_connecting() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            api = RealtimeAPI(Provider(server.url, "m"))
            await api.connect("another model")
            session = await server.session()
            request = session._connection.request
            assert request is not None
            assert request.path.endswith("?model=another+model")
            await api.disconnect()

    run(scenario())


def test_sending_without_a_connection_is_an_error_that_says_so() -> None:
    async def scenario() -> None:
        api = RealtimeAPI(Provider("ws://127.0.0.1", "m"))
        with pytest.raises(RealtimeError, match="not connected") as caught:
            await api.send("response.create")
        assert caught.value.code == "not_connected"

    run(scenario())


def test_event_has_an_id_a_type_and_the_data_which_may_set_both() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            event_id = await api.send("response.cancel", {"response_id": "r"})
            assert (await session.wait_for("response.cancel")).event == {
                "event_id": event_id,
                "type": "response.cancel",
                "response_id": "r",
            }
            mine = await api.send("x", {"type": "response.cancel", "event_id": "mine"})
            assert mine == "mine"
            assert (await session.wait_for("response.cancel")).event == {
                "event_id": "mine",
                "type": "response.cancel",
            }

    run(scenario())


def test_ids_of_events_differ_over_sockets() -> None:
    async def scenario() -> set[str]:
        ids = set()
        for _ in range(2):
            async with opened_api() as (api, _, _):
                ids |= {await api.send("input_audio_buffer.clear") for _ in range(1000)}
        return ids

    assert len(run(scenario())) == 2000


def test_data_that_is_no_mapping_is_refused_and_nothing_is_sent() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, server, session):
            with pytest.raises(TypeError):
                await api.send("response.create", ["not", "a mapping"])  # type: ignore[arg-type]
            await api.send("input_audio_buffer.clear")
            await session.wait_for("input_audio_buffer.clear")
            assert session.events("response.create") == []
            assert server.faults == []

    run(scenario())


def test_client_events_are_dispatched_by_type_and_then_to_all_before_they_are_written() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            seen = record(api, "client.*", "client.input_audio_buffer.clear")
            event_id = await api.send("input_audio_buffer.clear")
            event = {"event_id": event_id, "type": "input_audio_buffer.clear"}
            assert seen == [("client.input_audio_buffer.clear", event), ("client.*", event)]
            assert (await session.wait_for("input_audio_buffer.clear")).event == event

    run(scenario())


def test_observer_sees_an_event_as_it_is_on_the_wire_and_cannot_change_it() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            audio = base64.b64encode(b"\x01\x02").decode()
            seen = record(api, "client.input_audio_buffer.append")
            api.on("client.*", lambda event: event.update(audio="changed before it was written"))
            await api.send("input_audio_buffer.append", {"audio": b"\x01\x02"})
            assert seen[0][1]["audio"] == "changed before it was written"
            assert (await session.wait_for("input_audio_buffer.append")).event["audio"] == audio

    run(scenario())


def test_bytes_are_sent_as_base64_wherever_they_are() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            await api.send("input_audio_buffer.append", {"audio": b"\x01\x02"})
            received = await session.wait_for("input_audio_buffer.append")
            assert received.event["audio"] == base64.b64encode(b"\x01\x02").decode()

    run(scenario())


def test_server_events_are_dispatched_typed_then_by_type_then_to_all_as_they_were_written() -> None:
    async def scenario() -> None:
        async with FakeRealtimeServer() as server:
            api = RealtimeAPI(Provider(server.url, "m"))
            seen = record(api, "server.*", "server.session.created")
            api.on_server_event = lambda event: seen.append(("typed", event))
            created = asyncio.ensure_future(next_event(api, "server.session.created"))
            await api.connect()
            event = await created
            assert [name for name, _ in seen] == ["typed", "server.session.created", "server.*"]
            assert seen[1][1] is seen[2][1]
            assert event["session"]["object"] == "realtime.session"
            await api.disconnect()

    run(scenario())


def test_event_under_an_older_name_is_dispatched_under_both_names() -> None:
    async def scenario() -> None:
        names = ["server.response.audio.delta", "server.response.output_audio.delta", "server.*"]
        async with opened_api() as (api, _, session):
            seen = record(api, *names)
            arrived = asyncio.ensure_future(next_event(api, "server.*"))
            await asyncio.sleep(0)
            await session.send({"type": "response.audio.delta", "item_id": "i", "delta": "AAAA"})
            await arrived
            assert [name for name, _ in seen] == names
            assert {event["type"] for _, event in seen} == {"response.audio.delta"}

    run(scenario())


def test_unknown_events_are_dispatched_raw_and_counted_by_a_bounded_number_of_types() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            seen = record(api, "server.new.kind.0")
            last = asyncio.ensure_future(next_event(api, "server.last"))
            await asyncio.sleep(0)
            for number in (0, *range(MAX_UNKNOWN_TYPES + 5)):
                await session.send({"type": f"new.kind.{number}", "payload": number})
            await session.send({"type": "last"})
            await last
            assert [event["payload"] for _, event in seen] == [0, 0]
            assert api.unknown_events["new.kind.0"] == 2
            assert api.unknown_events["other"] == 6
            assert len(api.unknown_events) == MAX_UNKNOWN_TYPES + 1

    run(scenario())


def test_malformed_messages_are_counted_logged_once_and_do_not_end_the_session() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            last = asyncio.ensure_future(next_event(api, "server.error"))
            await asyncio.sleep(0)
            for message in ("{", "[]", '{"no": "type"}', b"\xff", '{"type": "error", "error": 1}'):
                await session.send_raw(message)
            await session.error("server_error")
            await last
            assert api.n_malformed == 5
            assert api.is_connected()

    with capture_logs() as logs:
        run(scenario())
    assert [entry["event"] for entry in logs] == ["malformed server event skipped"]


def test_message_of_several_megabytes_is_taken() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            arrived = asyncio.ensure_future(next_event(api, "server.big"))
            await asyncio.sleep(0)
            await session.send({"type": "big", "payload": "x" * (4 * 2**20)})
            assert len((await arrived)["payload"]) == 4 * 2**20

    run(scenario())


def test_handler_that_raises_does_not_end_the_reading() -> None:
    async def scenario() -> list[Any]:
        async with opened_api() as (api, _, session):
            api.on("server.error", lambda _: 1 / 0)
            seen = record(api, "server.error")
            last = asyncio.ensure_future(next_event(api, "server.last"))
            await asyncio.sleep(0)
            await session.error("a")
            await session.error("b")
            await session.send({"type": "last"})
            await last
            return [event["error"]["code"] for _, event in seen]

    with capture_logs():
        assert run(scenario()) == ["a", "b"]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4321])
def test_close_by_the_server_is_told_once_with_its_code_and_reason(code: int) -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            seen = record(api, "close")
            lost: list[tuple[int, str]] = []
            api.on_lost = lambda *why: lost.append(why)
            closed = asyncio.ensure_future(next_event(api, "close"))
            waiting = asyncio.ensure_future(next_event(api, "server.never"))
            await asyncio.sleep(0)
            await session.close(code, "why")
            event = await closed
            assert event == {"code": code, "reason": "why", "error": True}
            assert lost == [(code, "why")]
            assert not api.is_connected()
            with pytest.raises(ConnectionError):
                await waiting
            with pytest.raises(RealtimeError):
                await api.send("response.create")
            await api.disconnect()
            assert len(seen) == 1

    run(scenario())


def test_connection_that_breaks_is_told_as_1006() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            closed = asyncio.ensure_future(next_event(api, "close"))
            await asyncio.sleep(0)
            session.drop()
            assert await closed == {"code": 1006, "reason": "", "error": True}

    run(scenario())


def test_disconnecting_is_told_once_however_often_it_is_done() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, _):
            seen = record(api, "close")
            api.on_lost = lambda *_: pytest.fail("nothing was lost")
            await api.disconnect()
            await api.disconnect()
            assert seen == [("close", {"code": 1000, "reason": "", "error": False})]

    run(scenario())


def test_disconnecting_from_a_server_that_is_stuck_takes_2_seconds_at_most() -> None:
    async def scenario() -> float:
        async with opened_api() as (api, _, session):
            session.freeze()
            begun = time.monotonic()
            await api.disconnect()
            return time.monotonic() - begun

    assert run(scenario()) < 2.5


def test_what_a_server_still_says_while_we_disconnect_is_not_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.realtime.connection.CLOSE_TIMEOUT", 0.1)

    async def scenario() -> None:
        async with opened_api() as (api, _, session):
            session.stop_reading()  # so that it does not see the close
            seen = record(api, "server.*")
            closing = asyncio.ensure_future(api.disconnect())
            await asyncio.sleep(0)
            await session.error("server_error")
            await closing
            assert seen == []

    run(scenario())


def test_disconnecting_cancels_what_handlers_still_do() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, _):
            running, stopped = asyncio.Event(), asyncio.Event()

            async def stuck(_: object) -> None:
                running.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    stopped.set()

            api.on("client.*", stuck)
            await api.send("input_audio_buffer.clear")
            await running.wait()
            await api.disconnect()
            assert stopped.is_set()

    run(scenario())


def test_connection_may_be_opened_again_after_it_was_closed_by_either_side() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, server, _):
            await api.disconnect()
            await api.connect()
            closed = asyncio.ensure_future(next_event(api, "close"))
            await (await server.session()).close()
            await closed
            await api.connect()
            assert api.is_connected()
            assert len(server.sessions) >= 2

    run(scenario())


def test_socket_that_was_closed_already_is_not_taken_into_use() -> None:
    async def scenario() -> None:
        async with opened_api() as (api, _, _):
            socket = api.new_socket(None)
            await socket.open()
            await socket.close()
            with pytest.raises(RealtimeError, match="closed at once"):
                api.use(socket)
            assert api.is_connected()

    run(scenario())
