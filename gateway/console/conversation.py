"""The feed's events as the page gets them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from gateway import feed as news

WHAT: Mapping[type[news.CallEvent], str] = MappingProxyType(
    {
        news.CallerSpeaking: "caller-speaking",
        news.CallerSilent: "caller-silent",
        news.CallerSaid: "caller-said",
        news.ModelSpeaking: "agent-speaking",
        news.ModelSaid: "agent-said",
        news.ModelHeard: "agent-heard",
        news.TextSent: "typed",
        news.Interrupted: "interrupted",
        news.ModelLost: "model-lost",
        news.ModelRestored: "model-restored",
    }
)
"""The events that belong to the conversation, and their names on the page."""
_FIELDS = {"item_id": "itemId", "text": "text", "heard_text": "heardText", "heard_ms": "heardMs"}


def for_page(event: news.CallEvent) -> dict[str, Any] | None:
    """Write one event; None for those that are not part of the conversation."""
    what = WHAT.get(type(event))
    if what is None:
        return None
    fields = msgspec.structs.asdict(event)
    return {"what": what, **{_FIELDS[name]: value for name, value in fields.items() if name in _FIELDS}}
