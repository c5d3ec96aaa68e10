"""What a new session has to be told of an older one. No I/O."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from gateway.realtime.conversation import Item

MAX_ITEMS = 200
MAX_CHARACTERS = 64 * 1024
"""Of the latest items; what is older is left out, as the model's own window would do."""
MAX_ID_LENGTH = 32
NOTE_PREFIX = "note_"
"""Begins the ids of items that mattered only to the session they were made for."""
MS_PER_CHARACTER = 60
"""Of English speech, roughly: how much sound to expect for words whose sound has not all come."""
LONGEST_WORD = 40
"""Characters. A longer run without a space is a sentence of a language that has none, with a foreign name in it."""


def heard_text(item: Item) -> str:
    """The words of an assistant's item that the caller has heard, as `heard_words` says.

    A written answer counts as read.
    """
    words = item.formatted.transcript
    if not words:
        return item.formatted.text
    said_ms = max(item.said_ms or 0, item.formatted.audio_ms)
    return heard_words(words, said_ms, item.heard_ms, is_whole=item.status == "completed")


def heard_words(words: str, said_ms: int, heard_ms: int | None, *, is_whole: bool) -> str:
    """Those of some spoken words that were heard, or will be when all that was sent has played.

    Words run ahead of sound, so where it was cut, or has not all come, they are cut in proportion, after a whole
    word where the language has spaces.

    Args:
        words: all of them.
        said_ms: how much of their sound has come.
        heard_ms: where the sound was cut; None if it was not.
        is_whole: whether all of their sound has come.
    """
    if heard_ms is None and is_whole:
        return words
    heard_ms = said_ms if heard_ms is None else heard_ms
    whole_ms = said_ms if is_whole else max(said_ms, len(words) * MS_PER_CHARACTER)
    if not words or heard_ms <= 0:
        return ""
    if heard_ms >= whole_ms:
        return words
    return _up_to(words, len(words) * heard_ms // whole_ms)


def _up_to(words: str, n: int) -> str:
    """At most so many characters; where they end in the middle of a word, without it."""
    if words[n].isspace() or " " not in words:
        return words[:n]
    start, end = words.rfind(" ", 0, n) + 1, words.find(" ", n)
    if (len(words) if end < 0 else end) - start > LONGEST_WORD:
        return words[:n]
    return words[: max(0, start - 1)]


def replay(
    items: Sequence[Item],
    unacknowledged: Sequence[dict[str, Any]] = (),
    deleted: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The items to create in a new session, in order, as the GA protocol's ``item``.

    Messages become text: the caller's words as they were recognised, the model's as far as they were heard. A
    function call is replayed with its output or not at all.

    Args:
        items: The conversation so far.
        unacknowledged: Items that were sent to the old session and may never have arrived.
        deleted: Ids of items that must not be told, whether the old session has confirmed it or not.
    """
    items = [item for item in items if item.id not in deleted]
    known = {item.id for item in items}
    missing = [item for item in unacknowledged if item["id"] not in known]
    outputs = {each["call_id"]: each for each in missing if each["type"] == "function_call_output"}
    for item in items:
        if item.type == "function_call_output" and item.call_id:
            outputs[item.call_id] = function_call_output(
                wire_id(item.id), item.call_id, item.formatted.output
            )
    groups = [list(_wire_items(item, outputs)) for item in items]
    groups += [
        [item] for item in missing if item["type"] == "message" and not item["id"].startswith(NOTE_PREFIX)
    ]
    replayed: list[dict[str, Any]] = []
    n_characters = 0
    for group in reversed(groups):
        n_characters += sum(_size(item) for item in group)
        if len(replayed) + len(group) > MAX_ITEMS or n_characters > MAX_CHARACTERS:
            break
        replayed += reversed(group)
    return replayed[::-1]


def message(item_id: str, role: str, text: str) -> dict[str, Any]:
    """A message as the GA protocol's ``item``."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def wire_id(item_id: str) -> str:
    """The id under which an item is created again: its own, unless that is longer than servers take."""
    return item_id if len(item_id) <= MAX_ID_LENGTH else sha256(item_id.encode()).hexdigest()[:MAX_ID_LENGTH]


def function_call_output(item_id: str, call_id: str, output: str) -> dict[str, Any]:
    """A tool's output as the GA protocol's ``item``."""
    return {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output}


def _wire_items(item: Item, outputs: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if item.id.startswith(NOTE_PREFIX):
        return
    tool = item.formatted.tool
    if item.type == "function_call" and tool is not None and tool.call_id in outputs:
        call = {"call_id": tool.call_id, "name": tool.name, "arguments": tool.arguments}
        yield {"id": wire_id(item.id), "type": "function_call", **call}
        yield outputs[tool.call_id]
    elif item.type == "message" and item.role is not None:
        text = (
            heard_text(item) if item.role == "assistant" else item.formatted.text or item.formatted.transcript
        )
        if text.strip():
            yield message(wire_id(item.id), item.role, text)


def _size(item: dict[str, Any]) -> int:
    """Characters of an item, more or less."""
    content = item.get("content", ())
    return sum(len(part.get("text", "")) for part in content) + len(item.get("output", ""))
