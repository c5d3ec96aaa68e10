"""Setting up one session on a fresh socket: created, configured, and told what was said before."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from gateway.errors import RealtimeError
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.events import (
    ErrorEvent,
    ItemAdded,
    ItemDone,
    ServerEvent,
    Session,
    SessionCreated,
    SessionUpdated,
    Unknown,
)
from gateway.realtime.retry import closed

RESTORE_TIMEOUT = 2.0
"""Seconds for all items of the history together; a session without all of them is better than none."""


class SessionOpening:
    """Opens one session; `run` once.

    Events that are not about the setting up wait in ``later``.
    """

    def __init__(self, api: RealtimeAPI, model: str | None = None) -> None:
        self.socket = api.new_socket(self._event)
        self.session_id: str | None = None
        self.expires_at: float | None = None
        """Unix time, seconds, if the server told."""
        self.later: list[ServerEvent | Unknown] = []
        self.restored: dict[str, str] = {}
        """Ids of the items of the history that the server took, and under which ids it has them."""
        self.is_used = False
        """Whether it became the session that is talked in."""
        self.payload: dict[str, Any] = {}
        """The session as we asked for it."""
        self._provider = api.provider
        self._model = model
        loop = asyncio.get_running_loop()
        self._created: asyncio.Future[Session] = loop.create_future()
        self._updated: asyncio.Future[Session] = loop.create_future()
        self._restored: asyncio.Future[None] = loop.create_future()
        self._update_id = ""
        self._items: dict[str, str] = {}
        """Items not yet acknowledged, with the event ids of their creation."""

    async def run(self, payload: dict[str, Any], history: Sequence[dict[str, Any]]) -> None:
        """Open the socket, configure the session, restore the items.

        Args:
            payload: The ``session`` of session.update, in the provider's own shape.
            history: Items to create, in the provider's own shape, each with an id.

        Raises:
            RealtimeError: the server cannot be reached, refuses the session, or confirms other audio formats.
        """
        self.socket.on_closed = self._closed
        await self.socket.open(self._model)
        try:
            created = await self._created
            self.payload = payload
            self._update_id = self.socket.send("session.update", {"session": payload})
            updated = await self._updated
            await self._restore(history)
        except BaseException:
            self.socket.abort()
            raise
        self.session_id = updated.id or created.id
        self.expires_at = updated.expires_at or created.expires_at

    async def _restore(self, history: Sequence[dict[str, Any]]) -> None:
        for item in history:
            self._items[item["id"]] = self.socket.send("conversation.item.create", {"item": item})
        if not history:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESTORE_TIMEOUT):
                await self._restored

    def _event(self, event: ServerEvent | Unknown) -> None:
        match event:
            case SessionCreated():
                _settle(self._created, event.session)
            case SessionUpdated():
                self._session_updated(event.session)
            case ErrorEvent():
                self._error(event)
            case ItemAdded() | ItemDone():
                self._acknowledged(event)
                self.later.append(event)
            case _:
                self.later.append(event)

    def _session_updated(self, session: Session) -> None:
        try:
            modalities = self.payload.get("output_modalities", self.payload.get("modalities"))
            self._provider.check_formats(session, speaks=modalities != ["text"])
        except RealtimeError as exc:
            self._fail(exc)
        else:
            _settle(self._updated, session)

    def _error(self, event: ErrorEvent) -> None:
        error = event.error
        code = error.code or error.type or "error"
        refused = next((item_id for item_id, sent in self._items.items() if sent == error.event_id), None)
        if refused is not None:
            del self._items[refused]
            self._settle_if_restored()
        elif not self._updated.done() and error.event_id in {None, "", self._update_id}:
            self._fail(RealtimeError("the server refused the session", code=code))
        else:
            self.later.append(event)

    def _acknowledged(self, event: ItemAdded | ItemDone) -> None:
        """An item was taken; one that is added under an id that is not ours, or none, is the oldest of ours."""
        its_id = sent_id = event.item.id
        if sent_id not in self._items and isinstance(event, ItemAdded):
            sent_id = next(iter(self._items), "")
        if self._items.pop(sent_id, None) is not None:
            self.restored[sent_id] = its_id or sent_id
            self._settle_if_restored()

    def _settle_if_restored(self) -> None:
        if not self._items:
            _settle(self._restored, None)

    def _closed(self, code: int, _: str) -> None:
        self._fail(RealtimeError(f"the server closed with {code}", code=closed(code)))

    def _fail(self, exc: RealtimeError) -> None:
        """End whichever step is waiting."""
        for step in (self._created, self._updated, self._restored):
            if not step.done():
                step.set_exception(exc)
                step.exception()  # only the step that is awaited raises it
                return


def _settle(step: asyncio.Future[Any], value: object) -> None:
    if not step.done():
        step.set_result(value)
