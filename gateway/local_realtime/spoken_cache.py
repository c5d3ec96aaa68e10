"""Sounds that were made before: personas repeat themselves, and load runs say one line in hundreds of calls."""

from collections import OrderedDict

_OVERHEAD = 500
"""Bytes that an entry takes apart from its sound and text."""


class SpokenCache:
    """Keeps the sounds of the pieces spoken last, each at one speed, in up to ``max_bytes`` of memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sounds: OrderedDict[tuple[str, float], bytes] = OrderedDict()
        self.n_bytes = 0
        """Of all that is kept."""

    def get(self, piece: str, speed: float) -> bytes | None:
        """Give the sound of a piece, which counts as a use, or None."""
        if (piece, speed) in self._sounds:
            self._sounds.move_to_end((piece, speed))
        return self._sounds.get((piece, speed))

    def put(self, piece: str, speed: float, sound: bytes) -> None:
        """Keep a sound; those not used for longest give way. One larger than the cache is not kept."""
        n_bytes = _cost(piece, sound)
        if n_bytes > self._max_bytes:
            return
        if (piece, speed) in self._sounds:
            n_bytes -= _cost(piece, self._sounds.pop((piece, speed)))
        self._sounds[piece, speed] = sound
        self.n_bytes += n_bytes
        while self.n_bytes > self._max_bytes:
            (oldest, _), dropped = self._sounds.popitem(last=False)
            self.n_bytes -= _cost(oldest, dropped)


def _cost(piece: str, sound: bytes) -> int:
    return len(sound) + 4 * len(piece) + _OVERHEAD
