"""What a tool's output says, in words for the telephone."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.local_realtime.personas.words import identifier_words, joined, read_out, words_of

MAX_OUTPUT = 64 * 1024
"""Characters of an output that are read as JSON."""
MAX_SPOKEN = 400
"""Characters of somebody else's words that are said."""

_NUMBER = ("order_number", "order_id", "number", "order", "id", "order_no")
_STATUS = ("status", "state", "order_status", "shipping_status")
_CARRIER = ("carrier", "shipper", "courier", "shipped_by", "shipped_with")
_ARRIVES = ("arrives", "expected", "eta", "delivery_date", "estimated_delivery", "arrival", "expected_delivery",
            "arrives_on", "delivered_on", "delivered_at")  # fmt: skip
_ITEMS = ("items", "products", "contents", "lines")
_TOTAL = ("total", "amount", "price", "total_price")
_FOUND = ("found", "exists", "success", "ok")
_STATES = {
    "shipped": "has been shipped", "sent": "has been sent", "dispatched": "has been dispatched",
    "delivered": "was delivered", "cancelled": "has been cancelled", "canceled": "has been cancelled",
    "in transit": "is on its way", "on its way": "is on its way", "on the way": "is on its way",
    "out for delivery": "is out for delivery", "processing": "is being processed", "pending": "is still pending",
    "in preparation": "is being prepared", "preparing": "is being prepared", "being prepared": "is being prepared",
    "packed": "is packed", "delayed": "is delayed", "returned": "has been returned", "refunded": "has been refunded",
    "ready": "is ready", "ready for pickup": "is ready for pickup", "backordered": "is back-ordered",
    "received": "has been received", "confirmed": "is confirmed", "new": "has been received", "paid": "has been paid",
}  # fmt: skip
_MISSING = (" not found ", " no order ", " no such ", " unknown ", " does not exist ", " cannot find ", " could not find ",
            " not exist ", " no record ", " not known ", " nothing found ", " no match ", " couldnt find ", " invalid order ", " cant find ")  # fmt: skip
_WITH_ON = re.compile(r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|"
                      r"august|september|october|november|december|[0-9]{1,2}(?:st|nd|rd|th)?\b)", re.IGNORECASE)  # fmt: skip
_BROKEN = (" table ", " database ", " host ", " server ", " tool ", " function ", " module ", " connection ", " url ", " unknown error ",
           " timed out ", " timeout ", " bad gateway ", " service unavailable ", " traceback ")  # fmt: skip
"""Words of a failure that is not the caller's, although it may be about something that was not found."""
_FAILURES = ("error", "fail", "failure", "timeout")
_WITH_IS = ("being", "in", "on", "at", "out", "ready", "not", "under", "awaiting", "waiting")
"""States that begin so are what an order is; others it has."""
_LONG_NUMBER = re.compile(r"[0-9]{5,40}")
_UNITS = ("order", "result", "data", "response")


class OrderReport(msgspec.Struct, frozen=True):
    """An output that has been understood, more or less."""

    text: str
    """What to say of it; empty where it says nothing."""
    is_missing: bool = False
    """There is no such order."""
    is_failed: bool = False
    """The tool could not do it."""


def read_report(output: str) -> OrderReport:
    """Read a tool's output: an order as a JSON object, an error, any other JSON, or words."""
    try:
        value = msgspec.json.decode(output[:MAX_OUTPUT])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = output
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value in ([], {}):
        return OrderReport("", is_missing=True)
    if not isinstance(value, Mapping):
        return _of_words(_plain(value))
    fields = _fields(value)
    error = next((fields[key] for key in ("error", "errors") if fields.get(key)), None)
    if error or any(fields.get(key) is False for key in _FOUND):
        words = _plain(error or fields.get("message") or "")
        is_missing = _says_missing(words) or fields.get("found") is False or fields.get("exists") is False
        return OrderReport(_sentence(words), is_missing=is_missing, is_failed=not is_missing)
    if _first(fields, _STATUS) is None:
        return OrderReport(_sentence("; ".join(_listed(fields))))
    return _of_order(fields)


