"""``gateway loadtest``: how many calls a server holds, and what callers hear, with recorded calls."""

import asyncio
import contextlib
import importlib.util
import os
import signal

import msgspec
import typer
from rich.console import Console

from gateway.cli import loadtest_arguments as given
from gateway.cli.loadtest_options import read_options
from gateway.errors import SettingsError
from gateway.loadtest.engine import WEB_PORT, Engine, EngineError
from gateway.loadtest.messages import Begin
from gateway.loadtest.options import LoadOptions
from gateway.loadtest.outputs import write_outputs
from gateway.loadtest.own_server import own_server
from gateway.loadtest.progress import ProgressView
from gateway.loadtest.recordings import load_recordings
from gateway.loadtest.results import RunResult
from gateway.loadtest.secret import DEFAULT_NAME, read_auth_token
from gateway.loadtest.terminal import printable

EXTRA = ("locust", "psutil", "junitparser")
"""What the extra [loadtest] installs."""
INTERRUPTED = 130
"""Exit code of who leaves at once at the second Ctrl-C, or before there was a call, as shells have it."""


def loadtest(  # noqa: PLR0913, PLR0917 - each is an option
    recordings: given.Recordings = None,
    calls: given.Calls = "10",
    ramp: given.Ramp = "10/s",
    duration: given.Duration = "1m",
    mode: given.ModeName = "steady",
    target: given.Target = None,
    connect_to: given.ConnectTo = None,
    i_own_this_target: given.OwnsTarget = False,
    auth_token_env: given.AuthTokenEnv = DEFAULT_NAME,
    reactive: given.Reactive = True,
    barge_in_at: given.BargeInAt = None,
    channel: given.Channel = "left",
    workers: given.Workers = None,
    web: given.Web = False,
    fail_if: given.FailIf = None,
    baseline: given.Baseline = None,
    json: given.JsonFile = None,
    html: given.HtmlFile = None,
    junit: given.JunitFile = None,
    wav_dir: given.WavDir = None,
    wavs: given.Wavs = "failed",
    server_pid: given.ServerPid = None,
    server_metrics: given.ServerMetrics = None,
    reference: given.Reference = None,
    observed: given.Observed = None,
) -> None:
    """Load a server that speaks Twilio Media Streams with recorded calls, and tell what callers heard.

    Without --target a gateway with the embedded realtime server is started for it.

    Ctrl-C ends the calls and still reports; a second one leaves at once.

    Exits with 1 if a call failed or a threshold is broken.
    """
    arguments = dict(locals())
    _require_locust()
    options, n_workers = read_options(arguments)
    with Console(stderr=True).status("Reading the recordings, and finding who speaks when..."):
        load_recordings(
            options.recordings, channel=options.channel
        )  # what is unusable is told before all else
    auth_token = read_auth_token(auth_token_env) if target else ""
    run, is_whole = _run(options, auth_token, n_workers, own=target is None, web=web)
    raise typer.Exit(write_outputs(run, options) or (0 if is_whole else 1))


def _require_locust() -> None:
    if any(importlib.util.find_spec(name) is None for name in EXTRA):
        raise SettingsError("gateway loadtest: needs the extra [loadtest], which brings Locust along")


def _run(
    options: LoadOptions, auth_token: str, n_workers: int, *, own: bool, web: bool
) -> tuple[RunResult, bool]:
    """Run the test; with what it found, whether that is all."""
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        if own:
            with console.status("Starting the gateway and the model's ears and voice..."):
                server = stack.enter_context(own_server(options.plan.most_calls))
            options = msgspec.structs.replace(
                options, target=server.url, server_pid=server.pid, observed=server.observed_dir
            )
            auth_token = server.auth_token
        view = stack.enter_context(ProgressView(console))
        if web:
            view.note(f"Locust's page: http://127.0.0.1:{WEB_PORT}")
        begin = Begin(options, auth_token)
        engine = Engine(begin, n_workers=n_workers, on_progress=view.show, web=web)
        run = asyncio.run(_drive(engine, view))
    for complaint in engine.complaints:
        console.print(printable(complaint), soft_wrap=True, highlight=False, markup=False)
    return run, engine.is_whole


async def _drive(engine: Engine, view: ProgressView) -> RunResult:
    """Run the test; Ctrl-C ends it early, and a second one at once."""
    is_ending = False

    def interrupted() -> None:
        nonlocal is_ending
        if is_ending:
            engine.kill()
            os._exit(INTERRUPTED)  # what we have started sees its input end, and ends too
        is_ending = True
        view.note("Ending the calls; press Ctrl-C again to leave at once.")
        engine.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted)
    try:
        return await engine.run()
    except EngineError:
        if not is_ending:
            raise
        view.note("Left before the first call.")
        raise typer.Exit(INTERRUPTED) from None
