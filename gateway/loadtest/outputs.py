"""Writes what a load test has found out for people and programs, and tells the exit code."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console

from gateway.loadtest.baseline import read_baseline
from gateway.loadtest.junit import junit
from gateway.loadtest.options import STANDARD_OUTPUT, LoadOptions
from gateway.loadtest.page import page
from gateway.loadtest.results import RunResult
from gateway.loadtest.terminal import print_judgement
from gateway.loadtest.verdict import Judgement, judge, thresholds


def write_outputs(run: RunResult, options: LoadOptions) -> int:
    """Print the table, write the files that were asked for, and tell the exit code: 0 fine, 1 not.

    A file that cannot be written is told of and makes 1; the others are written.
    """
    baseline = read_baseline(options.baseline) if options.baseline else None
    judgement = judge(run, thresholds(options.fail_if, options.mode), baseline)
    console = Console(stderr=STANDARD_OUTPUT in (options.json, options.html, options.junit))
    print_judgement(judgement, console)
    writers: list[tuple[str | None, Callable[[Judgement], bytes]]] = [
        (options.json, lambda made: msgspec.json.encode(made.run)),
        (options.html, lambda made: page(made.run, made.summary, made.verdicts, made.differences).encode()),
        (options.junit, junit),
    ]
    written = [_write(path, make, judgement) for path, make in writers if path is not None]
    return 0 if judgement.passed and all(written) else 1


def _write(path: str, make: Callable[[Judgement], bytes], judgement: Judgement) -> bool:
    content = make(judgement)
    try:
        if path == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content + b"\n")
        else:
            Path(path).write_bytes(content)
    except OSError as error:
        sys.stderr.write(f"{path}: cannot be written ({error.strerror})\n")
        return False
    return True
