"""Writes what a load test has found out for people and programs, and tells the exit code."""

import sys
from collections.abc import Callable

import msgspec
from rich.console import Console

from gateway.disk import open_for_owner
from gateway.loadtest.baseline import read_baseline
from gateway.loadtest.options import STANDARD_OUTPUT, LoadOptions
from gateway.loadtest.page import page
from gateway.loadtest.results import RunResult
from gateway.loadtest.terminal import print_judgement
from gateway.loadtest.verdict import Judgement, judge, thresholds


def write_outputs(run: RunResult, options: LoadOptions) -> int:
    """Write the files that were asked for, print the table, and tell the exit code: 0 fine, 1 not.

    A file that cannot be written is told of and makes 1; the others are written. So does a table that cannot be printed.
    """
    baseline = read_baseline(options.baseline) if options.baseline else None
    judgement = judge(run, thresholds(options.fail_if, options.mode), baseline)
    writers: list[tuple[str | None, Callable[[Judgement], bytes]]] = [
        (options.json, lambda made: msgspec.json.encode(made.run)),
        (options.html, lambda made: page(made.run, made.summary, made.verdicts, made.differences).encode()),
        (options.junit, _junit),
    ]
    written = [_write(path, make, judgement) for path, make in writers if path is not None]
    console = Console(stderr=STANDARD_OUTPUT in (options.json, options.html, options.junit))
    is_printed = _print(judgement, console)
    return 0 if judgement.passed and is_printed and all(written) else 1


def _print(judgement: Judgement, console: Console) -> bool:
    """Print the table; a pipe that nobody reads any more ends the program, as elsewhere."""
    try:
        print_judgement(judgement, console)
    except OSError as error:
        sys.stderr.write(f"the table cannot be printed ({error.strerror})\n")
        return False
    return True


def _junit(judgement: Judgement) -> bytes:
    from gateway.loadtest.junit import junit  # noqa: PLC0415 - the other commands do without the extra

    return junit(judgement)


def _write(path: str, make: Callable[[Judgement], bytes], judgement: Judgement) -> bool:
    content = make(judgement)
    try:
        if path == STANDARD_OUTPUT:
            sys.stdout.buffer.write(content + b"\n")
            sys.stdout.flush()
        else:
            with open(path, "wb", opener=open_for_owner) as file:  # voices are in it
                file.write(content)
    except OSError as error:
        sys.stderr.write(f"{path}: cannot be written ({error.strerror})\n")
        return False
    return True
