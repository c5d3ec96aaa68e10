"""What the embedded realtime server saw of one session: the file that it leaves for a load tester. Pure.

Both run on one machine, so their ``time.monotonic()`` is one clock. Samples are counted at 24 kHz, whatever the format:
one of mu-law, at 8 kHz, counts for three.
"""

import re
from typing import Literal

import msgspec

VERSION = 1
RATIO = 3
"""Samples counted for one at 8 kHz."""
FINISHED = ".observed"
UNFINISHED = ".observing"
"""Ends the name of the empty file that stands for a session as long as it goes on."""

_label = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

Encoding = Literal["pcm16", "pcmu"]
"""PCM16 at 24 kHz, little-endian, or mu-law at 8 kHz."""


class Passed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Audio that was sent at one moment."""

    at: float
    """When its text was handed to the socket; seconds of ``time.monotonic()``."""
    n_samples: int


class Appended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Audio that came at one moment, or up to so much earlier."""

    at: float
    """When it was read from the socket; seconds of ``time.monotonic()``."""
    n_samples: int
    late: float
    """Seconds for which the server itself may have left it unread, being busy."""


class ObservedItem(msgspec.Struct, frozen=True):
    """The audio of one output item."""

    item_id: str
    encoding: Encoding
    deltas: tuple[Passed, ...]
    """At least one."""
    chunks: tuple[bytes, ...]
    """Of the first deltas, as they were sent; fewer than the deltas once 30 s of a session's answers are kept."""


class Truncation(msgspec.Struct, frozen=True):
    """What the client told of how much was heard of an item, whether that was believed or not."""

    item_id: str
    audio_end_ms: int
    at: float
    """Seconds of ``time.monotonic()``."""


class Observed(msgspec.Struct, frozen=True):
    """One session."""

    version: int
    session_id: str
    input_encoding: Encoding
    """Of the first append."""
    appends: tuple[Appended, ...]
    input_chunks: tuple[bytes, ...]
    """The audio of the first appends, 30 s at most, and none in another format."""
    items: tuple[ObservedItem, ...]
    """Those of responses within the conversation, in the order in which they began."""
    truncations: tuple[Truncation, ...]
    """Of those items, in their order in time."""


def is_label(text: str) -> bool:
    """Whether a call may be called that: it becomes the beginning of a file's name."""
    return _label.fullmatch(text) is not None


def file_name(label: str, session_id: str, ending: str) -> str:
    """Name the file of a session."""
    return f"{label}-{session_id}{ending}"
