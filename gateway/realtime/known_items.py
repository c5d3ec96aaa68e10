"""Which items the server of the present session knows, and under which ids. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.realtime.history import wire_id

MAX_UNACKNOWLEDGED = 64


@dataclass(frozen=True)
class _Sent:
    item: dict[str, Any]
    event_id: str


class KnownItems:
    """Keeps apart items the present server made or took, items of older sessions created again, and the rest.

    An item of an older session goes by its own id here, and by its wire id on the socket.
    """

    def __init__(self) -> None:
        self._unacknowledged: dict[str, _Sent] = {}
        self._wire_ids: dict[str, str] = {}
        self._own_ids: dict[str, str] = {}

    @property
    def unacknowledged(self) -> list[dict[str, Any]]:
        """Items that were sent and of which the server has not spoken yet."""
        return [sent.item for sent in self._unacknowledged.values()]

    def begin_session(self) -> None:
        """Nothing is known to a new server."""
        self._wire_ids.clear()
        self._own_ids.clear()

    def session_ready(self, item_ids: Iterable[str], taken: set[str]) -> list[str]:
        """Note which of our items the new server has taken, by their wire ids; return those."""
        restored = [item_id for item_id in item_ids if wire_id(item_id) in taken]
        for item_id in restored:
            self.know_as(item_id, wire_id(item_id))
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

    def forget(self, item_id: str) -> str:
        """An item of an older session is being deleted; return its wire id, whose events still name it."""
        return self._wire_ids.pop(item_id)

    def deleted(self, wire_id: str) -> str | None:
        """The server has deleted an item; return its own id if it is of an older session and not kept anew."""
        own_id = self._own_ids.pop(wire_id)
        return own_id if self._wire_ids.pop(own_id, None) == wire_id else None

    def sent(self, item: Mapping[str, Any], event_id: str) -> None:
        """An item is on its way."""
        self._unacknowledged[item["id"]] = _Sent(dict(item), event_id)
        if len(self._unacknowledged) > MAX_UNACKNOWLEDGED:
            del self._unacknowledged[next(iter(self._unacknowledged))]

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
