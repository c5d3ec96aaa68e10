"""``gateway demo``: the main job, alone on a fresh machine."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.app import Gateway
from gateway.cli.demo_view import CallView
from gateway.cli.listening import open_listener
from gateway.errors import SettingsError
from gateway.loadtest.analysis import CallFigures, analyse, write_stereo
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.place import Outcome, place_call
from gateway.loadtest.recording import Recording, default_recording
from gateway.log import configure_logging
from gateway.server import new_event_loop, serving
from gateway.settings import Settings, load_settings

NOBODY_ELSE: dict[str, Any] = {
    "realtime_provider": "local",
    "realtime_url": None,
    "realtime_api_key": None,
    "realtime_model": None,
    "openai_api_key": None,
    "twilio_account_sid": None,
}
"""Settings that leave nobody but the embedded server to answer, and take any account."""
DRAIN_TIMEOUT = 1.0
"""Seconds that a call from the softphone gets once Ctrl-C is pressed."""


def demo(
    recording: Annotated[
        Path | None,
        typer.Argument(
            help="Sound file with the caller's side of a call; one is included.", show_default=False
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the call, rather than keep on serving.")
    ] = False,
    output: Annotated[
        Path, typer.Option(help="Where the stereo WAV goes: left what the caller said, right what was heard.")
    ] = Path("call.wav"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as one JSON object, nothing else.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the gateway; 0 takes a free one.  [default: PORT, or 8000]",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None,
    phone: Annotated[
        bool, typer.Option("--phone", help="No recorded call: serve the softphone's page and wait for yours.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Let the realtime provider of the settings answer, not the embedded server; needs its key.",
        ),
    ] = False,
) -> None:
    """Place a recorded call through the front door, with no key, no phone and no network.

    Starts the embedded realtime server and the gateway, signs and sends the webhook as Twilio does, streams the
    recording in real time, shows the conversation and its latencies, and writes what both sides heard. Then, or at
    once with --phone, talk to it yourself: the softphone's page is at /phone.
    """
    if phone and (recording or once or as_json):
        raise SettingsError("--phone: goes with neither a recording nor --once nor --json")
    caller_side = None if phone else Recording.read(recording or default_recording())
    if not phone:
        _check_output(output)
    auth_token = secrets.token_hex(16)
    given = _given_settings(auth_token, live=live)
    configure_logging("WARNING", given.log_format, given.secrets)
    listener = open_listener(given.host, given.port if port is None else port)
    settings = _demo_settings(given, listener)
    with asyncio.Runner(loop_factory=new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        fine = runner.run(_demo(settings, listener, caller_side, output, once=once, as_json=as_json))
        raise typer.Exit(0 if fine else 1)


def _given_settings(auth_token: str, *, live: bool) -> Settings:
    """The operator's settings, but for what makes this a demo on loopback."""
    who = {"twilio_account_sid": None} if live else NOBODY_ELSE
    given = load_settings(
        host="127.0.0.1", public_url="http://127.0.0.1", twilio_auth_token=auth_token, **who
    )
    if live and given.wants_embedded_server:
        raise SettingsError("--live: needs OPENAI_API_KEY, or REALTIME_PROVIDER and its REALTIME_API_KEY")
    return given


def _demo_settings(given: Settings, listener: socket.socket) -> Settings:
    """The same at the port we have."""
    public_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return given.model_copy(update={"public_url": public_url, "drain_timeout": DRAIN_TIMEOUT})


def _check_output(path: Path) -> None:
    """Find out now, not after the call, that the recording cannot be written."""
    folder = path.parent
    if path.is_dir():
        raise SettingsError(f"{path}: is a folder")
    if not folder.is_dir():
        raise SettingsError(f"{path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise SettingsError(f"{path}: cannot be written")


async def _demo(
    settings: Settings,
    listener: socket.socket,
    recording: Recording | None,
    output: Path,
    *,
    once: bool,
    as_json: bool,
) -> bool:
    gateway = Gateway(settings, phone=True)
    console = Console(stderr=as_json, quiet=as_json)
    fine = True
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Starting the gateway and the model's ears and voice..."):
            await stack.enter_async_context(serving(gateway.server(), listener))
        if recording is not None:
            fine = await _call(gateway, console, recording, output, as_json=as_json)
        if not once:
            url = settings.public_url
            console.print(f"Talk to it: [bold]{url}/phone[/]", soft_wrap=True)
            console.print(f"The gateway goes on at {url}: /healthz, /readyz, /metrics. Ctrl-C stops it.")
            sys.stdout.flush()
            await asyncio.Event().wait()
    return fine


async def _call(
    gateway: Gateway, console: Console, recording: Recording, output: Path, *, as_json: bool
) -> bool:
    """Place the recorded call and show it; whether all was well."""
    settings = gateway.settings
    caller = RecordedCaller(recording, settings.public_url, settings.auth_tokens[0])
    view = CallView(console, caller)
    async with _watching(gateway, view):
        with view.live():
            outcome = await place_call(caller, on_event=view.refresh)
    figures = analyse(caller)
    await asyncio.to_thread(write_stereo, output, caller)
    view.show_result(outcome, figures, output)
    if as_json:
        print(json.dumps(_report(outcome, figures, view, output)))
    return outcome.end.reason in {"caller-hung-up", "gateway-hung-up"} and not outcome.faults


@contextlib.asynccontextmanager
async def _watching(gateway: Gateway, view: CallView) -> AsyncIterator[None]:
    """Show the view what happens on the calls."""

    async def watch() -> None:
        async with contextlib.aclosing(gateway.feed.watch()) as events:
            async for event in events:
                view.take(event)

    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch(), name="watch-feed")
        await asyncio.sleep(0)  # it must be watching before the first event
        yield
        watcher.cancel()


def _report(outcome: Outcome, figures: CallFigures, view: CallView, output: Path) -> dict[str, Any]:
    """The outcome for a program to read. All times are milliseconds."""
    return {
        "outcome": outcome.end.reason,
        "detail": outcome.end.detail,
        "recording": view.recording_name,
        "output": str(output),
        "setup_ms": figures.setup_ms,
        "first_audio_ms": figures.first_media_ms,
        "turn_ms": [reply.turn_ms for reply in figures.replies],
        "barge_in_ms": [barge_in.stop_ms for barge_in in figures.barge_ins],
        "heard_ms": figures.heard_ms,
        "under_runs": figures.n_under_runs,
        "faults": figures.faults,
        "conversation": view.conversation(),
    }
