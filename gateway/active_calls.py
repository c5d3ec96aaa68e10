"""Which calls there are: admission, stream tokens, drain. No I/O; time is an argument."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gateway.ending import HANGUP, Ending

TOKEN_LIFETIME = 60.0
"""Seconds from the webhook in which its stream must start."""
RESERVATION = 20.0
"""Seconds that an admitted call counts as taken although its stream has not started."""
MAX_UNAUTHENTICATED = 100
"""Open media sockets that have not shown a valid token."""
MAX_REMEMBERED = 10_000
"""Ended calls whose CallSid is remembered."""
MAX_STREAMS = 5
"""Media streams that one call may open in turn; a line that keeps breaking must end somewhere."""
MAX_TEXT = 4000
"""Characters of a text sent into a call."""


class Refusal(Enum):
    """Why a call is not taken."""

    BUSY = "busy"
    DRAINING = "draining"
    REPLAYED = "replayed"
    """The CallSid belongs to a call that is over, or has been going on for long."""
    CALLER_LIMIT = "caller-limit"
    """This caller has as many calls as one may have."""
    BROKEN = "broken"
    """The call has opened as many media streams as one may."""


class LiveCall(Protocol):
    """What a call is to this module."""

    def end(self, ending: Ending) -> None:
        """Begin to end the call; returns at once."""

    async def send_text(self, text: str) -> None:
        """Have the model answer a text.

        Raises:
            RealtimeError: there is no model session, or the call is about to end.
        """

    def pause_recording(self, *, on: bool) -> None:
        """Pause the call's recording, or go on with it."""


@dataclass
class _Admitted:
    token: str
    at: float
    used: bool = False
    is_first: bool = True
    """Whether it is for the call's first media stream."""

    def is_expected(self, now: float) -> bool:
        """Whether a place is kept for the stream that is to come."""
        return not self.used and now - self.at < RESERVATION


