"""Reads an earlier run, to compare with."""

from pathlib import Path

import msgspec

from gateway.errors import GatewayError
from gateway.loadtest.results import SCHEMA_VERSION, RunResult

MAX_BYTES = 1 << 30


class BaselineError(GatewayError):
    """The earlier run cannot be used; the message is one line that says why."""


class _Version(msgspec.Struct):
    schema_version: int


def read_baseline(path: str) -> RunResult:
    """Read what ``--json`` has written.

    Raises:
        BaselineError: it is missing, unreadable, something else, or of a version that means something else by it.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BaselineError(f"{path}: too large for a load test's JSON")
        version = msgspec.json.decode(content, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            raise BaselineError(
                f"{path}: has schema version {version}; this program reads version {SCHEMA_VERSION}"
            )
        return msgspec.json.decode(content, type=RunResult)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: is no load test's JSON ({error})") from None
