"""What Locust's own command line tells a load test, beside what ``gateway loadtest`` does. Pure."""

import argparse
from typing import Any

from gateway.loadtest.options import LoadOptions, OptionError, address, channel_named, mistakes, offset
from gateway.loadtest.plan import MODES
from gateway.loadtest.secret import DEFAULT_NAME

DEFAULT_CALLS = 1
DEFAULT_RAMP = 10.0
DEFAULT_DURATION = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ours to Locust's; each can be given in the environment as well, as LOADTEST_ and its name."""
    texts = {
        "recordings": "Sound files, folders, manifests or captures of callers, separated by commas.",
        "connect-to": "HOST:PORT that stands in for the host of --host, without TLS.",
        "barge-in-at": "Seconds into each answer at which the caller interrupts.",
        "fail-if": "Thresholds, separated by commas, such as 'turn_latency_p95 > 800'.",
        "baseline": "JSON of an earlier run to compare with.",
        "run-json": "File for everything that was found out.",
        "run-html": "File for a page with plots.",
        "run-junit": "File for the thresholds as JUnit XML.",
        "wav-dir": "Folder for stereo WAVs of calls.",
        "server-metrics": "URL of the server's metrics, for its CPU and memory.",
        "reference": "Sound file of what the agent says, clean: for signal to noise, and PESQ.",
        "observed": "Folder that the embedded realtime server was told to --observe into, where it is the model.",
    }
    for name, text in texts.items():
        _add(parser, name, help=text)
    _add(
        parser,
        "channel",
        default="left",
        help="The caller's channel in files with several: left, right, or from 0.",
    )
    _add(parser, "mode", choices=MODES, default="steady", help="How the load changes over time.")
    _add(
        parser,
        "wavs",
        default="failed",
        help="Which calls are kept: failed, all, or how many of each worker.",
    )
    _add(parser, "server-pid", type=int, help="The server's process on this machine, for its CPU and memory.")
    _add(
        parser, "auth-token-env", default=DEFAULT_NAME, help="Name of the variable that holds the auth token."
    )
    _add(
        parser,
        "open-loop",
        action="store_true",
        help="Callers speak when the recording does, not after the agent.",
    )
    _add(parser, "i-own-this-target", action="store_true", help="The target may be another machine.")
    _add(parser, "driven", action="store_true", help="Obey standard input and report on standard output.")


def given_options(parsed: argparse.Namespace) -> LoadOptions:
    """Read Locust's command line.

    Raises:
        OptionError: it cannot be followed.
    """
    options = LoadOptions(
        recordings=_listed(parsed.recordings),
        channel=channel_named(parsed.channel),
        target=parsed.host or "",
        connect_to=address(parsed.connect_to) if parsed.connect_to else None,
        calls=parsed.num_users or DEFAULT_CALLS,
        ramp=float(parsed.spawn_rate or DEFAULT_RAMP),
        duration=float(parsed.run_time or DEFAULT_DURATION),
        mode=parsed.mode,
        reactive=not parsed.open_loop,
        barge_in_at=None if parsed.barge_in_at is None else offset(parsed.barge_in_at),
        fail_if=_listed(parsed.fail_if),
        baseline=parsed.baseline,
        json=parsed.run_json,
        html=parsed.run_html,
        junit=parsed.run_junit,
        wav_dir=parsed.wav_dir,
        wavs=parsed.wavs,
        server_pid=parsed.server_pid,
        server_metrics=parsed.server_metrics,
        reference=parsed.reference,
        observed=parsed.observed,
        i_own_this_target=parsed.i_own_this_target,
        command="locust",
    )
    wrong = mistakes(options)
    if not options.recordings:
        wrong.insert(0, "--recordings: is required")
    if wrong:
        raise OptionError("\n".join(wrong))
    return options


def _add(parser: argparse.ArgumentParser, name: str, **how: Any) -> None:
    variable = "LOADTEST_" + name.upper().replace("-", "_")
    ours: Any = {
        "env_var": variable,
        "include_in_web_ui": False,
    }  # which Locust's parser knows beyond argparse's
    parser.add_argument(f"--{name}", **ours, **how)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
