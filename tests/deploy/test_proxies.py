"""Whole calls through the proxies whose configurations we ship."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

import gateway.call
from gateway.call import MEDIA_TIMEOUT
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from tests.deploy.proxies import BARE, NGINX, caddy, found, nginx, shipped
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, run, running
from tests.test_calls import ended_by, heard, tone
from tests.test_keys import logged_as_in_production
from tests.test_server import free_port
from tests.web.test_webhooks import FIELDS

pytestmark = pytest.mark.once

Proxy = Callable[[Path, int], AbstractAsyncContextManager[int]]
proxies = pytest.mark.parametrize("proxy", [nginx, caddy])
HOST = {"Host": "voice.example.com"}


@proxies
def test_call_is_carried_whole_and_interrupted(proxy: Proxy, tmp_path: Path) -> None:
    async def script(session: FakeSession) -> None:
        await session.wait_for("input_audio_buffer.append")
        await session.say("item_1", tone(700), "Hello there.")
        await asyncio.sleep(1.0)
        await session.begin("item_2")
        await session.speak("item_2", tone(2000))
        await asyncio.sleep(0.5)
        await session.speech_started(2000, item_id="item_q")
        await session.wait_for("conversation.item.truncate")

    async def whole() -> tuple[Outcome, int, str | None]:
        async with (
            FakeRealtimeServer() as model,
            running(realtime_url=model.url) as at,
            proxy(tmp_path, at.port) as port,
        ):
            caller = at.caller(3.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=("127.0.0.1", port)))
                await script(await model.session())
            assert model.faults == []
            return placed.result(), len(heard(caller)), caller.playback.runs[-1].cut_by

    outcome, n_heard, cut_by = run(whole(), seconds=60)
    assert outcome.end.reason == "caller-hung-up"
    assert outcome.faults == {}
    assert sum(event.kind == "stream-started" for event in outcome.timeline.events) == 1
    assert 700 * 8 < n_heard < 2000 * 8
    assert cut_by == "clear"


@proxies
def test_address_of_whoever_is_refused_is_the_real_one(proxy: Proxy, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            running() as at,
            proxy(tmp_path, at.port) as port,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))) as http,
        ):
            lies = {**HOST, "X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7"}
            async with http.post(
                f"http://127.0.0.1:{port}/twilio/voice", data=dict(FIELDS), headers=lies
            ) as response:
                assert response.status == 403
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(f"http://127.0.0.1:{port}/twilio/media", headers=lies)

    with logged_as_in_production() as logged:
        run(scenario())

    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    refused = [
        line for line in lines if line["event"].startswith(("webhook refused", "media stream refused"))
    ]
    assert [line["client"] for line in refused] == ["127.0.0.2", "127.0.0.2"]


def test_reload_of_nginx_cuts_no_call(tmp_path: Path) -> None:
    async def whole() -> tuple[Outcome, int]:
        async with (
            FakeRealtimeServer() as model,
            running(realtime_url=model.url) as at,
            nginx(tmp_path, at.port) as port,
        ):
            caller = at.caller(2.0)
            async with asyncio.TaskGroup() as tasks:
                placed = tasks.create_task(place_call(caller, connect_to=("127.0.0.1", port)))
                session = await model.session()
                await session.wait_for("input_audio_buffer.append")
                os.kill(int((tmp_path / "nginx.pid").read_text()), signal.SIGHUP)
                await asyncio.sleep(0.5)  # the new workers are there
                await session.say("item_1", tone(700), "Hello there.")
            return placed.result(), len(heard(caller))

    outcome, n_heard = run(whole())
    assert outcome.end.reason == "caller-hung-up"
    assert sum(event.kind == "stream-started" for event in outcome.timeline.events) == 1
    assert n_heard == 700 * 8


async def status_of(port: int, path: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}{path}", headers={**HOST, **headers}) as response,
    ):
        return response.status


@proxies
def test_metrics_are_not_passed_on_and_health_is(proxy: Proxy, tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with running(metrics_token="secret") as at, proxy(tmp_path, at.port) as port:
            token = {"Authorization": "Bearer secret"}
            return [
                await status_of(port, "/metrics"),
                await status_of(port, "/metrics", **token),
                await status_of(at.port, "/metrics", **token),
                await status_of(port, "/healthz"),
                await status_of(port, "/readyz"),
            ]

    assert run(scenario()) == [404, 404, 200, 200, 200]


def test_proxy_that_says_nothing_of_its_clients_shows_the_metrics_to_nobody(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with running(metrics_token="secret") as at, nginx(tmp_path, at.port, BARE) as port:
            return [
                await status_of(port, "/metrics"),
                await status_of(port, "/metrics", Host="127.0.0.1"),
                await status_of(port, "/metrics", Authorization="Bearer secret"),
            ]

    assert run(scenario()) == [403, 403, 200]


IMPATIENT = {"proxy_read_timeout    5m;": "proxy_read_timeout 1s;"}


@dataclass(eq=False, repr=False)
class Stalling(RecordedCaller):
    """A caller of whom nothing more comes after his first words, while his connection stays."""

    n_left: int = 25

    def due(self, now: float) -> list[str]:
        messages = super().due(now)
        self.n_left -= len(messages)
        return messages if self.n_left > 0 else []


def ended(folder: Path, changes: dict[str, str] | None, *, stalls: bool = False) -> list[str]:
    """How a call's media streams end through nginx in which the agent says nothing for 2.5 s."""

    async def scenario() -> list[str]:
        async with (
            FakeRealtimeServer() as model,
            running(realtime_url=model.url) as at,
            nginx(folder, at.port, changes=changes) as port,
        ):
            kind, seconds = (Stalling, 8.0) if stalls else (RecordedCaller, 2.5)
            caller = kind(humming(seconds), PUBLIC_URL, AUTH_TOKEN, linger=0.3)
            placed = asyncio.create_task(place_call(caller, connect_to=("127.0.0.1", port)))
            await (await model.session()).wait_for("input_audio_buffer.append")
            await at.gateway.active_calls.wait_empty()
            reasons = ended_by(at)
            placed.cancel()
            return reasons

    return run(scenario())


def test_call_is_not_cut_by_nginx_however_long_the_agent_is_silent(tmp_path: Path) -> None:
    assert ended(tmp_path, IMPATIENT) == ["hangup"]


def test_stream_without_audio_is_given_up_by_the_gateway_and_not_by_nginx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.call, "MEDIA_TIMEOUT", 2.0)

    assert ended(tmp_path, IMPATIENT, stalls=True) == ["stream-lost"]
    assert ended(tmp_path, None, stalls=True) == ["media-timeout"]


def test_nginx_waits_longer_than_the_gateway() -> None:
    (minutes,) = re.findall(r"proxy_read_timeout +(\d+)m;", shipped("nginx.conf"))

    assert int(minutes) * 60 > 2 * MEDIA_TIMEOUT


def test_nginx_takes_our_site_with_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    subject = ["-subj", "/CN=voice.example.com", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
    made = [found("openssl"), "req", "-x509", *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    site = shipped(
        "nginx.conf",
        {
            "/etc/letsencrypt/live/voice.example.com": str(tmp_path),
            "listen 443 ssl;": f"listen 127.0.0.1:{free_port()} ssl;",
            "    listen [::]:443 ssl;\n": "",
        },
    )
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, site=site))

    checked = subprocess.run(
        [found("nginx"), "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "test is successful" in checked.stderr, checked.stderr
