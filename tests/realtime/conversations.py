"""Short ways to feed a conversation in tests."""

from typing import Any

from gateway.realtime.conversation import (
    Item,
    RealtimeConversation,
)
from gateway.realtime.events import (
    ContentPart,
    ItemState,
    ServerEvent,
    Unknown,
)


def message(
    item_id: str, role: str = "assistant", status: str | None = "in_progress", **parts: str
) -> ItemState:
    """An item state; the keywords are its parts: type and text."""
    content = [
        ContentPart(kind, transcript=text) if "audio" in kind else ContentPart(kind, text=text)
        for kind, text in parts.items()
    ]
    return ItemState(item_id, role=role, status=status, content=content)


def call(item_id: str, status: str = "in_progress", arguments: str = "") -> ItemState:
    return ItemState(
        item_id, "function_call", status=status, name="hang_up", call_id="c", arguments=arguments
    )


def heard(conversation: RealtimeConversation, *events: ServerEvent | Unknown | dict[str, Any]) -> Item:
    """Apply events; return the item that the last one was about."""
    for event in events:
        item, _ = conversation.process_event(event)
    assert item is not None
    return item


def ids(conversation: RealtimeConversation) -> list[str]:
    return [item.id for item in conversation.get_items()]
