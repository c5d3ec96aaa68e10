"""The items of a conversation in their order, and what is known of items still to come."""

from collections.abc import Iterator
from typing import Any

from gateway.realtime.items import Item
from gateway.realtime.kept_audio import KeptAudio

MAX_ITEMS = 1000
MAX_EARLY = 64
"""Caller items of which something is known before the server announces them."""
MAX_REMEMBERED = 256
"""Ids remembered of items that are gone, and of transcripts that were counted."""


class ItemList:
    """At most 1000 items, the oldest of which are forgotten. An item that is gone does not come back by itself."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        """The number of the present session."""
        self.kept = KeptAudio()
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._unplaced: set[str] = set()
        self._early: dict[str, Item] = {}
        self._gone: dict[str, None] = {}

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    def __contains__(self, item: Item) -> bool:
        return item.id in self._items

    def get(self, item_id: str) -> Item | None:
        """The item of that id, if it is in the list."""
        return self._items.get(item_id)

    def find(self, item_id: str) -> Item | None:
        """The item of that id, in the list or still to be announced."""
        return self._items.get(item_id) or self._early.get(item_id)

    def begin_session(self) -> None:
        """Go on in a new session: what was being made ends incomplete, what waits for its item is dropped."""
        self.generation += 1
        for item in self._items.values():
            if not item.is_final:
                item.status = "incomplete"
        for item in self._early.values():
            self.kept.release(item)
        self._early.clear()

    def insert(self, item_id: str) -> Item | None:
        """A new item at the end, with what is known of it; None without an id, or if it is gone."""
        if not item_id or item_id in self._gone:
            return None
        item = self._early.pop(item_id, None) or Item(item_id, generation=self.generation)
        self._items[item_id] = item
        self._order.append(item_id)
        self._unplaced.add(item_id)
        if len(self._order) > MAX_ITEMS:
            self.forget(self._order[0])
        return item

    def caller_item(self, item_id: str) -> Item | None:
        """The caller's item, known or still to be announced; None without an id, or if it is gone."""
        item = self.find(item_id)
        if item is None and item_id and item_id not in self._gone:
            item = self._early[item_id] = Item(item_id, role="user", generation=self.generation)
            if len(self._early) > MAX_EARLY:
                self.kept.release(self._early.pop(next(iter(self._early))))
        return item

    def place(self, item: Item, previous_item_id: str | None) -> bool:
        """Put an item where its announcement says, once; return whether this was the first announcement.

        ``"root"`` is the beginning. Null, or an id that is not known, leaves the item where it is: servers write
        null both for no predecessor and for not saying.
        """
        if self.is_announced(item):
            return False
        self._unplaced.discard(item.id)
        if previous_item_id == "root":
            self._order.remove(item.id)
            self._order.insert(0, item.id)
        elif (
            previous_item_id in self._items
            and previous_item_id != item.id
            and self._order[-2:] != [previous_item_id, item.id]
        ):
            self._order.remove(item.id)
            self._order.insert(self._order.index(previous_item_id) + 1, item.id)
        return True

    def move_to_end(self, item_id: str) -> None:
        """Let an item be the last, if there is one of that id."""
        if item_id in self._items:
            self._order.remove(item_id)
            self._order.append(item_id)

    def is_announced(self, item: Item) -> bool:
        """Whether the server has said that the item is in its conversation."""
        return item.id not in self._unplaced

    def forget(self, item_id: str) -> Item | None:
        """Take an item out for good; return it."""
        item = self._items.pop(item_id, None)
        if item is not None:
            self._order.remove(item_id)
            self._unplaced.discard(item_id)
            self.kept.release(item)
            remember(self._gone, item_id)
        return item

    def readmit(self, item_id: str) -> None:
        """Let an item that is gone come back: the server announces it anew."""
        self._gone.pop(item_id, None)


def remember(ids: dict[Any, None], key: object) -> None:
    """Add a key to those that are remembered, at the cost of the oldest."""
    ids[key] = None
    if len(ids) > MAX_REMEMBERED:
        del ids[next(iter(ids))]
