"""Real proxies before a gateway: nginx and Caddy with the configurations that we ship, on ports of this machine."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from importlib import resources
from pathlib import Path

import pytest

from tests.test_server import free_port

SHIPPED = Path(str(resources.files("gateway").joinpath("deploy")))
FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
BARE = "server { listen 443 ssl; location / { proxy_pass http://127.0.0.1:8000; } }"
"""A site of somebody who has read nothing."""


def found(program: str) -> str:
    """Path of a program; without it the test is skipped, but never in CI."""
    path = shutil.which(program, path=FOLDERS)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"there is no {program} here")
    return path or pytest.skip(f"there is no {program} here")


def shipped(name: str, changes: Mapping[str, str] | None = None) -> str:
    """A file that we ship, with changes; each must change something."""
    text = (SHIPPED / name).read_text()
    for old, new in (changes or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx_site(site: str, port: int, gateway_port: int) -> str:
    """A site without TLS, on one port of this machine."""
    site = re.sub(r"(?m)^\s*(ssl_.*|listen \[::\].*)\n", "", site)
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    return site.replace("127.0.0.1:8000", f"127.0.0.1:{gateway_port}")


@contextlib.asynccontextmanager
async def nginx(
    folder: Path, gateway_port: int, site: str | None = None, changes: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run nginx before a gateway, with our site or another; give its port."""
    program, port = found("nginx"), free_port()
    text = nginx_site(site or shipped("nginx.conf", changes), port, gateway_port)
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, site=text))
    async with _process([program, "-p", str(folder), "-c", str(file)], folder, port):
        yield port


@contextlib.asynccontextmanager
async def caddy(folder: Path, gateway_port: int) -> AsyncIterator[int]:
    """Run Caddy before a gateway, with our site; give its port."""
    program, port = found("caddy"), free_port()
    site = shipped(
        "Caddyfile",
        {
            "voice.example.com {": f"http://voice.example.com:{port} {{\n\tbind 127.0.0.1",
            "127.0.0.1:8000": f"127.0.0.1:{gateway_port}",
        },
    )
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    async with _process([program, "run", "--adapter", "caddyfile", "--config", str(file)], folder, port):
        yield port


@contextlib.asynccontextmanager
async def _process(command: list[str], folder: Path, port: int) -> AsyncIterator[None]:
    """Run a proxy until the body is over; what it says is shown where it does not start."""
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "proxy.log"
    with log.open("wb") as errors:
        environment = {**os.environ, **home}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stderr=errors, stdout=errors
        )
    try:
        async with asyncio.timeout(20):
            while True:
                assert process.returncode is None, log.read_text()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
