"""The short way for WebSocket text frames: nearly all that crosses either leg is one whole frame. No I/O.

RFC 6455 section 5.2. Handshakes, pings, closing, fragments and whatever breaks the rules stay with the libraries.
"""

import secrets

from websockets.speedups import apply_mask

_FIN_TEXT = 0x81
_MASKED = 0x80
_POOL = 4096


class FrameSplitter:
    """Cuts what a client sends into whole frames, and unmasks those that are a text message by themselves.

    From a frame on that it does not understand (unmasked, or longer than 64 KiB less one byte) everything is handed on
    as it came, for the library to judge.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._n_needed = 2
        self._is_in_message = False
        self._hands_on = False

    def hand_on(self) -> None:
        """Leave everything from now on to the library."""
        self._hands_on = True

    def feed(self, data: bytes) -> list[tuple[bool, bytes]]:
        """Take the next bytes; return what has become whole, in order.

        Returns:
            Pairs: True and a text message's payload, or False and bytes that are for the library.
        """
        if self._hands_on:
            return [(False, data)]
        if self._rest:
            self._rest += data
            if len(self._rest) < self._n_needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        pieces: list[tuple[bool, bytes]] = []
        start, end = 0, len(data)
        while True:
            frame = self._frame(data, start, end)
            if self._hands_on:
                pieces.append((False, data[start:]))
                return pieces
            if frame is None:
                self._rest += data[start:]
                return pieces
            payload_at, stop = frame
            if data[start] == _FIN_TEXT and not self._is_in_message:
                mask = data[payload_at - 4 : payload_at]
                pieces.append((True, apply_mask(data[payload_at:stop], mask)))
            else:
                self._follow(data[start])
                pieces.append((False, data[start:stop]))
            start = stop

    def _frame(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the payload of the frame at ``start`` begins and ends; None if it is not whole yet."""
        self._n_needed = 2
        if end - start < 2:
            return None
        length, payload_at = data[start + 1] & 0x7F, start + 6
        if not data[start + 1] & _MASKED or length == 127:
            self._hands_on = True
            return None
        if length == 126:
            self._n_needed = 4
            if end - start < 4:
                return None
            length, payload_at = int.from_bytes(data[start + 2 : start + 4], "big"), start + 8
        stop = payload_at + length
        self._n_needed = stop - start
        return (payload_at, stop) if stop <= end else None

    def _follow(self, first_byte: int) -> None:
        """Note whether a fragmented message is under way; control frames may stand between its fragments."""
        if first_byte & 0x0F < 0x8:
            self._is_in_message = not first_byte & 0x80


class Masks:
    """Masks for a client's frames, unpredictable as section 5.3 demands, drawn from the system many at a time."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def next(self) -> bytes:
        """A fresh mask, 4 bytes."""
        if self._at == len(self._pool):
            self._pool, self._at = secrets.token_bytes(_POOL), 0
        self._at += 4
        return self._pool[self._at - 4 : self._at]


def masked_text_frame(payload: bytes, mask: bytes) -> bytes:
    """A client's whole text message as one frame."""
    n = len(payload)
    if n < 126:
        head = bytes((_FIN_TEXT, _MASKED | n))
    elif n < 2**16:
        head = b"\x81\xfe" + n.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + n.to_bytes(8, "big")
    return b"".join((head, mask, apply_mask(payload, mask)))
