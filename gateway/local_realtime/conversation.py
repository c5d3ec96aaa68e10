"""The items of one conversation, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.local_realtime.errors import ClientEventError

MAX_ITEMS = 1000
MAX_BYTES = 16 * 2**20
"""Of the items' JSON: what a client can make a session remember."""


@dataclass
class Item:
    """One item, and how much audio belongs to it."""

    state: dict[str, Any]
    """As the server shows it, without audio."""
    audio_ms: int = 0
    truncated: bool = False
    n_bytes: int = 0
    heard: str = ""
    """The words the model understood, whether or not the client asked to be told."""
    awaits_words: bool = False
    """Its words are still being recognised."""
    is_silence: bool = False
    """Nobody spoke: the caller has been idle for too long."""

    @property
    def item_id(self) -> str:
        """The item's id."""
        return str(self.state["id"])

    @property
    def role(self) -> str | None:
        """Who said it; None if it is no message."""
        return self.state.get("role")

    def text(self) -> str:
        """All words of the item, typed or spoken."""
        parts = self.state.get("content", ())
        words = [part.get("text") or part.get("transcript") or "" for part in parts]
        if not any(part.get("transcript") for part in parts):
            words.append(self.heard)
        words += [self.state.get("arguments", ""), self.state.get("output", "")]
        return " ".join(word for word in words if word).strip()

    def truncate(self, audio_end_ms: int) -> None:
        """Forget the audio after ``audio_end_ms``, and the words, since nobody knows which were heard.

        Raises:
            ClientEventError: the item has no audio of the assistant's, or not that much.
        """
        if self.role != "assistant" or not self.audio_ms:
            raise ClientEventError("Only model output audio messages can be truncated", param="item_id")
        if audio_end_ms > self.audio_ms:
            message = f"Audio content of {self.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise ClientEventError(message, param="audio_end_ms")
        self.audio_ms = audio_end_ms
        self.truncated = True
        self.state = {**self.state, "content": [{"type": "output_audio", "transcript": ""}]}


class Conversation:
    """Items by id and in order; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._order: list[str] = []
        self._n_bytes = 0

    def __iter__(self) -> Iterator[Item]:
        return (self._items[item_id] for item_id in self._order)

    @property
    def last_id(self) -> str | None:
        """The id of the newest item."""
        return self._order[-1] if self._order else None

    def add(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Put an item after another one, first (``"root"``) or last (None); give the id of the one before it.

        Raises:
            ClientEventError: the id is taken, or there is no such item before it.
        """
        if item.item_id in self._items:
            raise ClientEventError(
                f"Error adding item: an item with id '{item.item_id}' already exists.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        place = self._place(previous_item_id)
        before = self._order[place - 1] if place else None
        item.n_bytes = len(msgspec.json.encode(item.state))
        self._items[item.item_id] = item
        self._order.insert(place, item.item_id)
        self._n_bytes += item.n_bytes
        self._forget_oldest(but=item.item_id)
        return before

    def put(self, item: Item) -> str | None:
        """Add an item of the session's own as `add` does; one that a client gave its id gives way."""
        self.remove(item.item_id)
        return self.add(item)

    def get(self, item_id: str) -> Item | None:
        """Find an item."""
        return self._items.get(item_id)

    def remove(self, item_id: str) -> bool:
        """Take an item out; False if there is none."""
        item = self._items.pop(item_id, None)
        if item is None:
            return False
        self._order.remove(item_id)
        self._n_bytes -= item.n_bytes
        return True

    def _place(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._order)
        if previous_item_id == "root":
            return 0
        if previous_item_id not in self._items:
            message = f"Error adding item: the previous item with id '{previous_item_id}' does not exist."
            raise ClientEventError(message, param="previous_item_id")
        return self._order.index(previous_item_id) + 1

    def _forget_oldest(self, *, but: str) -> None:
        while len(self._order) > 1 and (len(self._order) > MAX_ITEMS or self._n_bytes > MAX_BYTES):
            self.remove(self._order[0] if self._order[0] != but else self._order[1])
