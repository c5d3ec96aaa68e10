"""Reads the attributes of TwiML as strictly as its documentation states them. Pure.

Twilio itself only warns about most slips (12200) and goes on; here each one ends the call, so that it is noticed.
"""

import re
from collections.abc import Collection
from typing import cast
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

from gateway.errors import GatewayError
from gateway.loadtest.steps import End
from gateway.loadtest.webhook import Method

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class FaultyDocumentError(GatewayError):
    """Carries the end of the call out of a document that cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.end = End(reason, detail)


def invalid(detail: str) -> FaultyDocumentError:
    """Say that a document is XML, but not TwiML."""
    return FaultyDocumentError("twiml-invalid", detail)


def only(element: Element, names: Collection[str]) -> None:
    """Refuse attributes that nobody has documented."""
    for name in element.keys():  # noqa: SIM118 - an Element is no mapping
        if name not in names:
            raise invalid(f"<{element.tag}> has no attribute {name}")


def whole(element: Element, name: str, default: int, low: int, high: int) -> int:
    """Read a whole number between two bounds, both included."""
    value = element.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
        raise invalid(f"<{element.tag} {name}={value[:40]!r}> is not from {low} to {high}")
    return int(value)


def flag(element: Element, name: str, *, default: bool) -> bool:
    """Read ``true`` or ``false``."""
    return one_of(element, name, "true" if default else "false", ("true", "false")) == "true"


def one_of(element: Element, name: str, default: str, values: Collection[str]) -> str:
    """Read one word of a closed list."""
    value = element.get(name, default)
    if value not in values:
        raise invalid(f"<{element.tag} {name}={value[:40]!r}>")
    return value


def number(text: str) -> str:
    """Read a telephone number, E.164."""
    if not _E164.fullmatch(text):
        raise invalid(f"{text[:40]!r} is not an E.164 number")
    return text


def method(element: Element) -> Method:
    """Read how a URL is to be asked; POST if nothing is said."""
    value = element.get("method", "POST").upper()
    if value not in ("GET", "POST"):
        raise invalid(f"<{element.tag} method={value!r}>")
    return cast("Method", value)


def webhook(base: str, url: str) -> str:
    """Make the URL of a webhook absolute: http or https, without what a request line cannot hold."""
    try:
        absolute = urljoin(base, url.strip())
        parts = urlsplit(absolute)
        if is_plain(absolute) and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return absolute
    except ValueError:
        pass
    raise invalid(f"{url[:200]!r} is not the URL of a webhook")


def action(element: Element, base: str) -> str | None:
    """Read an action URL, absolute; None without one."""
    url = element.get("action")
    return webhook(base, url) if url else None


def is_plain(url: str) -> bool:
    """Whether a URL is printable ASCII without blanks."""
    return url.isascii() and url.isprintable() and " " not in url


def text_of(element: Element) -> str:
    """All text in an element, its runs of white space made one blank each."""
    return " ".join("".join(element.itertext()).split())
