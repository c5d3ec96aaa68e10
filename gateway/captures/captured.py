"""A message on its way into a capture."""

from typing import NamedTuple

from gateway.disk import Backlog
from gateway.twilio.capture_writer import Sender

OVERHEAD = 200
"""Bytes that a message takes beside its text."""


class Captured(NamedTuple):
    """A message and when it passed, float seconds."""

    sender: Sender
    text: bytes
    at: float

    def wait_in(self, backlog: "Backlog[Captured]") -> bool:
        """Wait to be written; False if there is no room."""
        return backlog.put(self, len(self.text) + OVERHEAD)
