"""Keeps secrets and phone numbers out of the log, whoever wrote the line: us, a library, or a peer whom we quote. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

SECRET = "[secret]"  # noqa: S105 - what stands for one
SHORTEST_SECRET = 6
"""Characters; replacing a shorter one would spoil the log and hide nothing that cannot be guessed."""

_CREDENTIALS = re.compile(r"\b([Bb]earer|[Bb]asic)(\s+)(?=[a-z]*[^a-z\s])[\w.~+/=-]{4,}")
"""Of an Authorization header; a word in small letters is just a word."""
_API_KEY = re.compile(r"\bsk-[\w*.-]{4,}")
"""OpenAI's keys, also with the asterisks with which its error messages shorten them."""
_PHONE_NUMBER = re.compile(r"(?:\+|%2[Bb])[1-9]\d{2,10}(\d{4})(?!\d)")
"""E.164, as text or in a form; a number of fewer than 8 digits is an emergency or service number, and no person's."""


class Redaction:
    """Hides given secrets, what else looks like one, and all of a phone number but its last four digits."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        longest_first = sorted(known, key=len, reverse=True)  # else the beginning of one would spare its end
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, _logger: object, _name: str, line: str | Mapping[str, object]) -> str:
        """Redact a rendered line; to be the last of a formatter's processors."""
        text = str(line)
        if self._secrets is not None:
            text = self._secrets.sub(SECRET, text)
        text = _CREDENTIALS.sub(rf"\1\2{SECRET}", text)
        text = _API_KEY.sub(SECRET, text)
        return _PHONE_NUMBER.sub(r"…\1", text)


def _forms(secret: str) -> set[str]:
    """A secret as it stands, in JSON, and in a URL."""
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
