"""When an answer may be asked for: a conversation generates one response at a time. No I/O and no clock."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

CREATED_TIMEOUT = 10.0
"""Seconds in which a server must begin a response that was asked for."""
OWED_TIMEOUT = 5.0
"""Seconds after the caller's turn in which a server that answers by itself must begin to."""
SPEAKING_TIMEOUT = 60.0
"""Seconds after which the end of the caller's turn is taken to have been lost."""
MAX_WAITING = 8


class Wish(msgspec.Struct):
    """A response that is wanted."""

    params: Mapping[str, Any]
    """Of the response.create."""
    outputs: set[str]
    """Ids of tool outputs not yet in the server's conversation: any response begun with none of these left will do."""
    is_follow_up: bool = False
    """Wanted only so that the tool outputs are spoken of."""
    n_asked: int = 0
    """How often it was asked for in this session."""


class ResponseGate:
    """Who is generating, who has asked, and who must wait.

    ``server_answers`` says that the server answers the caller's turns by itself, so that while one is under way
    nothing else may be asked for.
    """

    def __init__(self, *, server_answers: bool) -> None:
        self.server_answers = server_answers
        self.active: str | None = None
        """Id of the response being generated."""
        self.speaking_since: float | None = None
        """When the caller began to speak, while they do."""
        self.owed_since: float | None = None
        """When the caller's turn ended, while its answer has not begun."""
        self.is_ignored = False
        """Whether a response was asked for twice and has not begun."""
        self._waiting: deque[Wish] = deque()
        self._asked: Wish | None = None
        self._asked_at = 0.0
        self._last: tuple[str, Wish] | None = None
        """What was asked for last and its event id: a refusal may come after another response has begun."""

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller's turn is under way."""
        return self.speaking_since is not None

    @property
    def is_idle(self) -> bool:
        """Whether nobody speaks, generates, or waits for an answer."""
        return not (self.is_answering or self._turn_is_open)

    @property
    def is_answering(self) -> bool:
        """Whether a response is being generated, or has been asked for."""
        return bool(self.active or self._asked or self._waiting)

    @property
    def _turn_is_open(self) -> bool:
        return self.speaking_since is not None or self.owed_since is not None

    def want(
        self, params: Mapping[str, Any] | None = None, outputs: Iterable[str] = (), *, follow_up: bool = False
    ) -> None:
        """Ask for a response; `next_wish` gives it when its time has come."""
        wish = Wish(params or {}, set(outputs), follow_up)
        if len(self._waiting) < MAX_WAITING and all(each != wish for each in self._waiting):
            self._waiting.append(wish)

    def next_wish(self, now: float) -> Wish | None:
        """What is to be asked for now; `asked` must follow."""
        self._forget_overdue(now)
        server_will = self.server_answers and self._turn_is_open
        if self.active or self._asked or server_will or self.is_ignored or not self._waiting:
            return None
        return self._waiting.popleft()

    def asked(self, wish: Wish, event_id: str, now: float) -> None:
        """A wish was sent as the client event of that id."""
        wish.n_asked += 1
        self._asked, self._asked_at = wish, now
        self._last = event_id, wish

    def item_known(self, item_id: str) -> None:
        """The server has an item in its conversation."""
        for wish in (*self._waiting, *([self._asked] if self._asked else [])):
            wish.outputs.discard(item_id)

    def speech_started(self, now: float) -> None:
        """The caller speaks."""
        self.speaking_since = now
        self.owed_since = None

    def speech_stopped(self, now: float) -> None:
        """The caller's turn is over."""
        self.speaking_since = None
        self.owed_since = now if self.server_answers else None

    def created(self, response_id: str) -> None:
        """A response has begun; it makes up for every follow-up whose tool outputs it knows."""
        self.active = response_id
        self.owed_since = None
        if self._last is not None and self._is_made_up_for(self._last[1]):
            self._last = None
        self._asked = None
        self._waiting = deque(wish for wish in self._waiting if not self._is_made_up_for(wish))

    def done(self, response_id: str) -> None:
        """A response is over."""
        if self.active == response_id:
            self.active = None

    def refused(self, event_id: str | None, *, because_active: bool) -> Wish | None:
        """An error came for a client event; return the wish if it was our response.create.

        If only another response was in the way, the wish waits for its end; that error need not name the event.
        """
        if self._last is None or (event_id != self._last[0] and not (because_active and not event_id)):
            return None
        wish = self._last[1]
        if because_active:
            self._waiting.appendleft(wish)
        self._asked = self._last = None
        return wish

    def reset(self) -> None:
        """A new session: nothing is under way in it, and what waits goes on waiting."""
        if self._asked is not None:
            self._waiting.appendleft(self._asked)
        for wish in self._waiting:
            wish.n_asked = 0
        self.is_ignored = False
        self.active = self._asked = self._last = self.owed_since = self.speaking_since = None

    def _is_made_up_for(self, wish: Wish) -> bool:
        return wish.is_follow_up and not wish.outputs

    def _forget_overdue(self, now: float) -> None:
        if self._asked is not None and now - self._asked_at > CREATED_TIMEOUT:
            self.is_ignored = self._asked.n_asked > 1
            self._waiting.appendleft(self._asked)
            self._asked = None
        if self.owed_since is not None and now - self.owed_since > OWED_TIMEOUT:
            self.owed_since = None
        if self.speaking_since is not None and now - self.speaking_since > SPEAKING_TIMEOUT:
            self.speaking_since = None
