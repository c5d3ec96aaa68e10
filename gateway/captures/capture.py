"""The capture of one media stream, as the event loop sees it."""

from collections.abc import Callable

from gateway.captures.captured import Captured
from gateway.captures.losses import Losses
from gateway.disk import Backlog
from gateway.twilio.capture_writer import Sender


class Capture:
    """Takes one media stream's messages. Nothing here waits, raises or touches the disk.

    Messages wait in memory until the stream has shown whose it is: what never does leaves no file behind.
    """

    def __init__(self, begin: Callable[[str, Backlog[Captured], Losses], None], losses: Losses) -> None:
        """``begin`` gets the CallSid, and has what waits written from then on."""
        self.has_begun = False
        self._begin = begin
        self._losses = losses
        self._backlog: Backlog[Captured] = Backlog()

    def take(self, sender: Sender, text: bytes, now: float) -> None:
        """Take a message that passes at ``now``, float seconds; it is left out, and counted, if too much waits."""
        if not self._backlog.is_over and not Captured(sender, text, now).wait_in(self._backlog):
            self._losses.add(1, "disk-slow", "too much waits")

    def begin(self, call_sid: str) -> None:
        """Have a file for it: the stream is that call's."""
        self.has_begun = True
        self._begin(call_sid, self._backlog, self._losses)

    def end(self) -> None:
        """The stream is over; what comes still is not taken."""
        self._backlog.is_over = True
