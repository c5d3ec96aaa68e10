"""``gateway local-realtime``: the embedded realtime server alone."""

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.errors import SettingsError
from gateway.local_realtime import (
    EchoPersona,
    LocalRealtimeServer,
    OrderDesk,
    Persona,
    ScriptedPersona,
    installed_parts,
    recorded_parts,
)
from gateway.local_realtime.faults import faults_of_file
from gateway.local_realtime.personas.script import read_script
from gateway.server import new_event_loop

_NAMED: dict[str, Callable[[], Persona]] = {"desk": OrderDesk, "echo": EchoPersona}


def local_realtime(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8080,
    persona: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Who answers: desk (orders by phone), echo (says back what it heard), recorded (prompts), or a TOML "
            "file with a script.  [default: desk, or recorded without the extra [local]]",
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="LOCAL_REALTIME_API_KEY",
            help="Key that clients must show; set it in the environment, where other users do not see it.",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with faults that sessions shall have, read anew for each.", show_default=False
        ),
    ] = None,
    observe: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for what passed in each session whose address has ?call=LABEL, for a load tester.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the embedded realtime server alone, for any client of the protocol. Ctrl-C stops it."""
    answers = _persona(persona)
    if faults:
        faults_of_file(faults)
    if observe and not (observe.is_dir() and os.access(observe, os.W_OK | os.X_OK)):
        raise SettingsError(f"--observe: {observe} is no folder that can be written to")
    if api_key is not None and not api_key.strip():
        raise SettingsError("LOCAL_REALTIME_API_KEY: is empty")
    with asyncio.Runner(loop_factory=new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(_run(host, port, persona, answers, api_key, faults, observe))


def _persona(name: str | None) -> Callable[[], Persona] | None:
    """Find a persona; None leaves it to what is installed."""
    if name is None or name == "recorded":
        return None
    if name in _NAMED:
        return _NAMED[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise SettingsError(
            f"--persona: {name!r} is none of {', '.join(_NAMED)}, recorded, and no .toml file"
        )
    return functools.partial(ScriptedPersona, read_script(path))


async def _run(
    host: str,
    port: int,
    name: str | None,
    persona: Callable[[], Persona] | None,
    api_key: str | None,
    faults: Path | None,
    observe: Path | None,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        with Console(stderr=True).status("Loading ears and voice..."):
            parts = await stack.enter_async_context(installed_parts())
        if persona and not parts.can_converse:
            raise SettingsError(f"--persona {name}: needs the extra [local], to hear and speak any words")
        chosen = recorded_parts(parts.recogniser) if name == "recorded" else parts
        server = LocalRealtimeServer(
            host=host,
            port=port,
            voice=chosen.voice,
            persona=persona or chosen.persona,
            recogniser=chosen.recogniser,
            api_key=api_key,
            faults_file=faults,
            observed_dir=observe,
        )
        await _serve(server, host, port)


async def _serve(server: LocalRealtimeServer, host: str, port: int) -> None:
    try:
        await server.__aenter__()
    except OSError as exc:
        raise SettingsError(f"cannot listen on {host}, port {port}: {exc.strerror}") from None
    try:
        print(f"Realtime server at {server.url}; press Ctrl-C to stop.", flush=True)
        await asyncio.Event().wait()
    finally:
        await server.__aexit__(None, None, None)
