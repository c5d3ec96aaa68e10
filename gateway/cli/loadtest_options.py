"""Reads the command line of ``gateway loadtest`` into options, and reports every mistake at once."""

import os
import shlex
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from gateway.cli.loadtest_arguments import CALLS_PER_WORKER
from gateway.loadtest.engine import MAX_WORKERS
from gateway.loadtest.options import (
    MAX_CALLS,
    LoadOptions,
    OptionError,
    address,
    channel_named,
    mistakes,
    offset,
    rate,
    seconds,
    whole,
)
from gateway.loadtest.recording import default_recording

OWN_TARGET = "http://127.0.0.1"
"""Stands for the server of our own until it has an address."""
TARGET_S_OWN = ("connect_to", "server_pid", "server_metrics", "reference", "observed")
"""Arguments about a target; a gateway of our own brings them along."""
FILES = ("baseline", "json", "html", "junit", "wav_dir", "reference", "observed")
T = TypeVar("T")


def read_options(arguments: dict[str, Any]) -> tuple[LoadOptions, int]:
    """Read the arguments by their names: options, and the number of workers.

    Raises:
        OptionError: something is wrong; its message has a line for every mistake.
    """
    wrong = [*_not_text(arguments), *_in_vain(arguments)]

    def read(name: str, reader: Callable[[str], T], instead: T) -> T:
        if arguments[name] is None:
            return instead
        try:
            return reader(arguments[name])
        except OptionError as error:
            wrong.append(str(error))
            return instead

    options = LoadOptions(
        recordings=tuple(map(str, arguments["recordings"] or [default_recording()])),
        channel=read("channel", channel_named, "left"),
        target=OWN_TARGET if arguments["target"] is None else arguments["target"],
        connect_to=read("connect_to", address, None),
        calls=read("calls", lambda text: whole("--calls", text, 1, MAX_CALLS), 1),
        ramp=read("ramp", rate, 1.0),
        duration=read("duration", seconds, 3600.0),
        barge_in_at=read("barge_in_at", offset, None),
        fail_if=tuple(arguments["fail_if"] or ()),
        server_pid=read("server_pid", lambda text: whole("--server-pid", text, 1, 1 << 31), None),
        command=shlex.join(["gateway", *sys.argv[1:]]),
        mode=arguments["mode"],
        reactive=arguments["reactive"],
        wavs=arguments["wavs"],
        server_metrics=arguments["server_metrics"],
        i_own_this_target=arguments["i_own_this_target"],
        **{name: None if arguments[name] is None else str(arguments[name]) for name in FILES},
    )
    n_workers = read("workers", lambda text: whole("--workers", text, 1, MAX_WORKERS), None)
    if wrong := [*wrong, *mistakes(options)]:
        raise OptionError("\n".join(wrong))
    return options, n_workers or _default_workers(options.plan.most_calls)


def _not_text(arguments: dict[str, Any]) -> list[str]:
    """Find arguments that are no text: file names in another encoding, which no report could name."""
    found = []
    for name, given_as in arguments.items():
        for each in given_as if isinstance(given_as, list) else [given_as]:
            try:
                str(each).encode()
            except UnicodeEncodeError:
                found.append(f"{'PATH' if name == 'recordings' else _spelt(name)}: not UTF-8")
    return found


def _in_vain(arguments: dict[str, Any]) -> list[str]:
    """Find what is said about a target, where there is none."""
    if arguments["target"] is not None:
        return []
    return [f"{_spelt(name)}: needs a --target" for name in TARGET_S_OWN if arguments[name] is not None]


def _spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _default_workers(n_calls: int) -> int:
    return min(-(-n_calls // CALLS_PER_WORKER), os.cpu_count() or 1, MAX_WORKERS)
