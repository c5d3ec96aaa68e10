"""A Locust worker's end of its process of calls, on gevent: users hand calls over and wait, without a thread each."""

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import IO

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore

from gateway.errors import GatewayError
from gateway.loadtest.messages import (
    Begin,
    CallDone,
    CallOver,
    HangUp,
    Order,
    PlaceCall,
    Pulse,
    Ready,
    Unusable,
    line_of,
    report_decoder,
)

PATIENCE = 10.0
"""Seconds to wait for one more of the calls that are ending: the sums of the one before may take a while."""


END_TIMEOUT = 5.0
"""Seconds that the process gets to end once it has no more orders."""


class CallsLostError(GatewayError):
    """The process of calls cannot begin, or is gone; the message says why."""


class CallsLink:
    """Places calls and hears of them; a user's greenlet waits while others run."""

    def __init__(
        self,
        on_result: Callable[[CallDone], None],
        on_pulse: Callable[[Pulse], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_result = on_result
        self._on_pulse = on_pulse
        self._on_lost = on_lost
        self._is_open = True
        self._is_ended = False
        self._lines = itertools.count()
        self._over: dict[int, AsyncResult[None]] = {}
        self._ready: AsyncResult[None] = AsyncResult()
        self._n_open = 0
        self._changed = Event()
        self._writing = BoundedSemaphore()

    def start(self, begin: Begin) -> None:
        """Start the process and wait until it is ready.

        Raises:
            CallsLostError: it cannot begin.
        """
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "gateway.loadtest.calls_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for whoever runs the test; the calls end when we say so
        )
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self._orders = process.stdin
        gevent.spawn(self._read, process.stdout)
        self._send(begin)
        self._ready.get()

    def new_line(self) -> int:
        """Number another line."""
        return next(self._lines)

    def place(self, line: int, nth: int, fingerprint: int) -> None:
        """Place a line's next call and wait until it is over."""
        if not self._is_open:
            Event().wait()  # until the user is stopped
        over = self._over[line] = AsyncResult()
        self._n_open += 1
        self._send(PlaceCall(line, nth, fingerprint))
        over.get()

    def hang_up(self, line: int) -> None:
        """End a line's call."""
        self._send(HangUp(line))

    def hang_up_all(self) -> bool:
        """Place no more calls, end all, and wait until they are measured; whether all are told of."""
        self._is_open = False
        self._send(HangUp())
        while self._n_open and not self._is_ended:
            self._changed.clear()
            if not self._changed.wait(PATIENCE):
                break
        return not self._n_open

    def reopen(self) -> None:
        """Place calls again."""
        self._is_open = True

    def close(self) -> None:
        """End the process."""
        self._is_open, self._is_ended = False, True
        with contextlib.suppress(BrokenPipeError):
            self._orders.close()
        try:
            self._process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, order: Order) -> None:
        with self._writing:
            if not self._is_ended:
                with contextlib.suppress(BrokenPipeError):  # the reader notices too, and says so
                    self._orders.write(line_of(order))
                    self._orders.flush()

    def _read(self, reports: IO[bytes]) -> None:
        for line in reports:
            self._take(line)
        was_ended, self._is_ended = self._is_ended, True
        self._changed.set()
        if not self._ready.ready():
            self._ready.set_exception(CallsLostError("the process of calls did not begin"))
        elif not was_ended:
            self._on_lost()

    def _take(self, line: bytes) -> None:
        match report_decoder.decode(line):
            case Ready():
                self._ready.set(None)
            case Unusable(reason=reason):
                self._is_ended = True
                self._ready.set_exception(CallsLostError(reason))
            case CallOver(line=number):
                self._over.pop(number).set(None)
            case CallDone() as done:
                self._n_open -= 1
                self._on_result(done)
                self._changed.set()
            case Pulse() as pulse:
                self._on_pulse(pulse)
