"""Functions for the tests of tools to call, and ways to call them."""

import asyncio
import dataclasses
import enum
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.tools import Tool

ECHO = {
    "name": "echo",
    "description": "Say it again.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
}


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Guest(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0)] = 18


@dataclasses.dataclass
class Table:
    number: int
    free: bool


def book(
    name: str,
    guests: list[Guest],
    *,
    size: Size = Size.SMALL,
    floor: Annotated[int, Field(ge=0, le=3, description="Where to sit.")] = 0,
    meal: Literal["lunch", "dinner"] = "dinner",
    note: str | None = None,
) -> str:
    """Book a table.

    Only for today.

    Args:
        name: Who asks,
            in full.
        guests: Everybody who comes.
        floor: This is not shown: the annotation has its own words.
        colour: There is no such parameter.

    Returns:
        What was booked.
    """
    return f"{name} {[guest.age for guest in guests]} {size} {floor} {meal} {note}"


def run(tool: Tool, arguments: str = "") -> str:
    return asyncio.run(tool.run(arguments))


def run_lambda(function: Callable[..., Any], arguments: str = "") -> str:
    return run(Tool.from_function(function, name="tool"), arguments)


def error(output: str) -> str:
    document = json.loads(output)
    assert list(document) == ["error"]
    return str(document["error"])


@contextmanager
def stuck() -> Iterator[Callable[[], str]]:
    """A plain function that does not return before the block ends; then all its threads are waited for."""
    release = threading.Event()
    threads: list[threading.Thread] = []

    def wait() -> str:
        threads.append(threading.current_thread())
        release.wait()
        return "late"

    try:
        yield wait
    finally:
        release.set()
        for thread in threads:
            thread.join()
