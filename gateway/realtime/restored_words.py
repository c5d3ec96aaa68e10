"""Words of an item that was cut, and that the caller has heard after all. No I/O."""

from dataclasses import replace
from typing import Any

from gateway.realtime.conversation import Item
from gateway.realtime.history import NOTE_PREFIX, heard_text, message
from gateway.realtime.ids import generate_id


def restored_words(item: Item, from_ms: int, to_ms: int) -> dict[str, Any] | None:
    """The item that tells the server what was heard between two positions of an item of this session; None if no
    word ends between them. No later session may be told of it: there, the item itself has all its words.
    """
    known = heard_text(replace(item, heard_ms=from_ms))
    words = heard_text(replace(item, heard_ms=to_ms))[len(known) :].strip()
    return message(generate_id(NOTE_PREFIX), "assistant", words) if words else None
