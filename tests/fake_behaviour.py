"""What a test tells the fake realtime server about itself: its address, and in what way it misbehaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
ItemRule = frozenset[str] | Callable[[Event], bool]
"""Some conversation items: those with these ids, or those of which it is true."""
PATIENCE = 10.0
"""Seconds that a test waits for what should come."""


@dataclass(frozen=True)
class Behaviour:
    """In what way the server is not as it should be, on one connection."""

    handshake_status: int | None = None
    """Answer the handshake with this instead: 401, 429, 503, or 302 with the next field."""
    location: str | None = None
    retry_after: int | None = None
    """The Retry-After header of such an answer, in seconds."""
    handshake_delay: float = 0.0
    """Seconds until the handshake is answered; less if the client goes away."""
    greets: bool = True
    """Send session.created at all."""
    glued: bool = False
    """Send session.created in the same write as the handshake's response."""
    session_limit: float | None = None
    """Seconds until the session expires by itself; ``expires_at`` is that time cut to whole seconds."""
    confirms: bool = True
    """Answer session.update at all."""
    update_delay: float = 0.0
    """Seconds until it is answered."""
    update_error: str | None = None
    """Answer it with an error of this code."""
    output_format: Event | str | None = None
    """Confirm this in place of the output format that was asked for, and speak it."""
    refuses_items: ItemRule = frozenset()
    """Answer the creation of these items with an error that names the event."""
    silent_items: ItemRule = frozenset()
    """Take these items without a word."""
    own_ids: bool = False
    """Give the items that clients create ids of its own."""
    create_error: str | None = None
    """Answer response.create with an error of this code."""
    drops_created: bool = False
    """Never answer response.create."""


@dataclass(frozen=True)
class Front:
    """What a handshake must ask for; by default as of OpenAI's GA servers."""

    path: str = "/v1/realtime"
    parameters: Mapping[str, str | None] = field(default_factory=lambda: {"model": None})
    """The query: each of these once and nothing else, with this value (None: any but an empty one)."""
    headers: Mapping[str, str | None] = field(default_factory=lambda: {"OpenAI-Beta": None})
    """Headers with the value that they must have; None forbids the header."""
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "


AZURE_PREVIEW = Front(
    "/openai/realtime",
    {"api-version": "2025-04-01-preview", "deployment": None},
    {"Authorization": None},
    key_header="api-key",
    key_prefix="",
)


@dataclass(frozen=True)
class Received:
    """A client event, and when it came by `time.monotonic`."""

    at: float
    event: Event


def applies(rule: ItemRule, item: Event) -> bool:
    """Whether an item is one of those."""
    return rule(item) if callable(rule) else item["id"] in rule
