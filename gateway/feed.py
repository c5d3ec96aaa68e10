"""What happens on the calls, for whoever watches: the terminal, a console."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

import msgspec

from gateway.ending import Ending

MAX_WAITING = 1000
"""Events kept for a viewer that is slow; then its oldest are lost."""


class CallEvent(msgspec.Struct, frozen=True):
    """Something happened on a call. ``at`` is the event loop's clock, seconds."""

    call_sid: str
    at: float


class CallStarted(CallEvent, frozen=True):
    """The media stream is open and its token was right."""


class ModelReady(CallEvent, frozen=True):
    """The model has confirmed our session."""


class ModelLost(CallEvent, frozen=True):
    """The model's session is gone; another is being opened."""

    code: str
    """The server's word for it, or ours."""


class ModelRestored(CallEvent, frozen=True):
    """Another session has taken over, and knows what was said."""

    gap_ms: int
    """How long there was none; 0 where it was exchanged in time."""


class CallerSpeaking(CallEvent, frozen=True):
    """The model heard the caller begin to speak."""

    item_id: str
    """Of the turn that begins, as in the two events below."""


class CallerSilent(CallEvent, frozen=True):
    """The model heard the caller stop."""

    item_id: str


class CallerSaid(CallEvent, frozen=True):
    """The caller's words were recognised."""

    item_id: str
    text: str


class ModelSpeaking(CallEvent, frozen=True):
    """The first audio of an item was sent to the caller."""

    item_id: str


class ModelSaid(CallEvent, frozen=True):
    """The words of an item are complete; how much of it is heard is another matter."""

    item_id: str
    text: str


class ModelHeard(CallEvent, frozen=True):
    """It is known how much of an item was heard: its last mark came back, or it was cut."""

    item_id: str
    text: str
    """All its words so far."""
    heard_text: str
    """Those that were heard, in proportion to the sound; equal to ``text`` if it was heard whole."""


class ToolCalled(CallEvent, frozen=True):
    """The model calls a tool."""

    tool_call_id: str
    name: str
    """As the model has it; there may be no such tool."""


class ToolAnswered(CallEvent, frozen=True):
    """The model has the output of a tool's call."""

    tool_call_id: str


class TextSent(CallEvent, frozen=True):
    """A text was put into the call, by keys or through the API, as if the caller had said it."""

    text: str
    """Masked where the agent says so."""


class Interrupted(CallEvent, frozen=True):
    """The caller spoke over an item and heard only this much of it."""

    item_id: str
    heard_ms: int


class CallOver(CallEvent, frozen=True):
    """The call has ended."""

    ending: Ending


class Feed:
    """Hands every call event to every viewer, and waits for none of them."""

    def __init__(self) -> None:
        self._viewers: set[_Viewer] = set()

    def publish(self, event: CallEvent) -> None:
        """Give an event to whoever watches now."""
        for viewer in self._viewers:
            viewer.put(event)

    async def watch(self) -> AsyncGenerator[CallEvent, None]:
        """Every event from now on. The iterator must be closed when it is no longer wanted."""
        viewer = _Viewer()
        self._viewers.add(viewer)
        try:
            while True:
                yield await viewer.get()
        finally:
            self._viewers.discard(viewer)


class _Viewer:
    def __init__(self) -> None:
        self._events: deque[CallEvent] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()

    def put(self, event: CallEvent) -> None:
        self._events.append(event)
        self._news.set()

    async def get(self) -> CallEvent:
        while not self._events:
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()
