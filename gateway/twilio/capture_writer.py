"""Writes captures of real media streams: JSON lines of timed messages, without what must not leave the house. Pure.

The first line is ``{"format":"media-stream-capture","version":1}``. Each other line is an object with ``t`` (seconds
since the first message), ``from`` (``twilio`` or ``gateway``) and ``text`` (the message). One file, one stream.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

FORMAT = "media-stream-capture"
VERSION = 1
MAX_LINE = 1 << 16
"""Bytes, its end included; the longest message that Twilio may send us."""
MAX_LINES = 1_000_000
MAX_DURATION = 4 * 3600
"""Seconds, the length of the longest call."""

Sender = Literal["twilio", "gateway"]

SECRET = "removed"  # noqa: S105 - what stands in a secret's place
_SID = re.compile(r"\b(AC|CA)[0-9a-fA-F]{32}\b")


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    format: str
    version: int


class Line(msgspec.Struct, frozen=True):
    """Each other line."""

    t: Annotated[float, Meta(ge=0, le=MAX_DURATION)]
    sender: Sender = msgspec.field(name="from")
    text: str


class _Kind(msgspec.Struct):
    event: str


_kind_decoder = msgspec.json.Decoder(_Kind)
_encoder = msgspec.json.Encoder()


class CaptureWriter:
    """Sans-I/O: makes a capture's lines of one media stream's messages. Every ``now`` is float seconds.

    Account and call SIDs become zeroes and the values of custom parameters are removed; audio and keys stay as they
    were. What cannot be read, and so not cleaned, is left out, and so is what a capture may not hold.
    """

    def __init__(self) -> None:
        self.n_left_out = 0
        """Messages that are not in the capture."""
        self._n_lines = 1
        self._began_at: float | None = None
        self._last_at = 0.0

    def header(self) -> str:
        """Write the first line."""
        return _encoder.encode(Header(FORMAT, VERSION)).decode() + "\n"

    def line(self, sender: Sender, text: str, now: float) -> str:
        """Write the line of a message, its end included; nothing if the message is left out."""
        if self._began_at is None:
            self._began_at = now
        at = max(self._last_at, round(now - self._began_at, 6))
        cleaned = _cleaned(text)
        line = b"" if cleaned is None or at > MAX_DURATION else _encoder.encode(Line(at, sender, cleaned))
        if not line or len(line) >= MAX_LINE or self._n_lines >= MAX_LINES:
            self.n_left_out += 1
            return ""
        self._last_at = at
        self._n_lines += 1
        return line.decode() + "\n"


def _cleaned(text: str) -> str | None:
    try:
        if _kind_decoder.decode(text).event in ("media", "mark", "clear"):
            return text  # there is no room for secrets in it
        without = _encoder.encode(_without_secrets(msgspec.json.decode(text))).decode()
    except (ValueError, RecursionError):
        return None
    return _SID.sub(lambda sid: sid[1] + "0" * 32, without)


def _without_secrets(value: object) -> object:
    """Copy decoded JSON, but for the values of custom parameters wherever they are."""
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _nothing_of(each) if name == "customParameters" else _without_secrets(each)
        for name, each in value.items()
    }


def _nothing_of(parameters: object) -> object:
    return dict.fromkeys(parameters, SECRET) if isinstance(parameters, Mapping) else SECRET
