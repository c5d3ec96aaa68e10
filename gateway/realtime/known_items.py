"""Which items the server of the present session knows, and under which ids. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.realtime.event_parts import ItemState
from gateway.realtime.history import NOTE_PREFIX, wire_id

MAX_UNACKNOWLEDGED = 64
MAX_DELETING = 1000
"""As many items as a conversation keeps."""


@dataclass(frozen=True)
class _Sent:
    item: dict[str, Any]
    event_id: str
    is_new: bool
    """Not one of an older session again."""


class KnownItems:
    """Keeps apart items the present server made or took, items of older sessions created again, and the rest.

    An item of an older session goes by its own id here, and by its wire id on the socket.
    """

    def __init__(self) -> None:
        self._unacknowledged: dict[str, _Sent] = {}
        self._wire_ids: dict[str, str] = {}
        self._own_ids: dict[str, str] = {}
        self.deleting: dict[str, None] = {}
        """Items that are being deleted: no later session may be told of them."""

    @property
    def unacknowledged(self) -> list[dict[str, Any]]:
        """New items that were sent and of which the server has not spoken yet."""
        return [
            sent.item
            for item_id, sent in self._unacknowledged.items()
            if sent.is_new and item_id not in self.deleting
        ]

    def begin_session(self) -> None:
        """Nothing is known to a new server."""
        self._wire_ids.clear()
        self._own_ids.clear()

    def session_ready(self, item_ids: Iterable[str], taken: Mapping[str, str]) -> list[str]:
        """Note which of our items the new server has taken, by the ids they were sent with; return those."""
        restored = [item_id for item_id in item_ids if wire_id(item_id) in taken]
        for item_id in restored:
            self.know_as(item_id, taken[wire_id(item_id)])
        return restored

    def know_as(self, item_id: str, wire_id: str) -> None:
        """An item of an older session is being created again under this id."""
        self._wire_ids[item_id] = wire_id
        self._own_ids[wire_id] = item_id

    def is_restored(self, item_id: str) -> bool:
        """Whether an item of an older session is known to the present one."""
        return item_id in self._wire_ids

    def wire_id(self, item_id: str) -> str:
        """The id by which the server knows an item."""
        return self._wire_ids.get(item_id, item_id)

    def own_id(self, wire_id: str) -> str | None:
        """The item of an older session that the server knows by this id."""
        return self._own_ids.get(wire_id)

    def delete(self, item_id: str) -> str:
        """An item is being deleted, for good; return its wire id."""
        self.deleting[item_id] = None
        if len(self.deleting) > MAX_DELETING:
            del self.deleting[next(iter(self.deleting))]
        return self.wire_id(item_id)

    def forget(self, item_id: str) -> str:
        """An item of an older session is being deleted; return its wire id, whose events still name it."""
        return self._wire_ids.pop(item_id)

    def deleted(self, wire_id: str) -> str | None:
        """The server has deleted an item; return its own id if it is of an older session and not kept anew."""
        own_id = self._own_ids.pop(wire_id)
        if self._wire_ids.get(own_id) != wire_id:
            return None
        del self._wire_ids[own_id]
        return own_id

    def sent(self, item: Mapping[str, Any], event_id: str, *, is_new: bool = True) -> None:
        """An item is on its way; the next session must be told of it if it is new."""
        self._unacknowledged[item["id"]] = _Sent(dict(item), event_id, is_new)
        if len(self._unacknowledged) > MAX_UNACKNOWLEDGED:
            del self._unacknowledged[next(iter(self._unacknowledged))]

    def added(self, item: ItemState) -> str:
        """The server has an item; return the id it was sent with, for some servers give it one of their own."""
        sent_id = item.id
        if item.id and item.id not in self._unacknowledged and item.id not in self._own_ids:
            alike = (sent_id for sent_id, sent in self._unacknowledged.items() if _is_alike(sent.item, item))
            sent_id = next(alike, item.id)
            if (own_id := self._own_ids.get(sent_id)) is not None:
                self.know_as(own_id, item.id)
            if sent_id.startswith(NOTE_PREFIX):
                self.deleting[item.id] = None  # a note by another name is still one
        self.acknowledged(sent_id)
        return sent_id

    def acknowledged(self, item_id: str) -> None:
        """The server has taken an item."""
        self._unacknowledged.pop(item_id, None)

    def refused(self, event_id: str | None) -> None:
        """The server has refused a client event, perhaps an item's creation."""
        refused = [item_id for item_id, sent in self._unacknowledged.items() if sent.event_id == event_id]
        for item_id in refused:
            del self._unacknowledged[item_id]

    def forget_unacknowledged(self) -> None:
        """What a new session would not take is given up."""
        self._unacknowledged.clear()


def _is_alike(sent: Mapping[str, Any], item: ItemState) -> bool:
    """Whether an item can be one that we sent: an answer to the same call, the call itself, or the same words."""
    if sent["type"] != item.type or sent.get("role") != item.role or sent.get("call_id") != item.call_id:
        return False
    words = [part.get("text") for part in sent.get("content", ())]
    return item.call_id is not None or (any(words) and words == [part.text for part in item.content or ()])
