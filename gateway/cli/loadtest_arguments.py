"""The arguments of ``gateway loadtest``. Numbers are texts here: a wrong one gets one line, together with all others."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.loadtest.engine import MAX_WORKERS, WEB_PORT
from gateway.loadtest.options import MAX_CALLS
from gateway.loadtest.plan import MAX_RAMP, MODES

CALLS_PER_WORKER = 100
"""What one core places with frames on time."""

Recordings = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH...",
        help="Sound files, folders, manifests or captures of callers. Without one: a call that is included.",
        show_default=False,
    ),
]
Calls = Annotated[
    str,
    typer.Option(
        metavar="N", help=f"Calls at once, at most {MAX_CALLS}; of a ladder, the most that are tried."
    ),
]
Ramp = Annotated[str, typer.Option(metavar="N/s", help=f"New calls a second, at most {MAX_RAMP:g}/s.")]
Duration = Annotated[
    str,
    typer.Option(metavar="TIME", help="How long it all takes, such as 90s, 5m or 2h; of a ladder, at most."),
]
ModeName = Annotated[
    str, typer.Option(metavar="MODE", help=f"How the load changes over time: {', '.join(MODES)}.")
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The server's address, or the URL of its voice webhook. Without it: a gateway started for the test.",
        show_default=False,
    ),
]
ConnectTo = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Stands in for the target's host, without TLS.", show_default=False
    ),
]
OwnsTarget = Annotated[
    bool, typer.Option("--i-own-this-target", help="The target may be another machine than this one.")
]
AuthTokenEnv = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Variable, in the environment or .env, that holds the target's auth token."
    ),
]
Reactive = Annotated[
    bool,
    typer.Option(
        "--reactive/--open-loop",
        help="Whether callers wait until the agent has finished, or speak when the recording does.",
    ),
]
BargeInAt = Annotated[
    str | None,
    typer.Option(
        metavar="S",
        help="Seconds into each answer at which callers interrupt it; not with --open-loop.",
        show_default=False,
    ),
]
Channel = Annotated[
    str,
    typer.Option(
        metavar="WHICH", help="The caller's channel in files with several: left, right, or its number from 0."
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help=f"Processes that place calls, at most {MAX_WORKERS}. "
        f"Without it: one for each {CALLS_PER_WORKER} calls, as far as there are cores.",
        show_default=False,
    ),
]
Web = Annotated[bool, typer.Option("--web", help=f"Serve Locust's page at 127.0.0.1:{WEB_PORT} meanwhile.")]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPR",
        help="Threshold, such as 'turn_latency_p95 > 800'; may be repeated.",
        show_default=False,
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="JSON of an earlier run to compare with.", show_default=False),
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="All that was found out, as JSON; - is standard output.", show_default=False
    ),
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A page with plots, waveforms and sound.", show_default=False),
]
JunitFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The thresholds as JUnit XML.", show_default=False)
]
WavDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder for stereo WAVs of calls: left said, right heard.", show_default=False
    ),
]
Wavs = Annotated[
    str,
    typer.Option(metavar="failed|all|N", help="Which calls are kept there; N: the first N of each worker."),
]
ServerPid = Annotated[
    str | None,
    typer.Option(
        metavar="PID",
        help="The server's process on this machine, for its CPU and memory.",
        show_default=False,
    ),
]
ServerMetrics = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The server's metrics (Prometheus), for the same.", show_default=False),
]
Observed = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="What the embedded realtime server observes there, where it is the model: see local-realtime --observe.",
        show_default=False,
    ),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Sound file of something that the agent says in every call, clean: for signal to noise, and PESQ.",
        show_default=False,
    ),
]
