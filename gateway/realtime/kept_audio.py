"""The audio that a conversation keeps for its items, when it is told to."""

from gateway.realtime.items import Item

MAX_KEPT_BYTES = 16 * 1024 * 1024
"""Of all items together: almost 6 minutes of PCM16 24 kHz."""


class KeptAudio:
    """Fills ``item.formatted.audio`` within a limit; the items that got theirs first lose it first."""

    def __init__(self) -> None:
        self._holders: dict[str, tuple[Item, int]] = {}
        self._n_bytes = 0

    @property
    def n_bytes(self) -> int:
        """How much all items hold."""
        return self._n_bytes

    def add(self, item: Item, audio: bytes) -> None:
        """Append to an item's audio; what does not fit beside the item's own is left out."""
        size = self._size(item)
        audio = audio[: MAX_KEPT_BYTES - size]
        item.formatted.audio += audio
        self._holders[item.id] = item, size + len(audio)
        self._n_bytes += len(audio)
        while self._n_bytes > MAX_KEPT_BYTES:
            oldest = next(holder for holder, _ in self._holders.values() if holder is not item)
            oldest.formatted.audio.clear()
            self.release(oldest)

    def cut(self, item: Item, n_bytes: int) -> None:
        """Shorten an item's audio."""
        size = self._size(item)
        if size > n_bytes:
            del item.formatted.audio[n_bytes:]
            self._holders[item.id] = item, n_bytes
            self._n_bytes -= size - n_bytes

    def release(self, item: Item) -> None:
        """Count an item's audio no longer: the item is forgotten, and whoever still holds it may keep it."""
        self._n_bytes -= self._size(item)
        self._holders.pop(item.id, None)

    def _size(self, item: Item) -> int:
        return self._holders.get(item.id, (item, 0))[1]