class ActiveCalls:
    """Takes calls up to a limit, and knows those that are going on."""

    def __init__(self, max_calls: int) -> None:
        self.max_calls = max_calls
        self.draining = False
        self._is_closing = False
        """Whether every call was told to end: then no stream may begin any more."""
        self.n_unauthenticated = 0
        """Open media sockets that have not shown a valid token yet."""
        self._admitted: dict[str, _Admitted] = {}
        self._live: dict[str, LiveCall] = {}
        self._ended: OrderedDict[str, Ending] = OrderedDict()
        self._n_streams: OrderedDict[str, int] = OrderedDict()
        """Of calls that have opened more than one."""
        self._unanswered: set[str] = set()
        """Calls whose media stream has ended in a drain, and of which Twilio has not asked yet how they go on."""
        self._moved = asyncio.Event()
        """Set, and replaced, whenever a call is over, or has been told how it goes on."""

    def __len__(self) -> int:
        return len(self._live)

    def admit(self, call_sid: str, now: float) -> str | Refusal:
        """Decide on a voice webhook: a one-time token for the call's media stream, or why not.

        The same call gets the same token again, so a webhook that Twilio repeats changes nothing.
        """
        self._forget_expired(now)
        admitted = self._admitted.get(call_sid)
        if admitted is not None and admitted.is_first and call_sid not in self._ended:
            return admitted.token
        if call_sid in self._ended or call_sid in self._live or call_sid in self._n_streams:
            return Refusal.REPLAYED
        if self.draining:
            return Refusal.DRAINING
        if self.n_taken(now) >= self.max_calls:
            return Refusal.BUSY
        return self._new_token(call_sid, now)

    def admit_again(self, call_sid: str, now: float) -> str | Refusal:
        """Decide on another media stream for a call that has lost or left its last one.

        A call of ours keeps its place whatever the limit, and in a drain; one that is unknown, from before a restart,
        needs one. Who
        asks again before that stream has begun gets the same token, for Twilio may use either answer.
        """
        self._forget_expired(now)
        n_streams = self._n_streams.get(call_sid, 1) + 1
        is_ours = call_sid in self._ended or call_sid in self._admitted
        if call_sid in self._live:
            return Refusal.REPLAYED
        if self._is_closing or (self.draining and not is_ours):
            return Refusal.DRAINING
        if not is_ours and self.is_full(now):
            return Refusal.BUSY
        if n_streams > MAX_STREAMS:
            return Refusal.BROKEN
        self._n_streams[call_sid] = n_streams
        if len(self._n_streams) > MAX_REMEMBERED:
            self._n_streams.popitem(last=False)
        self._ended.pop(call_sid, None)
        admitted = self._admitted.get(call_sid)
        if admitted is not None and not admitted.is_first and not admitted.used:
            admitted.at = now
            return admitted.token
        return self._new_token(call_sid, now, is_first=False)

    def withdraw(self, call_sid: str) -> None:
        """Take an admission back, before its stream has begun."""
        self._admitted.pop(call_sid, None)

    def is_going_on(self, call_sid: str, now: float) -> bool:
        """Whether a call is live, or its stream is still expected."""
        admitted = self._admitted.get(call_sid)
        return call_sid in self._live or (admitted is not None and admitted.is_expected(now))

    def is_carried_by(self, call_sid: str, call: LiveCall) -> bool:
        """Whether a call's live media stream, whose token was right, is this one."""
        return self._live.get(call_sid) is call

    def admitted_at(self, call_sid: str) -> float | None:
        """When a call's first media stream was admitted; None for later ones, and once that was long ago."""
        admitted = self._admitted.get(call_sid)
        return admitted.at if admitted is not None and admitted.is_first else None

    def is_full(self, now: float) -> bool:
        """Whether the next new call would hear that we are busy."""
        return self.n_taken(now) >= self.max_calls

    def n_taken(self, now: float) -> int:
        """Calls going on, and those admitted so recently that their stream is still expected."""
        return len(self._live) + sum(admitted.is_expected(now) for admitted in self._admitted.values())

    def begin(self, call_sid: str, token: str, call: LiveCall, now: float) -> bool:
        """Use up a stream's token; return whether it was this call's, unused and in time."""
        admitted = self._admitted.get(call_sid)
        given, right = (
            hashlib.sha256(each.encode(errors="surrogatepass")).digest()
            for each in (token, admitted.token if admitted else "")
        )
        if admitted is None or not secrets.compare_digest(given, right):
            return False
        if admitted.used or now - admitted.at >= TOKEN_LIFETIME or call_sid in self._live:
            return False
        if not admitted.is_expected(now) and self.is_full(now):
            return False  # it came so late that its place was given away
        admitted.used = True
        self._live[call_sid] = call
        return True

    def finish(self, call_sid: str, ending: Ending) -> None:
        """Take note that a call that had begun is over."""
        if self._live.pop(call_sid, None) is None:
            return
        self._ended[call_sid] = ending
        if len(self._ended) > MAX_REMEMBERED:
            self._ended.popitem(last=False)
        if self.draining and ending != HANGUP:
            self._unanswered.add(call_sid)
        self._move()

    def answered(self, call_sid: str) -> None:
        """Take note that Twilio knows how a call goes on after its media stream."""
        self._unanswered.discard(call_sid)
        self._move()

    def ending_of(self, call_sid: str) -> Ending | None:
        """How a call ended, if it has, and not too long ago."""
        return self._ended.get(call_sid)

    def end(self, call_sid: str, ending: Ending) -> None:
        """Begin to end a call, if it is going on."""
        if (call := self._live.get(call_sid)) is not None:
            call.end(ending)

    def end_all(self, ending: Ending) -> None:
        """Begin to end every call; no other media stream of theirs is taken."""
        self._is_closing = True
        for call in list(self._live.values()):
            call.end(ending)

    async def supersede(self, call_sid: str, ending: Ending) -> None:
        """End a call's media stream, of which Twilio says that it is over, and wait until that is done."""
        while (call := self._live.get(call_sid)) is not None:
            call.end(ending)
            await self._moved.wait()

    async def send_text(self, call_sid: str, text: str) -> None:
        """Put a text into a call, for the model to answer in speech.

        Raises:
            LookupError: there is no such call going on.
            ValueError: there is no text, or too much.
            RealtimeError: the call has no model session, or is about to end.
        """
        if not text.strip() or len(text) > MAX_TEXT:
            raise ValueError(f"a text has 1 to {MAX_TEXT} characters")
        if call_sid not in self._live:
            raise LookupError(call_sid)
        await self._live[call_sid].send_text(text)

    def pause_recording(self, call_sid: str, *, on: bool = True) -> None:
        """Pause a call's recording, or go on with it; nothing changes for a call that is not recorded.

        Raises:
            LookupError: there is no such call going on.
        """
        if call_sid not in self._live:
            raise LookupError(call_sid)
        self._live[call_sid].pause_recording(on=on)

    async def wait_empty(self) -> None:
        """Wait until no call is going on."""
        while self._live:
            await self._moved.wait()

    async def wait_moved(self) -> None:
        """Wait until one more call is over, or has been told how it goes on."""
        await self._moved.wait()

    async def wait_answered(self) -> None:
        """Wait until Twilio knows how every call goes on whose media stream has ended in a drain."""
        while self._unanswered:
            await self._moved.wait()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _new_token(self, call_sid: str, now: float, *, is_first: bool = True) -> str:
        token = secrets.token_urlsafe(24)
        self._admitted[call_sid] = _Admitted(token, now, is_first=is_first)
        return token

    def _forget_expired(self, now: float) -> None:
        expired = [sid for sid, admitted in self._admitted.items() if now - admitted.at >= TOKEN_LIFETIME]
        for sid in expired:
            del self._admitted[sid]
