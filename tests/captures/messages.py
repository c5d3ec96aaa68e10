"""Messages and losses that the tests of captures share."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.captures.captured import Captured
from gateway.disk import Backlog
from gateway.metrics import Metrics
from gateway.twilio.capture_writer import Line, Sender
from tests.loadtest.captures import CONNECTED, start

BEGUN = (
    Captured("twilio", CONNECTED.encode(), 1.0),
    Captured("twilio", start(token="one-time").encode(), 1.1),
)
"""What every media stream begins with."""


def messages(*texts: str, sender: Sender = "twilio") -> list[Captured]:
    return [Captured(sender, text.encode(), 2.0 + n) for n, text in enumerate(texts)]


def waiting(*captured: Captured) -> Backlog[Captured]:
    backlog: Backlog[Captured] = Backlog()
    assert all(each.wait_in(backlog) for each in captured)
    return backlog


def uncaptured(metrics: Metrics) -> dict[str, float]:
    """How many messages are missing in captures, by why, where there are any."""
    (family,) = metrics.uncaptured_messages.collect()
    totals = (each for each in family.samples if each.name.endswith("_total"))
    return {each.labels["why"]: each.value for each in totals if each.value}


def captured(path: Path) -> list[tuple[Sender, Any]]:
    """The messages in a capture, read, and from whom."""
    lines = [msgspec.json.decode(line, type=Line) for line in path.read_text().splitlines()[1:]]
    return [(line.sender, json.loads(line.text)) for line in lines]


def from_twilio(*texts: str) -> list[tuple[Sender, Any]]:
    """What a capture holds of these messages."""
    return [("twilio", json.loads(text)) for text in texts]


@contextlib.contextmanager
def unread_fifo(path: Path) -> Iterator[Path]:
    """A FIFO at ``path`` that takes 64 KiB and no more: writing hangs, until in the end it fails."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield path
    finally:
        os.close(reader)
