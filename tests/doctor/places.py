"""A gateway as operators have it: behind TLS, with a model and a Twilio account, all on this machine."""

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import trustme

from gateway.local_realtime import LocalRealtimeServer
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, FakeTwilioRest
from tests.gateways import Running, running

NUMBER = "+15005550006"
MODEL_KEY = "canary-model-key"
SECRETS = (AUTH_TOKEN, MODEL_KEY)


@dataclass
class TlsFront:
    """The proxy that ends TLS in front of a gateway."""

    public_url: str
    target: int = 9
    """The port it passes connections on to; nobody's at first."""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection to a new one, until either ends."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def authority(folder: Path) -> tuple[trustme.CA, Path]:
    """Make an authority of our own, and the file that has programs trust it."""
    ca, path = trustme.CA(), folder / "authority.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca, path


@contextlib.asynccontextmanager
async def tls_front(
    ca: trustme.CA,
    name: str = "localhost",
    *,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> AsyncIterator[TlsFront]:
    """Serve TLS at a free port of this machine, with a certificate for ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name, not_before=not_before, not_after=not_after).configure_cert(context)
    front = TlsFront("")
    server = await asyncio.start_server(front.carry, "127.0.0.1", 0, ssl=context)
    front.public_url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.close()


@dataclass(frozen=True)
class Deployed:
    """All that the doctor looks at."""

    gateway: Running
    twilio: FakeTwilioRest
    environment: dict[str, str]

    @property
    def public_url(self) -> str:
        """The gateway's address, https."""
        return self.environment["PUBLIC_URL"]


@contextlib.asynccontextmanager
async def deployed(folder: Path, *, model_key: str = MODEL_KEY, **settings: Any) -> AsyncIterator[Deployed]:
    """Run it all; ``model_key`` is the one the gateway has, which need not be the right one."""
    ca, trusted = authority(folder)
    async with (
        LocalRealtimeServer(api_key=MODEL_KEY) as model,
        FakeTwilioRest() as twilio,
        tls_front(ca) as front,
        running(
            public_url=front.public_url,
            twilio_auth_token=AUTH_TOKEN,
            realtime_url=model.url,
            realtime_api_key=model_key,
            **settings,
        ) as gateway,
    ):
        front.target = gateway.port
        environment = {
            "SSL_CERT_FILE": str(trusted),
            "PUBLIC_URL": front.public_url,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_API_URL": twilio.url,
            "REALTIME_URL": model.url,
            "REALTIME_API_KEY": MODEL_KEY,
        }
        yield Deployed(gateway, twilio, environment)
        assert twilio.faults == []


def gateway_command(
    *arguments: str, folder: Path, answer: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings and no others; check that it shows no secrets."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", **environment},
        cwd=folder, input=answer, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    return done


async def command(
    *arguments: str, folder: Path, answer: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Do so beside what runs on this event loop."""
    return await asyncio.to_thread(gateway_command, *arguments, folder=folder, answer=answer, **environment)