def _of_order(fields: Mapping[str, Any]) -> OrderReport:
    status = " ".join(words_of(_plain(_first(fields, _STATUS))))
    if status == "404" or _says_missing(status):
        return OrderReport("", is_missing=True)
    if status in _FAILURES or (status.isdigit() and status.startswith("5")):
        return OrderReport("", is_failed=True)
    parts = [_subject(fields), _STATES.get(status) or _state(status)]
    is_delivered, is_cancelled = status == "delivered", status.startswith("cancel")
    if (carrier := _plain(_first(fields, _CARRIER))) and not is_cancelled:
        parts.append(f"{'by' if is_delivered else 'with'} {carrier}")
    arrives = _day(_plain(_first(fields, _ARRIVES)))
    if arrives and not is_cancelled:
        parts.append(arrives if is_delivered else f"and should arrive {arrives}")
    return OrderReport(" ".join([f"{' '.join(parts)}.", *_contents(fields)]))


def _state(status: str) -> str:
    if status.startswith(tuple(f"{word} " for word in _WITH_IS)):
        return f"is {status}"
    return f"has the status {status or 'unknown'}"


def _subject(fields: Mapping[str, Any]) -> str:
    number = _plain(_first(fields, _NUMBER))
    return f"Order {read_out(number) if number.isdigit() else number}" if number else "Your order"


def _contents(fields: Mapping[str, Any]) -> Iterator[str]:
    items = _first(fields, _ITEMS)
    if isinstance(items, list) and items:
        names = [_item(item) for item in items[:5]]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        yield f"It has {listed}."
    elif isinstance(items, int) and not isinstance(items, bool):
        yield f"It has {items} {'item' if items == 1 else 'items'}."
    elif isinstance(items, str) and items.strip():
        yield f"It has {_plain(items)}."
    if total := _plain(_first(fields, _TOTAL)):
        yield f"The total is {' '.join([total, _plain(fields.get('currency'))]).strip()}."


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return _plain(item)
    name = _plain(item.get("name") or item.get("title") or item.get("description") or "one item")
    count = item.get("quantity") or item.get("qty") or item.get("count")
    return f"{count} times {name}" if isinstance(count, int) and count > 1 else name


def _fields(value: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields by names in lower case, out of the one object they may be wrapped in."""
    fields = {_field_name(key): each for key, each in value.items() if isinstance(key, str)}
    for key in _UNITS:
        inner = fields.get(key)
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        if isinstance(inner, Mapping):
            named = {_field_name(str(k)): each for k, each in inner.items()}
            has_own = _first(named, _STATUS) is not None
            outer = {name: each for name, each in fields.items() if not (has_own and name in _STATUS)}
            return {**{name: each for name, each in outer.items() if name != key}, **named}
    return fields


def _field_name(key: str) -> str:
    return "_".join(identifier_words(key))


def _first(fields: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((fields[key] for key in keys if fields.get(key) not in (None, "")), None)


def _listed(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in list(fields.items())[:8]:
        words = _plain(value)
        if words and name not in _FOUND:
            yield f"{name.replace('_', ' ')}: {words}"


def _of_words(words: str) -> OrderReport:
    is_broken = words.startswith("<") or _says(words, _BROKEN)
    is_missing = not is_broken and len(words) < 200 and _says_missing(words)
    return OrderReport(_sentence(words), is_missing=is_missing, is_failed=is_broken and len(words) < 200)


def _says_missing(words: str) -> bool:
    return _says(words, _MISSING) and not _says(words, _BROKEN)


def _says(words: str, phrases: tuple[str, ...]) -> bool:
    text = joined(words_of(words))
    return any(phrase in text for phrase in phrases)


def _day(text: str) -> str:
    """Say when: a date of the calendar gets its weekday, other words stay."""
    try:
        date = dt.date.fromisoformat(text[:10])
    except ValueError:
        return f"on {text}" if text and _WITH_ON.match(text) else text
    return f"on {date:%A}, {date:%B} {date.day}"


def _plain(value: Any) -> str:
    """Write a simple value as words; a list of them with commas, nothing of an object."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(filter(None, map(_plain, value[:8])))[:MAX_SPOKEN]
    if value is None or isinstance(value, Mapping):
        return ""
    text = " ".join(str(value)[: 4 * MAX_SPOKEN].split())
    return _LONG_NUMBER.sub(lambda match: read_out(match[0]), text) if len(text) > 12 else text


def _sentence(words: str) -> str:
    if len(words) > MAX_SPOKEN:
        words = words[:MAX_SPOKEN].rpartition(" ")[0] or words[:MAX_SPOKEN]
    words = words.strip()
    if not words:
        return ""
    words = words[0].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."
